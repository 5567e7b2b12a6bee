"""The air-gapped desk's pages: served on loopback only, to one browser, while a handler has it unlocked."""

from journalist_interface.desk.app import create_app
from journalist_interface.desk.serve import serve

__all__ = ["create_app", "serve"]
