"""A part of the host that ends again and again: started again a few times, ever later; then everything stops with a sentence."""

import os
import signal

from tests.support.processes import family
from tests.support.served_host import ServedHost, await_gone
from tests.support.waiting import runs, wait_until

ALONE = ("UseBridges 1", "Bridge 127.0.0.1:1")  # a tor that never becomes part of any network
STARTS = 6


def await_workers(host):
    """The source server's process id, once it has its two workers."""
    (found,) = wait_until(
        lambda: [pid for pid in host.children() if len(family(pid)) == 3],
        check=runs(host.process, lambda: host.said),
        words=lambda: host.said,
    )
    return found


def test_a_part_that_ends_again_and_again_stops_the_host(state):
    with ServedHost(state, torrc_lines=ALONE) as host:
        host.await_said(r"tor: \d+ %")
        started = {}
        for times in range(1, STARTS):
            server = await_workers(host)
            started |= host.children()
            os.kill(server, signal.SIGKILL)
            said = host.await_said(
                r"source server ended by itself \(exit code -9\); it is started again in (\d+) s", times=times
            )
            assert int(said[1]) == 2 ** (times - 1)
        server = await_workers(host)
        started |= host.children()
        os.kill(server, signal.SIGKILL)

        assert host.await_exit() == 1
        assert host.said.endswith(
            f"Error: source server ended {STARTS} times in a short time: look at the messages above\n"
        )
        await_gone(started)
        assert list((state / "run").iterdir()) == []
