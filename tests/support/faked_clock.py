"""A tor whose clock is wrong: libfaketime under the real program. Nothing else of the machine is changed."""

from pathlib import Path

import pytest

from deploy.trial.tor_process import tool


def tor_with_clock(folder: Path, offset: str) -> str:
    """A PATH on which `tor` is one whose clock is `offset` away (faketime(1): `+3h`, `-40d`)."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("faketime is not installed: sudo apt-get install faketime")
    programs = folder / "programs"
    programs.mkdir()
    tor = programs / "tor"
    tor.write_text(f'#!/bin/sh\nLD_PRELOAD={found[0]} FAKETIME={offset} exec {tool("tor")} "$@"\n')
    tor.chmod(0o755)
    return f"{programs}:/usr/bin:/bin"
