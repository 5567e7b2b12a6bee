"""Keeps the onions up, in a process of its own: connects to tor, publishes, watches, and begins again when tor was restarted.

Two ways, one description. With a tor of our own the onions are set by the control socket. With a packaged tor they stand in
its torrc and are only checked (packaged.py); then `packaged` says where that tor is.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import stem
from stem.control import Controller

from deploy.onion import description, keys
from deploy.onion.control import BRIDGES, Say, await_bootstrap, connect, watch_clock
from deploy.onion.couriers import enrolled, note_fault, require_open
from deploy.onion.description import Onion
from deploy.onion.errors import MismatchError, OnionFolderError, TorFailedError, TorMissingError
from deploy.onion.hostile import CircuitReaping
from deploy.onion.packaged import examine_packaged
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Publisher
from deploy.onion.settings import Packaged

_BRIDGES_OF_PACKAGED: Final = "put bridge lines into the torrc of that tor, and reload it"
_START_SECONDS: Final = 60  # for our own tor to open its control socket
_AGAIN_SECONDS: Final = 2
_LOOK_SECONDS: Final = 0.5
_PUBLISH_SECONDS: Final = 90
_REST_SECONDS: Final = 60  # for the other directories, once one has a new descriptor: they are slow at times


@dataclass
class Keeper:
    """`run` returns never. `hostile_circuits`: the reading end of a pipe that names circuits to close (deploy.circuits).
    `published` and `tor_restarted` are called when that has happened, `couriers_examined` when it was found and noted whether
    couriers must be kept out. `was_up`: an earlier one had published; a tor that is
    away is waited for, and may be another than that one's."""

    places: OnionPlaces
    packaged: Packaged | None
    say: Say
    hostile_circuits: int | None = None
    published: Callable[[], None] = lambda: None
    tor_restarted: Callable[[], None] = lambda: None
    couriers_examined: Callable[[], None] = lambda: None
    was_up: bool = False
    _reload: bool = False
    _told: str = ""
    _clients: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Until killed. Errors of the first minute that the operator must mend are raised, OnionError; later ones are told, and
        tried again. MismatchError at any time: sources must not be served as this tor is now."""
        signal.signal(signal.SIGHUP, lambda *_: self._note_reload())
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                with connect(self._where()) as controller:
                    self._keep(controller)
            except (TorMissingError, TorFailedError) as error:
                if not self.was_up and (self.packaged or time.monotonic() > end):
                    raise
                if self.was_up and self._told != str(error):
                    self._told = str(error)
                    self.say(f"{error}. The onions come back when tor does")
            time.sleep(_AGAIN_SECONDS if self.was_up else 0.1)

    def _where(self) -> str:
        return self.packaged.control if self.packaged else str(self.places.control_socket)

    def _note_reload(self) -> None:
        self._reload = True

    def _keep(self, controller: Controller) -> None:
        if self.was_up:
            self.tor_restarted()
        if self.hostile_circuits is not None:
            CircuitReaping(controller, self.hostile_circuits).start()
        watch_clock(controller, self.say)
        await_bootstrap(controller, self.say, bridges=_BRIDGES_OF_PACKAGED if self.packaged else BRIDGES)
        publisher = Publisher(controller, self.say)
        self._reload = False
        addresses = self._examine(publisher, self.packaged) if self.packaged else self._put_own(publisher)
        publisher.expect(addresses)
        if not (self.packaged and all(map(publisher.is_known_to_tor, addresses.values()))):
            self._await(publisher)
        self.was_up, self._told = True, ""
        for name, address in addresses.items():
            self.say(f"The {name} onion is reachable: http://{address}")
        self.published()
        while True:
            publisher.watch(_LOOK_SECONDS)
            if self._reload:
                self._reload = False
                self._take_couriers(controller, publisher)

    def _await(self, publisher: Publisher) -> None:
        while not publisher.await_publication(_PUBLISH_SECONDS):
            for name in publisher.unpublished():
                self.say(
                    f"the {name} onion is not published after {_PUBLISH_SECONDS} seconds. tor goes on trying: check this "
                    "machine's network and clock"
                )

    def _put_own(self, publisher: Publisher) -> dict[str, str]:
        """Set the onions, check that tor has taken them as they were meant, and return their addresses by name."""
        self._clients = self._enrolled()
        require_open(self.places.source_onion)
        while True:
            onions = self._onions()
            publisher.put(onions)
            if (now := self._enrolled()) == self._clients:
                break
            # Changed while tor read the folder: an onion whose last client went away then must not stay.
            self._clients = now
        told, modes = publisher.told()
        for warning in description.check(onions, told, modes)[1]:
            self.say(warning)
        return {onion.name: keys.kept_address(onion.folder) for onion in onions}

    def _onions(self) -> list[Onion]:
        onions = [description.source_onion(self.places)]
        if self._clients:
            onions.append(description.courier_onion(self.places))
        return onions

    def _enrolled(self) -> dict[str, str]:
        try:
            found = enrolled(self.places.authorized_clients)
        except OnionFolderError as error:
            self.say(str(error))
            note_fault(self.places, str(error))
            return {}
        note_fault(self.places, None)
        return found

    def _take_couriers(self, controller: Controller, publisher: Publisher) -> None:
        """The enrolled couriers may have changed. Who was removed is out at once: the old introduction points are given up,
        so that a descriptor which somebody kept leads nowhere, and circuits that stand are closed."""
        if self.packaged:
            self._reload_packaged(controller, publisher, self.packaged)
            return
        before, self._clients = self._clients, self._enrolled()
        address = keys.kept_address(self.places.courier_onion)
        removed = set(before.values()) - set(self._clients.values())
        if removed:
            publisher.put([description.source_onion(self.places)])
            publisher.close_circuits(address)
        publisher.await_revision()
        addresses = self._put_own(publisher)
        publisher.expect(addresses)
        # With the same keys as before tor makes no new descriptor: none must be waited for.
        if self._clients and sorted(before.values()) != sorted(self._clients.values()):
            publisher.renew(address)
            self._await(publisher)
            # A directory that still has the old descriptor would turn a new courier away, whose tor does not soon ask again.
            publisher.await_everywhere(_REST_SECONDS)
        self._tell_couriers(address)

    def _tell_couriers(self, address: str) -> None:
        if self._clients:
            self.say(f"Couriers that may come: {', '.join(sorted(self._clients))}. Their onion: http://{address}")
        else:
            self.say("No courier is enrolled: their onion is withdrawn")

    def _examine(self, publisher: Publisher, packaged: Packaged) -> dict[str, str]:
        examined = examine_packaged(publisher, self.places, packaged, self.say)
        now, served = examined.addresses["source"], keys.read_address(self.places.source_address)
        if now != served:
            raise MismatchError(
                f"the source onion of this tor is {now}, and {served} is served: put the key of that onion back, or start the "
                "host again to serve the new address"
            )
        # Before their server ends, which lets what runs come to its end: who was removed gets no answer any more.
        publisher.close_circuits(keys.kept_address(self.places.courier_onion))
        if (fault := examined.couriers_fault) is not None:
            self.say(f"{fault}\nUntil that is mended no courier is let in. Sources are not touched by it")
        note_fault(self.places, fault)
        self.couriers_examined()
        return examined.addresses

    def _reload_packaged(self, controller: Controller, publisher: Publisher, packaged: Packaged) -> None:
        try:
            controller.signal(stem.Signal.RELOAD)
        except stem.ControllerError as error:
            raise TorFailedError(f"tor does not reload: {error}") from error
        addresses = self._examine(publisher, packaged)
        publisher.expect(addresses)
        self.say("tor has read its torrc again")
