"""The source interface as a supervisor starts it behind tor: `python -m tests.support.onion_program STATE SOCKET TOLD LIMITS`.

TOLD is a file that gets the number of each circuit that tor would be asked to close, one a line. LIMITS is JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

from deploy.circuits import CircuitPipe, CircuitReaper
from deploy.deadlines import Deadlines
from deploy.entrance import Room
from deploy.intake_server import serve
from deploy.intake_worker import Entry
from source_interface.budgets import Allowance, Policy


def main(state: str, socket: str, told: str, limits: str) -> int:
    given = json.loads(limits)
    policy = {
        name: Allowance(*value) if isinstance(value, list) else value for name, value in given.get("policy", {}).items()
    }
    entry = Entry(deadlines=Deadlines(**given.get("deadlines", {})), room=Room(**given.get("room", {})))
    pipe = CircuitPipe.open()
    server = os.fork()
    if server == 0:
        closer = pipe.closer()
        serve(
            Path(state),
            f"unix:{socket}",
            lambda: print("ready", flush=True),
            closer,
            entry=entry,
            policy=Policy(**policy),
        )
        return 0
    signal.signal(signal.SIGTERM, lambda *_: os.kill(server, signal.SIGTERM))
    with open(told, "a", encoding="ascii", buffering=1) as file:
        reaper = CircuitReaper(pipe.reader(), lambda circuit: print(circuit, file=file))
        while reaper.read(None):
            pass
    return os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
