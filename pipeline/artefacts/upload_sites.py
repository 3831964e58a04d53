"""Web pages that take data from their user: mail composers, storage consoles, transfer services.

SOURCE: the services' own public page addresses. A visit is a hint, never an upload.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["kind_of_site", "without_query"]

_SITES: Final[tuple[tuple[str, str], ...]] = (
    (
        "webmail",
        r"mail\.google\.com|mail\.yahoo\.(?:co\.jp|com)|outlook\.(?:live|office|office365)\.com|mail\.proton\.me",
    ),
    ("cloud", r"drive\.google\.com|docs\.google\.com|photos\.google\.com|onedrive\.live\.com|[\w-]+\.sharepoint\.com"),
    (
        "cloud",
        r"(?:www\.)?dropbox\.com|(?:[\w-]+\.)?app\.box\.com|www\.icloud\.com|mega\.(?:nz|io)|disk\.yandex\.[a-z]+",
    ),
    (
        "transfer",
        r"(?:[\w-]+\.)?gigafile\.nu|firestorage\.jp|(?:www\.)?datadeliver\.net|(?:www\.)?wetransfer\.com|we\.tl",
    ),
    ("transfer", r"(?:www\.)?filesend\.to|transfer\.sh|file\.io|gofile\.io|(?:www\.)?mediafire\.com|send\.vis\.ee"),
    ("console", r"(?:[\w-]+\.)?console\.aws\.amazon\.com|console\.cloud\.google\.com|portal\.azure\.com"),
    ("paste", r"pastebin\.com|gist\.github\.com|(?:www\.)?privatebin\.net"),
    ("chat", r"web\.whatsapp\.com|discord\.com|app\.slack\.com|teams\.(?:microsoft|live)\.com|www\.chatwork\.com"),
)
_HOSTS: Final = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SITES)
_PATH: Final = re.compile(
    r"(?:^|[/_.-])(?:upload|uploads|uploader|fileupload|putfile|compose|attach)(?:$|[/_.-])", re.IGNORECASE
)
_LOCAL: Final = re.compile(r"localhost|127(?:\.\d+){3}", re.IGNORECASE)


def kind_of_site(url: str) -> str:
    """Return the kind of page that takes data (``webmail``, ``cloud`` …, ``upload-page``); else nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or _LOCAL.fullmatch(host):
        return ""
    for kind, pattern in _HOSTS:
        if pattern.fullmatch(host):
            return kind
    return "upload-page" if _PATH.search(parts.path) else ""


def without_query(url: str) -> str:
    """Return an address without user name, password, query and fragment, which carry personal values."""
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", head, flags=re.IGNORECASE)
