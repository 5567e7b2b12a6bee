"""`deploy/try` heeds every option that it takes: two that do not go together are a usage error, and nothing is done."""

import subprocess
from itertools import combinations

import click
import pytest

from deploy.trial import options
from deploy.trial.__main__ import main
from tests.deploy.test_trial import TRY

ALL = sorted(parameter.opts[0] for parameter in main.params)
TOGETHER = {
    ("--desk-port", "--fresh"),
    ("--desk-port", "--onion"),
    ("--desk-port", "--source-port"),
    ("--desk-port", "--walkthrough"),
    ("--fresh", "--onion"),
    ("--fresh", "--source-port"),
    ("--fresh", "--walkthrough"),
    ("--onion", "--socks-port"),
    ("--onion", "--walkthrough"),
    ("--source-port", "--walkthrough"),
    *(tuple(sorted(("--state", other))) for other in ALL if other not in ("--state", "--socks-port")),
}


@pytest.mark.parametrize("pair", list(combinations(ALL, 2)), ids=" ".join)
def test_each_pair_of_options_goes_together_or_is_refused(pair):
    if pair in TOGETHER:
        options.check(pair)
    else:
        with pytest.raises(click.UsageError, match="has no meaning with"):
            options.check(pair)


@pytest.mark.parametrize("more", [("--desk-port",), ("--fresh",), ("--walkthrough",), ("--state",)])
def test_what_goes_with_an_onion_goes_with_its_port(more):
    options.check(("--onion", "--socks-port", *more))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--carry", "--browser"], "--browser has no meaning with --carry"),
        (["--carry", "--onion"], "--onion has no meaning with --carry"),
        (["--desk-port", "8081", "--carry"], "--desk-port has no meaning with --carry"),
        (["--browser", "--fresh"], "--fresh has no meaning with --browser"),
        (["--onion", "--source-port", "8080"], "--source-port has no meaning with --onion"),
        (["--socks-port", "8082"], "--socks-port has no meaning without --onion"),
    ],
)
def test_the_command_refuses_them_and_makes_nothing(given, said, tmp_path):
    state = tmp_path / "state"
    done = subprocess.run([TRY, "--state", state, *given], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: {said}\n")
    assert not state.exists()
