"""Composition: command lines, configuration and servers. Everything else is constructed here and passed in."""
