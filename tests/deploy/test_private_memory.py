"""What a program with words and keys in memory writes nowhere, also when it crashes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.trial.folder import TrialFolder
from deploy.trial.line import RunningLine, set_up
from deploy.trial.processes import free_ports
from deploy.trial.transport import Loopback

PROGRAM = """
import ctypes, os, resource
{}
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))
os.fork() or os._exit(not (resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) and ctypes.CDLL(None).prctl(3) == 0))
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
KEPT = "from deploy.private_memory import keep_memory_private; keep_memory_private()"


@pytest.mark.parametrize("kept", [True, False])
def test_no_core_is_written_of_a_process_nor_of_those_it_forks(kept: bool) -> None:
    program = PROGRAM.format(KEPT if kept else "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout == "(0, 0) 0\n", done.returncode == 0) == (kept, kept), done


def test_the_servers_keep_theirs(tmp_path: Path) -> None:
    place = TrialFolder(tmp_path / "trial")
    place.root.mkdir()
    set_up(place)
    source_port, desk_port = free_ports(2)
    with RunningLine(place, Loopback(place, source_port), desk_port) as line:
        for pid in line.pids.values():
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in (pid, *map(int, children)):
                limits = Path(f"/proc/{one}/limits").read_text()
                assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
        assert os.getpid() not in line.pids.values()
