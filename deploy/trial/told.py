"""What a trial tells the person who started it."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from deploy.trial.folder import TrialFolder
from deploy.trial.transport import Network

Say = Callable[[str], None]

_WHERE: Final = {
    None: "",
    Network.PRIVATE: ", in a Tor network of its own",
    Network.PUBLIC: ", in the public Tor network",
}


def progress(text: str) -> None:
    """A line while something takes its time; what programs read stands on the other stream."""
    click.echo(text, err=True)


def warn_of_public(folder: TrialFolder) -> None:
    """Before an onion of the public network comes up."""
    progress("This trial uses the public Tor network: whoever has its address can reach it, from anywhere.")
    progress("It is not for real reports: its keys and its passphrase lie together in one folder of this machine.")
    progress(f"The address lasts in {folder.root}. --fresh, or removing that folder, ends it for good.")


def show(facts: Mapping[str, Any], folder: TrialFolder, *, already: bool = False) -> None:
    """How to reach what runs."""
    network = network_of(facts)
    click.echo(f"Luwte is running on this machine{' already' if already else ''}{_WHERE[network]}.")
    click.echo(f"  As a source:   {facts['source_url']}")
    if network is Network.PRIVATE:
        _beside(f"{shlex.join(folder.browser_command)}   (opens it in Firefox),")
        _beside(f"or any browser with the SOCKS v5 proxy 127.0.0.1:{facts['socks_port']}, for names, too")
        _beside("(Tor Browser cannot: it knows the public network alone)")
    elif network is Network.PUBLIC:
        _beside("(in Tor Browser, on any machine)")
    click.echo(f"  As a handler:  {facts['desk_login_url']}")
    # The desk removes the file when the link is used.
    link = "this link works once, in the browser that opens it first"
    link = link if folder.link.exists() else "used already; Ctrl-C where it runs and start again for a new one"
    _beside(f"({link})")
    click.echo(f"  Passphrase:    {facts['passphrase']}")
    through = ", through Tor" if network else ""
    click.echo(f"  As a courier:  {shlex.join(folder.carry_command)}   (carries bundles both ways{through})")


def network_of(facts: Mapping[str, Any]) -> Network | None:
    """The Tor network of a trial; None for one without Tor."""
    return Network(facts["onion"]) if "onion" in facts else None


def _beside(text: str) -> None:
    click.echo(f"{'':17}{text}")
