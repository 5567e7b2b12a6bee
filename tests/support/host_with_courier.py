"""`luwte-intake serve` with the stand-in as its courier's server: python -m tests.support.host_with_courier STATE [--torrc-lines FILE]."""

import sys
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.command import sentences
from deploy.intake_host import IntakeHost
from deploy.onion import own_tor
from deploy.onion.errors import OnionError
from tests.support import courier_stand_in


@contextmanager
def guard():
    with sentences((), (OnionError,)):
        yield


if __name__ == "__main__":
    with guard():
        IntakeHost(
            Path(sys.argv[1]),
            more_torrc_lines=own_tor.read_lines(Path(sys.argv[3])) if sys.argv[2:] else "",
            say=click.echo,
            guard=guard,
            serve_courier=courier_stand_in.serve,
        ).run()
