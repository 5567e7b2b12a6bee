"""What a bundle's file is called: a hint for people, the manifest decides."""

from crypto.manifest import Direction


def bundle_name(direction: Direction, number: int) -> str:
    return f"luwte-{direction}-{number:06}.age"
