"""Makes Luwte's own vectors, the hostile ones included: `python -m tests.vectors.make`.

Everything follows from fixed seeds but for wrap.json: HPKE draws its own randomness, so one wrapping of a fixed file key
was drawn once and is kept. The tests read the committed files, and check that this script still makes them.

Long bytes are written in parts: hex text, or a number of zeros. A hostile file is an edit of an honest one.
"""

import json
from collections.abc import Iterator

from tests.vectors import make_keys, make_notice, make_onion, make_plain, make_request, make_sealed
from tests.vectors.common import FOLDER


def made() -> Iterator[tuple[str, str]]:
    """File names and their text."""
    makers = {
        "codename": make_keys.codenames,
        "source-keys": make_keys.source_keys,
        "age-file": make_sealed.age_files,
        "sealed-object": make_sealed.sealed_objects,
        "request": make_request.requests,
        "response": make_request.responses,
        "epoch": make_keys.epochs,
        "card": make_keys.cards,
        "onion-address": make_onion.addresses,
        "onion-card": make_onion.cards,
        "line-notice": make_notice.notices,
        "bundle": make_sealed.bundles,
        "dispatch": make_sealed.dispatches,
        "padding": make_plain.paddings,
        "cbor": make_plain.cbors,
    }
    for name, maker in makers.items():
        yield f"{name}.json", json.dumps(maker(), indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    for name, text in made():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
