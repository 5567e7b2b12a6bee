"""The intake host's configuration: `intake.toml` in its state folder, every line of it optional.

```toml
database_url = "postgresql+psycopg://luwte@/luwte?host=/run/postgresql"   # default: a file of its own

[languages]              # of the source's pages: which are offered; the others as 'luwte-intake languages' says
tr = true

[limits]                 # any field of store.intake.settings.Settings
file_bytes = 524288000

[tor]                    # only for a packaged tor whose torrc has the lines that 'luwte-intake torrc' prints
configured = true
control = "/run/tor/control"     # or 127.0.0.1:9051
sockets = "/run/luwte"           # where servers and tor meet; default STATE/run
source_onion = "....onion"       # only where tor's hostname file cannot be read
```
No line of it reaches the key derivation: that is fixed in the program.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from deploy.onion.settings import TorSettings, parse_tor
from store.intake.settings import Settings

FILE_NAME: Final = "intake.toml"


class ConfigurationError(Exception):
    """The configuration file is wrong; the message names the line."""


@dataclass(frozen=True)
class Configuration:
    """What the file says, checked."""

    settings: Settings
    database_url: str | None
    tor: TorSettings
    languages: Mapping[str, bool] = field(default_factory=dict)


def load_configuration(state: Path) -> Configuration:
    """Read the file; without one, everything has its default. ConfigurationError."""
    try:
        with (state / FILE_NAME).open("rb") as file:
            given = tomllib.load(file)
    except FileNotFoundError:
        return Configuration(Settings(), None, TorSettings())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{FILE_NAME}: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    url, limits, tor = given.pop("database_url", None), given.pop("limits", {}), given.pop("tor", {})
    languages = given.pop("languages", {})
    if given:
        raise ConfigurationError(
            f"{FILE_NAME}: '{min(given)}' is not known; allowed are database_url, [languages], [limits] and [tor]"
        )
    if url is not None and not isinstance(url, str):
        raise ConfigurationError(f"{FILE_NAME}: database_url must be a text")
    known = {field.name for field in fields(Settings)}
    if not isinstance(limits, dict) or (unknown := sorted(set(limits) - known)):
        name = unknown[0] if isinstance(limits, dict) else "limits"
        raise ConfigurationError(f"{FILE_NAME}: '{name}' is no limit; allowed are {', '.join(sorted(known))}")
    try:
        return Configuration(Settings(**limits), url, parse_tor(tor), _languages(languages))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{FILE_NAME}: {error}") from error


def _languages(choices: object) -> Mapping[str, bool]:
    if not choices:
        return {}
    from source_interface.languages import check_choices  # noqa: PLC0415 - it loads the web application

    if not isinstance(choices, dict):
        raise ConfigurationError(f"{FILE_NAME}: languages must be a table: [languages]")
    return check_choices(choices)
