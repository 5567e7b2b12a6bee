"""Puts onions into a tor that runs, waits until the network has their descriptors, and watches that it stays so."""

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import stem
from stem import HSDescAction
from stem.control import Controller, EventType

from deploy.onion.control import Say, ask, configuration
from deploy.onion.description import Onion, Options, options
from deploy.onion.errors import TorFailedError

_HIDDEN_SERVICES: Final = "HiddenServiceOptions"
_MODES: Final = ("HiddenServiceSingleHopMode", "HiddenServiceNonAnonymousMode")
_FAILURES: Final = 3  # of uploads in a row that are worth a line: single directories fail often
_REVISION: Final = 2  # seconds from one descriptor to the next: see `await_revision`
_SILENT: Final = 300  # seconds: tor does not tell of an upload whose circuit hangs or breaks
_RENEWED: Final = 3 * 3600  # seconds: tor renews a descriptor at least every two hours


class Health:
    """What is known of one onion's descriptor. Pure: events and the time go in, sentences come out."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.is_published = False
        self._failures = 0
        self._is_ill = False
        self._since = now
        self.begun_at = now
        # Only a renewed one must be seen to begin: others may have begun before we looked.
        self._is_new_begun = True
        self._under_way: Counter[str] = Counter()
        self._awaited_since: float | None = None

    @property
    def is_everywhere(self) -> bool:
        """Published, and no directory is still being sent the descriptor."""
        return self.is_published and not self._under_way.total()

    def renewed(self, now: float) -> None:
        """A new descriptor is on its way: what was published does not count. Uploads of the old may still be under way."""
        self.is_published, self._is_new_begun, self._since = False, False, now

    def begun(self, directory: str, now: float) -> None:
        """tor names all directories of a descriptor before the first of them has it."""
        self._is_new_begun, self.begun_at = True, now
        self._awaited_since = now if self._awaited_since is None else self._awaited_since
        self._under_way[directory] += 1

    def uploaded(self, directory: str, now: float) -> str | None:
        self._ended(directory)
        was_ill, self._is_ill, self._awaited_since = self._is_ill, False, None
        self.is_published, self._failures, self._since = self._is_new_begun, 0, now
        return f"the {self.name} onion is published again" if was_ill else None

    def failed(self, directory: str, reason: str) -> str | None:
        self._ended(directory)
        self._failures += 1
        if self._failures < _FAILURES or self._is_ill:
            return None
        return self._not_uploaded(reason)

    def looked_at(self, now: float) -> str | None:
        """Now and then. A sentence when no directory takes the descriptor, or when it was not renewed for long."""
        if now - self.begun_at > _SILENT:
            self._under_way.clear()
        if self._is_ill:
            return None
        if self._awaited_since is not None and now - self._awaited_since > _SILENT:
            return self._not_uploaded("no directory answers")
        if now - self._since < _RENEWED:
            return None
        self._is_ill = True
        return f"the {self.name} onion's descriptor was not renewed for hours: check this machine's network and clock"

    def _not_uploaded(self, reason: str) -> str:
        self._is_ill = True
        return (
            f"the {self.name} onion's descriptor cannot be uploaded ({reason}): it may not be found. tor tries again by "
            "itself; if this goes on, check this machine's network and clock"
        )

    def _ended(self, directory: str) -> None:
        if self._under_way[directory]:  # not so when it had begun before we looked
            self._under_way[directory] -= 1


class Publisher:
    """The onions of one control connection. Its sentences go to `say`. Every method: TorFailedError when tor is gone."""

    def __init__(self, controller: Controller, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._controller, self._say, self._clock = controller, say, clock
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._health: dict[str, Health] = {}
        try:
            controller.add_event_listener(self._events.put, EventType.HS_DESC)
        except stem.ControllerError as error:
            raise TorFailedError(f"tor does not report on its onions: {error}") from error

    def put(self, onions: Iterable[Onion]) -> None:
        """Set exactly these onions in tor, and read again which couriers may come. Nothing is written into a torrc."""
        self._take_all()  # what was reported until now is of descriptors made before
        # stem puts each value between quotes as it is.
        pairs = [(name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in options(onions)]
        try:
            self._controller.set_options(pairs)
        except stem.ControllerError as error:
            raise TorFailedError(f"tor refuses the onions: {error}") from error

    def told(self) -> tuple[Options, dict[str, str]]:
        """What tor says of its onions, and of the modes that hold for all of them."""
        return configuration(self._controller, _HIDDEN_SERVICES), dict(configuration(self._controller, *_MODES))

    def expect(self, addresses: dict[str, str]) -> None:
        """Watch these onions (name to address) from now on; those that were watched before keep what is known of them."""
        wanted = {address.removesuffix(".onion"): name for name, address in addresses.items()}
        now = self._clock()
        self._health = {key: self._health.get(key) or Health(name, now) for key, name in wanted.items()}

    def await_revision(self) -> None:
        """Until a descriptor made now is newer by its revision, which counts whole seconds: directories reject one that is
        of the same second as the last, and tor would not send it again for an hour or two."""
        self._take_all()
        while any(self._clock() < health.begun_at + _REVISION for health in self._health.values()):
            self.watch(0.25)

    def renew(self, address: str) -> None:
        """After `put`: a new descriptor of this onion is awaited, whatever was known."""
        self._health[address.removesuffix(".onion")].renewed(self._clock())

    def is_known_to_tor(self, address: str) -> bool:
        """Whether tor itself has made a descriptor for this address, in this run or one that it kept up since."""
        try:
            return bool(ask(self._controller, f"hs/service/desc/id/{address.removesuffix('.onion')}"))
        except TorFailedError:
            if not self._controller.is_alive():
                raise
            return False

    def await_publication(self, seconds: float) -> bool:
        """Until each watched onion's descriptor is at one directory at least. False when the time is over before."""
        return self._await(lambda health: health.is_published, seconds)

    def unpublished(self) -> list[str]:
        """The names of watched onions whose descriptor is at no directory."""
        return [health.name for health in self._health.values() if not health.is_published]

    def await_everywhere(self, seconds: float) -> bool:
        """Until no directory is still being sent one of their descriptors: who asks any of them gets the new one."""
        return self._await(lambda health: health.is_everywhere, seconds)

    def watch(self, seconds: float) -> None:
        """Take in what tor reports, for so long at most."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            event = None
        if event is None:
            if not self._controller.is_alive():
                raise TorFailedError("tor has ended or closed its control connection")
            for health in self._health.values():
                self._tell(health.looked_at(self._clock()))
        else:
            self._take_descriptor(event)

    def close_circuits(self, address: str) -> int:
        """Close the circuits on which visitors of this onion are connected. How many they were."""
        key, closed = address.removesuffix(".onion"), 0
        try:
            for circuit in self._controller.get_circuits([]):
                if circuit.rend_query == key and str(circuit.purpose).startswith("HS_SERVICE_REND"):
                    try:
                        self._controller.close_circuit(circuit.id)
                        closed += 1
                    except stem.InvalidArguments:
                        pass  # it had ended by itself
        except stem.ControllerError as error:
            raise TorFailedError(f"tor no longer answers: {error}") from error
        return closed

    def _take_all(self) -> None:
        while not self._events.empty():
            self.watch(0)

    def _await(self, is_done: Callable[[Health], bool], seconds: float) -> bool:
        end = self._clock() + seconds
        while not all(map(is_done, self._health.values())):
            if self._clock() > end:
                return False
            self.watch(0.25)
        return True

    def _take_descriptor(self, event: Any) -> None:
        health = self._health.get(str(event.address).removesuffix(".onion"))
        if health is None:
            return
        directory = str(event.directory)
        if event.action == HSDescAction.UPLOAD:
            health.begun(directory, self._clock())
        elif event.action == HSDescAction.UPLOADED:
            self._tell(health.uploaded(directory, self._clock()))
        elif event.action == HSDescAction.FAILED:
            self._tell(health.failed(directory, str(event.reason or "no reason given").replace("_", " ").lower()))

    def _tell(self, sentence: str | None) -> None:
        if sentence is not None:
            self._say(sentence)
