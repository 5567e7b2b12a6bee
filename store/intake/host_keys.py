"""The intake host's own secrets, in files outside its database: a stolen database alone tests no codename."""

import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto import cbor
from crypto.errors import CryptoError
from crypto.kdf import PEPPER_LENGTH, SALT_LENGTH
from crypto.signed import SigningKey
from crypto.xwing import Identity
from store.files import write_whole
from store.intake.errors import SetupError

FILE_NAME: Final = "host.keys"


@dataclass(frozen=True, repr=False)
class HostKeys:
    """`signing_key` signs collect bundles, `identity` opens dispatch bundles; `salt` and `pepper` go into codenames' keys."""

    signing_key: SigningKey
    identity: Identity
    salt: bytes
    pepper: bytes

    @classmethod
    def generate(cls) -> "HostKeys":
        return cls(
            SigningKey.generate(),
            Identity.generate(),
            secrets.token_bytes(SALT_LENGTH),
            secrets.token_bytes(PEPPER_LENGTH),
        )

    def save(self, folder: Path) -> None:
        body = cbor.encode({
            "v": 1,
            "sign": self.signing_key.seed,
            "bundle": self.identity.seed,
            "salt": self.salt,
            "pepper": self.pepper,
        })
        write_whole(folder / FILE_NAME, [body])

    @classmethod
    def load(cls, folder: Path) -> "HostKeys":
        """SetupError when the file is missing, damaged, or readable by others."""
        path = folder / FILE_NAME
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise SetupError(
                    f"{FILE_NAME} can be read by other users of this machine: make it mode 600, and ask who could"
                )
            fields = cbor.Fields(cbor.decode(path.read_bytes()))
            fields.version(1)
            keys = cls(
                SigningKey(fields.bytes("sign", 32)),
                Identity(fields.bytes("bundle", 32)),
                fields.bytes("salt", SALT_LENGTH),
                fields.bytes("pepper", PEPPER_LENGTH),
            )
            fields.done()
        except FileNotFoundError as error:
            raise SetupError("this folder holds no intake host: run 'luwte-intake init' first") from error
        except (CryptoError, OSError) as error:
            raise SetupError(f"{FILE_NAME} is damaged or cannot be read") from error
        return keys
