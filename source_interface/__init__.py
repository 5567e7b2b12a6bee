"""The source's web pages: `create_app` in app.py makes the WSGI application."""

from source_interface.app import create_app

__all__ = ["create_app"]
