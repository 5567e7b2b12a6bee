"""Onions that stand in the torrc of a packaged tor: checked against the description, never changed.

A fault of the source onion, or of that whole tor, is refused: sources would come by a way that does not protect them. A fault
of the couriers' onion keeps only couriers out: an operator who forgot a line for a courier must not cut sources off.
"""

from dataclasses import dataclass
from pathlib import Path

from deploy.onion import description, keys
from deploy.onion.control import Say
from deploy.onion.couriers import enrolled, key_line
from deploy.onion.description import Options
from deploy.onion.errors import MismatchError, OnionError, OnionFolderError
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Publisher
from deploy.onion.settings import Packaged


@dataclass(frozen=True)
class Examined:
    """The addresses of the onions that may be served, by name, and why couriers must be kept out, if they must."""

    addresses: dict[str, str]
    couriers_fault: str | None = None


def examine_packaged(publisher: Publisher, places: OnionPlaces, packaged: Packaged, say: Say) -> Examined:
    """Check the onions of a packaged tor. MismatchError, OnionError: sources must not be served."""
    told, modes = publisher.told()
    folders, warnings = description.check([description.source_onion(places)], told, modes)
    for warning in warnings:
        say(warning)
    found = {"source": _source_address(folders["source"], packaged.source_address)}
    try:
        return Examined(found | _courier(told, places, say))
    except (MismatchError, OnionFolderError) as error:
        return Examined(found, str(error))


def _courier(told: Options, places: OnionPlaces, say: Say) -> dict[str, str]:
    courier = description.courier_onion(places)
    if enrolled(places.authorized_clients):
        folders, warnings = description.check([courier], told, {})
        for warning in warnings:
            say(warning)
        address = _courier_address(folders["courier"], places)
        _check_clients(folders["courier"], places, say)
        return {"courier": address}
    if any(str(courier.socket) in value for _, value in told):
        raise MismatchError(
            "no courier is enrolled, and this tor has an onion for couriers, which may be open to everybody: remove its lines "
            "from torrc, or enrol a courier first (luwte-intake courier add)"
        )
    return {}


def _source_address(folder: Path, given: str | None) -> str:
    read = keys.known_address(folder)
    if read and given and read != given:
        raise MismatchError(
            f"intake.toml says that the source onion is {given}, and tor says {read}: correct intake.toml"
        )
    if (address := read or given) is None:
        raise OnionError(
            f"the source onion's address cannot be read from {folder / 'hostname'}: add this user to tor's group, "
            "or put 'source_onion = \"ADDRESS.onion\"' under [tor] in intake.toml"
        )
    return address


def _courier_address(folder: Path, places: OnionPlaces) -> str:
    """Its key is ours, so that couriers can be told the address before there is an onion that anybody could open."""
    ours = keys.kept_address(places.courier_onion)
    if (read := keys.known_address(folder)) not in (None, ours):
        raise MismatchError(
            f"the couriers' onion of this tor is {read}, and they know {ours}: copy {places.courier_onion} over {folder}, with "
            "tor's user as the owner, and restart tor"
        )
    return ours


def _check_clients(folder: Path, places: OnionPlaces, say: Say) -> None:
    clients = folder / "authorized_clients"
    try:
        told = {path.stem: path.read_bytes().strip() for path in clients.iterdir() if path.suffix == ".auth"}
    except OSError:
        say(
            f"{clients} cannot be read from here: see to it that it holds the same files as "
            f"{places.authorized_clients}, or the couriers' onion is open to everybody"
        )
        return
    # By their keys: one who was enrolled again has a new one, and whoever has the laptop that was lost has the old one.
    if told != {name: key_line(key) for name, key in enrolled(places.authorized_clients).items()}:
        raise MismatchError(
            f"the couriers in {clients} are not those in {places.authorized_clients}: copy the files "
            "there, with tor's user as their owner, remove the others, and reload tor"
        )
