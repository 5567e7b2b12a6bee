"""A request, while it arrives and before any thread is held for it.

Behind tor, a connection begins with one line of the PROXY protocol v1 (HAProxy's `proxy-protocol.txt`), which tor writes
(`HiddenServiceExportCircuitID haproxy`). It names the circuit as an address in fc00:dead:beef:4dad::/96. The client's
own bytes come after it: whatever a client sends can only stand where a request belongs.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

_CIRCUITS: Final = ipaddress.IPv6Network("fc00:dead:beef:4dad::/96")
_LONGEST_LINE: Final = 107  # bytes with its end, by the standard
_LONGEST_REQUEST_LINE: Final = 2_048
_BEGIN: Final = b"PROXY TCP6 "
_PROXY: Final = re.compile(rb"PROXY TCP6 ([0-9A-Fa-f:]{2,39}) ([0-9A-Fa-f:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})")
_REQUEST_LINE: Final = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_EXPECT: Final = re.compile(rb"\r\nexpect:", re.IGNORECASE)  # an interim answer would have a size of its own
_BARE: Final = re.compile(rb"(?<!\r)\n")
_END: Final = b"\r\n\r\n"


class HostileError(Exception):
    """No client of ours sends this, or tor does not speak as it must."""


class Step(Enum):
    """What to do with a connection next."""

    WAIT = "wait"  # for more of it
    BODY = "body"  # the header is whole, and what follows is short enough to wait for it, too
    SERVE = "serve"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Sizes:
    """In bytes. What is larger than `small_body` is read by a thread as it comes."""

    head: int = 16 * 1024
    small_body: int = 16 * 1024


@dataclass
class Arrival:
    """One connection's bytes so far. `circuit` is None until the PROXY line is whole, and always without tor."""

    behind_tor: bool
    sizes: Sizes = field(default_factory=Sizes)
    circuit: int | None = None
    untrusted: bytearray = field(default_factory=bytearray)
    _needed: int | None = None  # bytes of header and small body together
    _scanned: int = 0  # bytes that were looked at, so that one byte at a time costs no more than all at once

    def feed(self, data: bytes) -> Step:
        """Take in what came, b"" for the sender's end. At most one page of memory more than `sizes` is ever held."""
        self.untrusted += data
        try:
            if self.behind_tor and self.circuit is None and not self._proxy_line():
                return Step.WAIT if data else Step.REFUSE
            step = self._request()
        except HostileError:
            return Step.REFUSE
        if data or step is Step.SERVE:
            return step
        # The sender has ended. A body that is cut is answered like any broken one; half a header is not a request.
        return Step.SERVE if self._needed is not None else Step.REFUSE

    def _proxy_line(self) -> bool:
        end = self.untrusted.find(b"\r\n", 0, _LONGEST_LINE)
        if end < 0:
            begun = bytes(self.untrusted[: len(_BEGIN)])
            if len(self.untrusted) >= _LONGEST_LINE or not _BEGIN.startswith(begun):
                raise HostileError
            return False
        self.circuit = circuit_of(bytes(self.untrusted[:end]))
        del self.untrusted[: end + 2]
        return True

    def _request(self) -> Step:
        if self._needed is None:
            self._needed = self._head()
            if self._needed is None:
                return Step.WAIT
            if len(self.untrusted) < self._needed:
                return Step.BODY
        return Step.SERVE if len(self.untrusted) >= self._needed else Step.WAIT

    def _head(self) -> int | None:
        """How many bytes header and small body have together; None when the header is not whole yet."""
        known = max(0, self._scanned - len(_END) + 1)
        end = self.untrusted.find(_END, known, self.sizes.head)
        self._scanned = len(self.untrusted)
        if _BARE.search(self.untrusted, known, end if end >= 0 else self._scanned):
            raise HostileError
        if end < 0:
            if self._scanned >= self.sizes.head:
                raise HostileError
            if known <= _LONGEST_REQUEST_LINE and not self._begins_well():
                raise HostileError
            return None
        if _EXPECT.search(self.untrusted, 0, end):
            raise HostileError
        length = _LENGTH.search(self.untrusted, 0, end + 2)
        body = int(length[1]) if length is not None else 0
        return end + len(_END) + (body if body <= self.sizes.small_body else 0)

    def _begins_well(self) -> bool:
        line, end, _ = bytes(self.untrusted[: 2 * _LONGEST_REQUEST_LINE]).removeprefix(b"\r\n").partition(b"\r\n")
        return not end or _REQUEST_LINE.fullmatch(line) is not None


def circuit_of(untrusted_line: bytes) -> int:
    """The circuit that a PROXY line names, without its end of line. HostileError for every other line."""
    found = _PROXY.fullmatch(untrusted_line)
    if found is None:
        raise HostileError
    try:
        source, _ = ipaddress.IPv6Address(found[1].decode()), ipaddress.IPv6Address(found[2].decode())
    except ValueError as error:
        raise HostileError from error
    circuit = int(source) - int(_CIRCUITS.network_address)
    if source not in _CIRCUITS or circuit == 0 or max(int(found[3]), int(found[4])) > 65_535:
        raise HostileError  # 0: tor knew no circuit
    return circuit
