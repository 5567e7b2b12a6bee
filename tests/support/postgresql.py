"""A real PostgreSQL server of its own: data in a temporary folder, reached through a UNIX socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.support.disk import room_for

USER = "luwte"


class NotInstalledError(Exception):
    """This machine has no PostgreSQL server."""


class PostgreSQL:
    """A server that runs from construction to `stop`. It refuses to run as root, so root starts it as another user."""

    def __init__(self) -> None:
        self._bin = _newest_bin()
        self.folder = Path(tempfile.mkdtemp(prefix="luwte-pg-"))
        self.data = self.folder / "data"
        self._user = _unprivileged_user()
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            # Small WAL files: tests that search everything on its disk stay quick.
            initdb = [self._bin / "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--wal-segsize=1"]
            subprocess.run(
                [*initdb, "--locale=C", "--no-sync"], check=True, capture_output=True, user=self._user, cwd=self.folder
            )
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # Should the test run be killed, the kernel ends the server too.
                    *("setpriv", "--pdeathsig", "INT", "--"),
                    *(self._bin / "postgres", "-D", self.data, "-k", self.folder),
                    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"),
                    *("-c", "shared_buffers=16MB", "-c", "autovacuum=off", "-c", "max_connections=100"),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        while self._process.poll() is None:
            try:
                psycopg.connect(self._conninfo).close()
            except psycopg.OperationalError:
                time.sleep(0.02)  # asked again until it answers or has ended
            else:
                return
        raise RuntimeError((self.folder / "log").read_text("utf-8", "replace"))

    def crash(self) -> None:
        """As if the machine lost power, as far as one process can tell: it recovers from its log at `start`."""
        self._end(signal.SIGQUIT)

    @contextmanager
    def at_rest(self) -> Iterator[Path]:
        """Its data folder while it is shut down: everything that it holds is in the files."""
        self._end(signal.SIGINT)
        try:
            yield self.data
        finally:
            self.start()

    def stop(self) -> None:
        try:
            self._end(signal.SIGINT)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of an empty database: a schema of its own, which takes a hundredth of the time."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(self._conninfo) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        options = f"options=-csearch_path%3D{name}&application_name={name}"
        return f"postgresql+psycopg://{USER}@/postgres?host={self.folder}&{options}"

    def connect(self, url: str) -> psycopg.Connection:
        """A look at a database past all of our code."""
        return psycopg.connect(self._conninfo, options=str(make_url(url).query["options"]))

    def wait_until_unused(self, url: str) -> None:
        """Until nobody is connected to it: the server may still be finishing what a killed process had asked of it."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        name = str(make_url(url).query["application_name"])
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            while connection.execute(query, (name,)).fetchone() != (0,):
                time.sleep(0.01)  # asked again until it is so

    @contextmanager
    def with_room_for(self, size: int) -> Iterator[None]:
        """Restarted so that none of its files can grow beyond `size` bytes; afterwards as before."""
        self._end(signal.SIGINT)
        with room_for(size):  # a new process inherits the limit
            self.start()
        try:
            yield
        finally:
            self._end(signal.SIGINT)
            self.start()

    @property
    def _conninfo(self) -> str:
        return f"host={self.folder} user={USER} dbname=postgres"

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _newest_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).parent
    raise NotInstalledError("PostgreSQL's server is not installed")


def _unprivileged_user() -> str | None:
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
