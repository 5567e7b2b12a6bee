"""Which options of `deploy/try` have a meaning beside which others."""

from collections.abc import Collection, Mapping
from typing import Final

import click
from click.core import ParameterSource

_STARTS: Final = ("--onion", "--source-port", "--socks-port", "--desk-port", "--fresh", "--walkthrough")
_NEVER_WITH: Final[Mapping[str, Collection[str]]] = {
    "--carry": ("--browser", *_STARTS),  # both go by what the running trial says of itself
    "--browser": _STARTS,
    "--onion": ("--source-port",),
}
_ONLY_WITH: Final = {"--socks-port": "--onion"}


def check(given: Collection[str]) -> None:
    """UsageError names the first option among these that has no meaning beside, or without, another."""
    for option, others in _NEVER_WITH.items():
        for other in others:
            if option in given and other in given:
                raise click.UsageError(f"{other} has no meaning with {option}")
    for option, needed in _ONLY_WITH.items():
        if option in given and needed not in given:
            raise click.UsageError(f"{option} has no meaning without {needed}")


def given(context: click.Context) -> frozenset[str]:
    """The options that stand on the command line."""
    return frozenset(
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    )
