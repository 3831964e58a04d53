"""Logs of web servers and proxies: Apache, nginx, squid.

SOURCE: Apache mod_log_config (Common Log Format, ``combined``, ``vhost_combined``) and mod_logio (``combinedio``: %I
and %O are bytes received and sent), the ErrorLogFormat of Apache 2.4, nginx ngx_http_log_module and its error_log,
squid's ``logformat squid``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.linelog import MONTHS, Line, LineLog, clf_stamp, naive_stamp
from pipeline.artefacts.times import from_local, from_unix_us
from pipeline.artefacts.upload_sites import kind_of_site, without_query

__all__ = ["AccessLog", "SquidLog", "WebErrorLog"]

_LARGE: Final = 7
"""Digits from which a number of bytes is a large response, about a mebibyte; every line counts for the span."""
_MEBIBYTE: Final = 1 << 20
_WHO: Final = re.compile(rb"(?:[^ ]+ )?([^ ]+) [^ ]+ (.+) ")
_REQUEST: Final = re.compile(
    rb'([^\[\n]{3,1024})\[([^\]\n]{20,32})\] "(?:([A-Z]{1,16}) )?([^"\\\n]*(?:\\.[^"\\\n]*)*)" (\d{3}) (\d+|-)'
)
_QUOTED: Final = rb' "[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_TAIL: Final = re.compile(_QUOTED + _QUOTED + rb" (\d{1,15}) \d{1,15}[\r\n]")
_SENDING: Final = frozenset((b"POST", b"PUT", b"PATCH"))


def _count(digits: bytes | None) -> int:
    return int(digits) if digits and digits.isdigit() and len(digits) < 16 else 0


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class AccessLog(LineLog):
    """Web access: responses of a mebibyte or more, and successful uploads, are events."""

    name: str = "web-access-log"
    version: int = 2
    system: ClassVar[str] = "web server"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/apache2/*access*.log*", "/var/log/nginx/*access*.log*", "/var/log/httpd/*access_log*",
        "/var/log/apache2/*access_log*", "/var/www/*/logs/*access*.log*", "/usr/local/apache*/logs/*access_log*",
        "/xampp/apache/logs/access.log*", "/var/log/nginx/*access_log*",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb'^[^\[\n]{3,1024}\[([^\]\n]{20,32})\] "(?:(POST|PUT|PATCH) )?[^"\\\n]*(?:\\.[^"\\\n]*)*" \d{3} (?:(\d{7,})|\d|-)',  # noqa: E501
        re.MULTILINE,
    )
    silent: ClassVar[int] = 1

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read the stamp, which names its offset."""
        del candidate
        return clf_stamp(stamp)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a line of the common, combined, vhost or combinedio format again, whole."""
        whole = _REQUEST.match(found.string, found.start())
        if whole is None:
            return ()
        found, method, status = whole, whole[3] or b"", whole[5]
        count = _count(found[6])
        if count < _MEBIBYTE and not (method in _SENDING and status.startswith(b"2")):
            return ()
        who, tail = _WHO.fullmatch(found[1]), _TAIL.match(found.string, found.end())
        detail: dict[str, str | int] = {
            "client": _text(who[1]) if who else "", "status": _text(status), "bytes": count, "method": _text(method),
        }  # fmt: skip
        detail |= {"received": _count(tail[1])} if tail else {}
        user = _text(who[2]) if who else "-"
        target = _text(found[4]).partition(" ")[0]
        return (
            line.event(
                Action.REQUEST_SERVED, without_query(target), meaning="request received", detail=detail,
                actor="" if user == "-" else user, zone=_text(found[2][-5:]),
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class SquidLog(LineLog):
    """A proxy's requests: what is sent through it, and pages that take data. It counts no bytes of uploads.

    ``%st``/``%<st`` is the size of the answer; the size of what a client sent stands in a custom ``logformat`` only.
    """

    name: str = "squid-access-log"
    version: int = 1
    system: ClassVar[str] = "squid"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/squid*/access.log*",)
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{9,11}\.\d{1,3}) +(-?\d{1,12}) ([^ \n]{1,64}) ([A-Z_]{1,40})/(\d{3}) (\d{1,18}) ([A-Z-]{1,20}) ([^ \n]*) "  # noqa: E501
        rb"([^ \n]{1,255}) ([^ \n]+) [^ \n]+",
        re.MULTILINE,
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read seconds since 1970."""
        del candidate
        return from_unix_us(int(stamp.replace(b".", b"").ljust(13, b"0")[:13]) * 1000)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell what sends, tunnels and large answers."""
        return found[7] in _SENDING or found[7] == b"CONNECT" or len(found[6]) >= _LARGE

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a line of the native format."""
        method, target = _text(found[7]), without_query(_text(found[8]))
        page = f"https://{target.partition(':')[0]}/" if method == "CONNECT" else target
        site = kind_of_site(page)
        sent = found[7] in _SENDING and found[5].startswith(b"2")
        detail: dict[str, str | int] = {
            "client": _text(found[3]), "method": method, "status": _text(found[5]), "received": _count(found[6]),
            "result": _text(found[4]), "shows": "a request through the proxy; the bytes that were sent are not logged",
        }  # fmt: skip
        detail |= {"site": site} if site else {}
        action = Action.UPLOAD_HINT if sent or site else Action.CONNECTION
        user = _text(found[9])
        yield line.event(
            action, target, meaning="request ended", actor="" if user == "-" else user, precision_us=1000, detail=detail
        )


_APACHE_STAMP: Final = re.compile(rb"\w{3} (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d{4})")


@dataclass(frozen=True)
class WebErrorLog(LineLog):
    """Errors of a web server: bodies that were too large or cut short; the rest only counts for the span."""

    name: str = "web-error-log"
    version: int = 1
    system: ClassVar[str] = "web server errors"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/apache2/*error*.log*", "/var/log/nginx/*error*.log*", "/var/log/httpd/*error_log*",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^\[?((?<=\[)\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4}|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\]? ([^\n]*)",  # noqa: E501
        re.MULTILINE,
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(
        rb"^(?:[ \t]|AH\d{5}:|PHP |\(.{0,40}\))[^\n]*\S", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read either stamp, in local time."""
        return error_stamp(stamp, candidate)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell bodies of requests that the server buffered or refused."""
        return b"client request body" in found[2] or b"client intended to send too large body" in found[2]

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read what nginx says of a client's body (``a client request body is buffered to a temporary file``)."""
        client = re.search(rb"client: ([^,\s]{1,64})", found[2])
        request = re.search(rb'request: "([A-Z]{1,16}) ([^ "]{1,2048})', found[2])
        detail: dict[str, str | int] = {"client": _text(client[1]) if client else ""}
        detail |= {"method": _text(request[1])} if request else {}
        target = without_query(_text(request[2])) if request else ""
        yield line.event(Action.CONNECTION, target, zone=line.local, detail=detail)


def error_stamp(stamp: bytes, candidate: Candidate) -> datetime | None:
    """Return the local time of an error log's line as UTC."""
    found = _APACHE_STAMP.fullmatch(stamp)
    try:
        if found is None:
            parts = tuple(int(stamp[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)))
        else:
            day, hour, minute, second, year = (int(found[number]) for number in range(2, 7))
            parts = (year, MONTHS.get(found[1], 0), day, hour, minute, second)
    except ValueError:
        return None
    naive = naive_stamp(parts)
    return from_local(naive, candidate.timezone) if naive is not None else None
