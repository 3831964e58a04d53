"""History databases of Chrome, Edge, Brave, Opera, Vivaldi and Chromium.

SOURCE: chromium components/history/core/browser (url, visit and download databases), ui/base/page_transition_types.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.history import VisitRun, history_audit, page_event
from pipeline.artefacts.sqlite import COMPANIONS, Database, opened
from pipeline.artefacts.times import from_unix_us, from_webkit_us
from pipeline.artefacts.upload_sites import without_query
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["PROFILE_FOLDERS", "ChromiumHistory", "product_of", "profile_of"]

PROFILE_FOLDERS: Final = (
    "/users/*/appdata/local/google/chrome*/user data/*",
    "/users/*/appdata/local/chromium/user data/*",
    "/users/*/appdata/local/microsoft/edge*/user data/*",
    "/users/*/appdata/local/bravesoftware/brave-browser*/user data/*",
    "/users/*/appdata/local/vivaldi/user data/*",
    "/users/*/appdata/roaming/opera software/opera*",
    "/users/*/appdata/roaming/opera software/opera*/*",
    "/documents and settings/*/local settings/application data/google/chrome/user data/*",
    "/users/*/library/application support/google/chrome*/*",
    "/users/*/library/application support/chromium/*",
    "/users/*/library/application support/microsoft edge*/*",
    "/users/*/library/application support/bravesoftware/brave-browser*/*",
    "/users/*/library/application support/vivaldi*/*",
    "/users/*/library/application support/com.operasoftware.opera*",
    "/users/*/library/application support/com.operasoftware.opera*/*",
    *(
        f"{home}/{folder}/*"
        for home in ("/home/*", "/root")
        for folder in (
            ".config/google-chrome", ".config/google-chrome-*", ".config/chromium", ".config/microsoft-edge",
            ".config/bravesoftware/brave-browser*", ".config/vivaldi*", "snap/chromium/common/chromium",
            ".var/app/com.google.chrome/config/google-chrome", ".var/app/org.chromium.chromium/config/chromium",
            ".config/microsoft-edge-*",
        )
    ),
    "/home/*/.config/opera*",
    "/home/*/.config/opera*/*",
)  # fmt: skip
_PRODUCTS: Final = (("edge", "Edge"), ("brave", "Brave"), ("opera", "Opera"), ("vivaldi", "Vivaldi"))
_TRANSITIONS: Final = (
    "link", "typed", "bookmark", "subframe", "subframe-manual", "generated", "start-page", "form-submit", "reload",
    "keyword", "keyword-generated",
)  # fmt: skip
_STATES: Final = {0: "in-progress", 1: "complete", 2: "cancelled", 4: "interrupted"}


def product_of(path: str) -> str:
    """Return the browser's name by its folder."""
    lower = path.lower()
    names = [name for word, name in _PRODUCTS if f"/{word}" in lower or f" {word}" in lower or f"-{word}" in lower]
    return names[0] if names else ("Chrome" if "chrome" in lower else "Chromium")


def profile_of(path: str) -> str:
    """Return ``user/profile`` of a profile's file."""
    return f"{owner_of(path)}/{path.rpartition('/')[0].rpartition('/')[2]}".strip("/")


@dataclass(frozen=True)
class ChromiumHistory(Artefact):
    """Reads visits and downloads; missing visit ids and addresses without their visits are gaps."""

    name: str = "chromium-history"
    version: int = 2
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/history" for folder in PROFILE_FOLDERS)
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a visit and a download, then the audit."""
        run, owner, status = VisitRun(), profile_of(candidate.path), "read"
        try:
            with opened(candidate) as base:
                if "visit_time" not in base.columns("visits"):
                    message = "the database has no table of visits; it shows nothing of this browser's use"
                    raise ParseError(message)
                yield from _visits(base, owner, run)
                yield from _downloads(base, owner)
                _orphans(base, run)
        except ParseError as error:
            run.damaged()
            status = "damaged" if run.span.records else "unreadable"
            yield Trouble("browser-history-damaged", str(error))
        yield self._audit(candidate, owner, run, status)

    def _audit(self, candidate: Candidate, owner: str, run: VisitRun, status: str) -> Audit:
        return history_audit(product_of(candidate.path), owner, run, status)


def _visits(base: Database, owner: str, run: VisitRun) -> Iterator[Fact]:
    query = "SELECT v.id, v.visit_time, v.transition, u.url FROM visits v LEFT JOIN urls u ON u.id=v.url ORDER BY v.id"
    for number, raw, transition, url in base.rows(query):
        time = from_webkit_us(raw)
        run.add(number, time)
        if time is None:
            yield Trouble("time-out-of-range", f"visits.id={number}: its time is none; the visit is kept without one")
        core = transition & 0xFF if isinstance(transition, int) else -1
        meaning = _TRANSITIONS[core] if 0 <= core < len(_TRANSITIONS) else "unknown"
        shown = url if isinstance(url, str) else ""
        yield page_event(shown, time, f"visits.id={number}", owner, meaning)
    has_sequence = base.columns("sqlite_sequence")
    run.close(base.number("SELECT seq FROM sqlite_sequence WHERE name='visits'") if has_sequence else 0)


def _orphans(base: Database, run: VisitRun) -> None:
    """Addresses last visited inside the span, of which no visit is left: visits removed one by one."""
    query = (
        "SELECT id, last_visit_time FROM urls WHERE visit_count>0 AND id NOT IN (SELECT url FROM visits) ORDER BY id"
    )
    for _, raw in base.rows(query):
        time = from_webkit_us(raw)
        if time is not None and run.span.first is not None and time >= run.span.first and len(run.gaps) < 1000:
            run.gaps.append(Gap(start=time, end=time, reason="an address is kept, its visits were removed"))


def _downloads(base: Database, owner: str) -> Iterator[Fact]:
    columns = base.columns("downloads")
    if not columns:
        return
    modern = "target_path" in columns
    path = "target_path" if modern else "full_path"
    address = "''" if modern else "url"
    end = "end_time" if "end_time" in columns else "0"
    query = f"SELECT id,{path},{address},start_time,{end},received_bytes,total_bytes,state FROM downloads ORDER BY id"  # noqa: S608
    for row in base.rows(query):
        yield _download(row, _chain(base, row), owner)


def _chain(base: Database, row: tuple[Any, ...]) -> list[str]:
    if row[2] or not base.columns("downloads_url_chains"):
        return [str(row[2])]
    query = "SELECT url FROM downloads_url_chains WHERE id=? ORDER BY chain_index LIMIT 50"
    return [without_query(str(url)) for (url,) in base.rows(query, row[0])] or [""]


def _download(row: tuple[Any, ...], chain: list[str], owner: str) -> Event:
    number, path, _, start, _, received, total, state = row
    # Before 2013 the table held seconds since 1970; later ones hold microseconds since 1601.
    old = isinstance(start, int) and abs(start) < 10**11
    time = from_unix_us(start * 1_000_000) if old else from_webkit_us(start)
    detail: dict[str, str | int] = {
        "url": without_query(chain[-1]), "first_url": without_query(chain[0]), "redirects": len(chain) - 1,
        "state": _STATES.get(state, "unknown"),
    }  # fmt: skip
    detail |= {key: value for key, value in (("bytes", received), ("total_bytes", total)) if isinstance(value, int)}
    return Event(
        time=time, time_meaning="download started", action=Action.DOWNLOADED, subject=str(path or ""), actor=owner,
        place=f"downloads.id={number}", precision_us=1_000_000 if old else 1, detail=detail,
    )  # fmt: skip
