"""The desk loads no network code of its own, serves loopback only, and cannot call out."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# http.client and ssl come in with Werkzeug's development server, which is never started; see the last test for what holds
# then all the same.
NEVER = (
    *("stem", "gunicorn", "requests", "urllib3", "httpx", "aiohttp", "psycopg"),
    *("urllib.request", "http.cookiejar", "ftplib", "smtplib", "xmlrpc"),
)
FORBIDDEN = re.compile(r"(socket|ssl|http|urllib\.request|asyncio|stem|gunicorn|requests|httpx|ftplib|smtplib)(\..*)?")


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_fresh_desk_loads_no_network_library() -> None:
    names = "store.desk.place, journalist_interface.desk, crypto.age"
    result = _run(f"import sys, {names}; print([name for name in {NEVER!r} if name in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def test_storage_and_cryptography_of_the_desk_load_no_http_at_all() -> None:
    result = _run(
        "import sys, store.desk.place, crypto.age; print([n for n in ('http.client', 'flask') if n in sys.modules])"
    )
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("folder", ["journalist_interface/desk", "store/desk", "crypto"])
def test_no_module_of_the_desk_imports_the_network(folder: str) -> None:
    modules = list((ROOT / folder).rglob("*.py"))
    assert modules
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not [name for name in names if FORBIDDEN.fullmatch(name)], module


def test_a_serving_desk_cannot_connect_or_look_up_names() -> None:
    result = _run(
        "from journalist_interface.desk.offline import refuse_connections\n"
        "import socket\n"
        "refuse_connections()\n"
        "for act in (lambda: socket.create_connection(('127.0.0.1', 9), 1), lambda: socket.getaddrinfo('localhost', 80),\n"
        "            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))):\n"
        "    try:\n"
        "        act()\n"
        "    except PermissionError as error:\n"
        "        print(error)\n"
    )
    assert result.stdout.splitlines() == ["the desk makes no connections"] * 3, result.stderr
