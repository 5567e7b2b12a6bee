"""Work in a child process that is killed in the middle of it."""

import os
import signal
import time
from collections.abc import Callable


def run_and_kill(work: Callable[[Callable[[], None]], None], delay: float) -> bool:
    """Run `work` in a child and kill it `delay` seconds after it has called what it is given. False: it had ended by
    then, and well."""
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the test runner may run in the child, whatever happens.
        try:
            work(lambda: os.close(said))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(said)
    os.read(heard, 1)  # returns when the child is ready
    os.close(heard)
    time.sleep(delay)  # the moment of the kill, not a wait for something to happen
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False
