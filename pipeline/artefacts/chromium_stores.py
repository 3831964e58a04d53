"""What a Chromium profile keeps besides its history: forms, accounts, cookies, icons, most visited pages.

None of it is a history, but each outlives one that was removed. Values of forms, user names and cookies are not read.
SOURCE: chromium components/autofill (``autofill``: seconds), password_manager/core/browser/login_database.cc
(``logins``), net/extras/sqlite/sqlite_persistent_cookie_store.cc, components/favicon/core/favicon_database.cc,
history ``top_sites``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.chromium import PROFILE_FOLDERS, profile_of
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import from_unix_us, from_webkit_us
from pipeline.artefacts.upload_sites import kind_of_site, without_query

__all__ = ["ChromiumCookies", "ChromiumForms", "ChromiumIcons", "ChromiumLogins", "ChromiumTopSites"]


def _event(
    action: Action, subject: str, stamp: tuple[Any, str], candidate: Candidate, place: str, **said: Any
) -> Event:
    return Event(
        time=stamp[0], time_meaning=stamp[1], action=action, subject=subject, actor=profile_of(candidate.path),
        place=place, **said,
    )  # fmt: skip


@dataclass(frozen=True)
class ChromiumForms(RowSource):
    """Names of form fields that were filled in; their values are not read."""

    name: str = "chromium-forms"
    version: int = 1
    system: ClassVar[str] = "Chromium forms"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("autofill", ("name", "date_created", "date_last_used"))
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/web data" for folder in PROFILE_FOLDERS)

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a field."""
        del owner
        query = (
            "SELECT name, min(date_created), max(date_last_used), sum(count) FROM autofill GROUP BY name ORDER BY name"
        )
        for number, (name, _, used, count) in enumerate(base.rows(query)):
            time = from_unix_us(used * 1_000_000) if isinstance(used, int) else None
            detail: dict[str, str | int] = {"field": str(name)[:100], "shows": "a form field was filled in"}
            detail |= {"count": count} if isinstance(count, int) else {}
            yield _event(
                Action.VISITED, "form", (time, "last filled in"), candidate, f"autofill {number}", detail=detail
            )


@dataclass(frozen=True)
class ChromiumLogins(RowSource):
    """Sites with a stored account; the account's name and password are not read."""

    name: str = "chromium-logins"
    version: int = 1
    system: ClassVar[str] = "Chromium logins"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("logins", ("origin_url", "date_created"))
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/login data" for folder in PROFILE_FOLDERS)

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a site."""
        del owner
        used = "date_last_used" if "date_last_used" in base.columns("logins") else "date_created"
        query = f"SELECT rowid, origin_url, date_created, {used} FROM logins ORDER BY rowid"  # noqa: S608
        for number, url, created, last in base.rows(query):
            time = from_webkit_us(last) or from_webkit_us(created)
            shown = without_query(str(url or ""))
            detail: dict[str, str | int] = {"site": kind_of_site(shown) or "other", "program": "browser"}
            stamp = time, "account last used"
            place = f"logins.rowid={number}"
            yield _event(Action.TOOL_CONFIGURED, shown, stamp, candidate, place, precision_us=1, detail=detail)


@dataclass(frozen=True)
class ChromiumCookies(RowSource):
    """Cookies of services that take data: host and times only."""

    name: str = "chromium-cookies"
    version: int = 1
    system: ClassVar[str] = "Chromium cookies"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("cookies", ("host_key", "creation_utc", "last_access_utc"))
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{folder}/cookies" for folder in PROFILE_FOLDERS), *(f"{folder}/network/cookies" for folder in PROFILE_FOLDERS),  # noqa: E501
    )  # fmt: skip

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a host."""
        del owner
        query = (
            "SELECT host_key, min(creation_utc), max(last_access_utc), count(*) FROM cookies GROUP BY host_key "
            "ORDER BY host_key"
        )
        for host, created, last, count in base.rows(query):
            name = str(host or "").lstrip(".")
            site = kind_of_site(f"https://{name}/")
            if not site:
                continue
            first = from_webkit_us(created)
            detail: dict[str, str | int] = {"site": site, "count": count, "shows": "pages of the service were open"}
            detail |= {"since": first.isoformat()} if first is not None else {}
            stamp = from_webkit_us(last), "cookie last used"
            yield _event(Action.VISITED, name, stamp, candidate, f"cookies {name}", precision_us=1, detail=detail)


@dataclass(frozen=True)
class ChromiumIcons(RowSource):
    """Icons of pages that take data: they stay when visits are removed one by one."""

    name: str = "chromium-icons"
    version: int = 1
    system: ClassVar[str] = "Chromium icons"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("icon_mapping", ("page_url", "icon_id"))
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/favicons" for folder in PROFILE_FOLDERS)

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a page."""
        del owner
        timed = "last_updated" in base.columns("favicon_bitmaps")
        stamp = "(SELECT max(b.last_updated) FROM favicon_bitmaps b WHERE b.icon_id=m.icon_id)" if timed else "NULL"
        query = f"SELECT m.id, m.page_url, {stamp} FROM icon_mapping m ORDER BY m.id"  # noqa: S608
        for number, url, updated in base.rows(query):
            shown = without_query(str(url or ""))
            site = kind_of_site(shown)
            if site:
                detail: dict[str, str | int] = {"site": site, "shows": "the page was open at some time"}
                when = from_webkit_us(updated), "icon last fetched"
                place = f"icon_mapping.id={number}"
                yield _event(Action.VISITED, shown, when, candidate, place, precision_us=1, detail=detail)


@dataclass(frozen=True)
class ChromiumTopSites(RowSource):
    """The pages that the profile shows as most visited."""

    name: str = "chromium-top-sites"
    version: int = 1
    system: ClassVar[str] = "Chromium top sites"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("top_sites", ("url",))
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/top sites" for folder in PROFILE_FOLDERS)

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a page."""
        del owner
        for number, url in base.rows("SELECT rowid, url FROM top_sites ORDER BY rowid"):
            shown = without_query(str(url or ""))
            detail: dict[str, str | int] = {"site": kind_of_site(shown) or "other"}
            stamp = None, "state without a time"
            yield _event(Action.VISITED, shown, stamp, candidate, f"top_sites.rowid={number}", detail=detail)
