"""Closes the circuits that the servers name as hostile, for as long as one tor runs."""

import threading
from typing import Final

from stem.control import Controller

from deploy.circuits import CircuitReaper

_LOOK_SECONDS: Final = 1.0


class CircuitReaping(threading.Thread):
    """Ends by itself when the control connection does. A later tor gets a new one: its circuits have numbers of their own."""

    def __init__(self, controller: Controller, pipe: int) -> None:
        super().__init__(name="reaping", daemon=True)
        self._controller = controller
        self._reaper = CircuitReaper(pipe, self._close)

    def run(self) -> None:
        while self._controller.is_alive() and self._reaper.read(_LOOK_SECONDS):
            pass

    def _close(self, circuit_id: int) -> None:
        self._controller.close_circuit(str(circuit_id))
