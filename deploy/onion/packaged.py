"""Onions that stand in the torrc of a packaged tor: checked against the description, never changed."""

from pathlib import Path

from deploy.onion import description, keys
from deploy.onion.control import Say
from deploy.onion.couriers import enrolled
from deploy.onion.errors import MismatchError, OnionError
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Publisher
from deploy.onion.settings import Packaged


def examine_packaged(publisher: Publisher, places: OnionPlaces, packaged: Packaged, say: Say) -> dict[str, str]:
    """Check the onions of a packaged tor and return their addresses by name. MismatchError, OnionFolderError."""
    told, modes = publisher.told()
    courier = description.courier_onion(places)
    onions = [description.source_onion(places)]
    if enrolled(places.authorized_clients):
        onions.append(courier)
    elif any(str(courier.socket) in value for _, value in told):
        raise MismatchError(
            "no courier is enrolled, and this tor has an onion for couriers, which may be open to everybody: remove its lines "
            "from torrc, or enrol a courier first (luwte-intake courier add)"
        )
    folders, warnings = description.check(onions, told, modes)
    for warning in warnings:
        say(warning)
    given = {"source": packaged.source_address, "courier": packaged.courier_address}
    found = {name: _packaged_address(name, folder, given[name]) for name, folder in folders.items()}
    if "courier" in folders:
        _check_clients(folders["courier"], places, say)
    if found["source"] is None:
        raise OnionError(
            f"the source onion's address cannot be read from {folders['source'] / 'hostname'}: add this user to tor's group, "
            "or put 'source_onion = \"ADDRESS.onion\"' under [tor] in intake.toml"
        )
    return {name: address for name, address in found.items() if address is not None}


def _packaged_address(name: str, folder: Path, given: str | None) -> str | None:
    read = keys.known_address(folder)
    if read and given and read != given:
        raise MismatchError(
            f"intake.toml says that the {name} onion is {given}, and tor says {read}: correct intake.toml"
        )
    return read or given


def _check_clients(folder: Path, places: OnionPlaces, say: Say) -> None:
    try:
        names = {path.name for path in (folder / "authorized_clients").iterdir() if path.suffix == ".auth"}
    except OSError:
        say(
            f"{folder / 'authorized_clients'} cannot be read from here: see to it that it holds the same files as "
            f"{places.authorized_clients}, or the couriers' onion is open to everybody"
        )
        return
    if names != {f"{name}.auth" for name in enrolled(places.authorized_clients)}:
        raise MismatchError(
            f"the couriers in {folder / 'authorized_clients'} are not those in {places.authorized_clients}: copy the files "
            "there, with tor's user as their owner, remove the others, and reload tor"
        )
