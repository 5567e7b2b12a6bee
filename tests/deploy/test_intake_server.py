"""The server ends when it is told to, however early."""

import os
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen

from tests.support.processes import family
from tests.support.served_host import await_gone, command_line

# A worker asks for `entry` before it has handlers of its own for signals.
TOLD_TO_END_WHILE_A_WORKER_BEGINS = """
import os, sys
from deploy.intake_server import IntakeServer
from deploy.intake_worker import Entry

class Slow(IntakeServer):
    @property
    def entry(self):
        if os.getpid() != arbiter:
            print("begins", flush=True)
            os.read(0, 1)  # until the test has told it to end
        return Entry()

    @entry.setter
    def entry(self, _):
        pass

arbiter = os.getpid()
Slow("unix:" + sys.argv[1], lambda: None).run()
"""


def test_a_worker_that_is_told_to_end_before_it_listens_for_it_ends_at_once(tmp_path: Path) -> None:
    program = [sys.executable, "-c", TOLD_TO_END_WHILE_A_WORKER_BEGINS, tmp_path / "socket"]
    with Popen(
        program, stdin=PIPE, stdout=PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline() == b"begins\n"
        workers = {pid: command_line(pid) for pid in family(server.pid) if pid != server.pid}
        assert workers
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        server.stdin.close()
        await_gone(workers)
        server.terminate()
        server.wait(60)
