"""What a supervisor's child leaves when it is killed."""

import os
import signal
from pathlib import Path

from deploy.children import Child
from tests.support.processes import await_ended, family
from tests.support.waiting import wait_until


def has_ended(child: Child) -> bool:
    child.look()
    return not child.is_running


def test_what_a_killed_child_started_does_not_outlive_it(tmp_path: Path) -> None:
    """Else a server's workers hold its lock, and the next server ends for want of it."""

    def work(ready: object) -> None:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (tmp_path / "there").touch()
        signal.pause()

    child = Child("server", work)
    child.start()
    wait_until((tmp_path / "there").exists)
    whole = family(child.pid)
    assert len(whole) == 2

    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: has_ended(child))
    assert child.code == -signal.SIGKILL
    await_ended(whole)
    child.close()
