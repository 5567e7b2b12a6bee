"""Who may reach the courier onion: `authorized_clients/NAME.auth` in tor's own format (tor(1), CLIENT AUTHORIZATION).

Tor passes over a file that it cannot read, and an onion of which it read none is open to everybody. So each file is checked
here first, and a single bad one keeps the onion from being published.
"""

import re
import stat
from pathlib import Path
from typing import Final

from deploy.onion.errors import OnionFolderError
from deploy.onion.places import OnionPlaces, check_private
from store.files import write_whole

_KIND: Final = "descriptor:x25519:"
_LINE: Final = re.compile(_KIND + r"([A-Z2-7]{52})\n?")
_MOST_BYTES: Final = 256


def require_open(onion_folder: Path) -> None:
    """OnionFolderError when the source onion's folder enrols clients: sources have no key, and could not find it."""
    if any((onion_folder / "authorized_clients").glob("*.auth")):
        raise OnionFolderError(
            f"{onion_folder / 'authorized_clients'} holds keys, so that no source could find the onion: couriers are enrolled "
            "with 'luwte-intake courier add', in another folder. Remove the files there"
        )


def enrolled(authorized_clients: Path) -> dict[str, str]:
    """Name and public key (base32) of each enrolled courier. OnionFolderError when a file is not what tor would take."""
    found = {}
    if not authorized_clients.is_dir():
        return {}
    check_private(authorized_clients)
    for path in sorted(authorized_clients.glob("*.auth")):
        try:
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                raise OnionFolderError(f"{path} is no plain file: remove it")
            check_private(path)
            text = path.read_bytes()[:_MOST_BYTES].decode("ascii", "replace")
        except FileNotFoundError:
            continue  # removed at this moment
        except OSError as error:
            raise OnionFolderError(f"{path} cannot be read: {error.strerror}") from error
        line = _LINE.fullmatch(text)
        if line is None:
            raise OnionFolderError(
                f"{path} is damaged, and tor would pass over it: enrol this courier again with 'luwte-intake courier add', "
                "or remove the file. Until then the courier's onion is not published"
            )
        found[path.stem] = line[1]
    return found


def note_fault(places: OnionPlaces, fault: str | None) -> None:
    """Write down why couriers are kept out, for the host's supervisor and `luwte-intake status`; None: they are not."""
    if fault is None:
        places.couriers_fault.unlink(missing_ok=True)
    else:
        write_whole(places.couriers_fault, [fault.encode()])


def noted_fault(places: OnionPlaces) -> str | None:
    """Why a running host keeps couriers out; None when it does not."""
    try:
        return places.couriers_fault.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None


def key_line(key: str) -> bytes:
    """What a courier's file holds, without the line's end."""
    return f"{_KIND}{key}".encode("ascii")
