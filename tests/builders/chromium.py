"""Browser databases as the browsers lay them out: Chrome and Edge ``History``, Firefox ``places.sqlite``.

SOURCE: chromium components/history/core/browser/{url,visit,download}_database.cc (schema 48 and later; meta 57);
mozilla-central toolkit/components/places/nsPlacesTables.h (user_version 70).
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["FORM_SUBMIT", "LINK", "TYPED", "Download", "Visit", "history", "places"]

CHAIN_START_END: Final = 0x30000000
LINK, TYPED, FORM_SUBMIT = 0, 1, 7
"""Core page transitions. SOURCE: chromium ui/base/page_transition_types.h."""

HISTORY_SCHEMA: Final = """
CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT,url LONGVARCHAR,title LONGVARCHAR,visit_count INTEGER DEFAULT 0
 NOT NULL,typed_count INTEGER DEFAULT 0 NOT NULL,last_visit_time INTEGER NOT NULL,hidden INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT,url INTEGER NOT NULL,visit_time INTEGER NOT NULL,from_visit
 INTEGER,transition INTEGER DEFAULT 0 NOT NULL,segment_id INTEGER,visit_duration INTEGER DEFAULT 0 NOT NULL,
 incremented_omnibox_typed_score BOOLEAN DEFAULT FALSE NOT NULL,opener_visit INTEGER,
 originator_cache_guid TEXT,originator_visit_id INTEGER,originator_from_visit INTEGER,originator_opener_visit INTEGER);
CREATE TABLE visit_source(id INTEGER PRIMARY KEY,source INTEGER NOT NULL);
CREATE TABLE keyword_search_terms (keyword_id INTEGER NOT NULL,url_id INTEGER NOT NULL,term LONGVARCHAR NOT NULL,
 normalized_term LONGVARCHAR NOT NULL);
CREATE TABLE downloads (id INTEGER PRIMARY KEY,guid VARCHAR NOT NULL,current_path LONGVARCHAR NOT NULL,target_path
 LONGVARCHAR NOT NULL,start_time INTEGER NOT NULL,received_bytes INTEGER NOT NULL,total_bytes INTEGER NOT NULL,state
 INTEGER NOT NULL,danger_type INTEGER NOT NULL,interrupt_reason INTEGER NOT NULL,hash BLOB NOT NULL,end_time INTEGER
 NOT NULL,opened INTEGER NOT NULL,last_access_time INTEGER NOT NULL,transient INTEGER NOT NULL,referrer VARCHAR NOT
 NULL,site_url VARCHAR NOT NULL,tab_url VARCHAR NOT NULL,tab_referrer_url VARCHAR NOT NULL,http_method VARCHAR NOT NULL,
 by_ext_id VARCHAR NOT NULL,by_ext_name VARCHAR NOT NULL,etag VARCHAR NOT NULL,last_modified VARCHAR NOT NULL,mime_type
 VARCHAR(255) NOT NULL,original_mime_type VARCHAR(255) NOT NULL);
CREATE TABLE downloads_url_chains (id INTEGER NOT NULL,chain_index INTEGER NOT NULL,url LONGVARCHAR NOT NULL,
 PRIMARY KEY (id, chain_index));
CREATE TABLE downloads_slices (download_id INTEGER NOT NULL,offset INTEGER NOT NULL,received_bytes INTEGER NOT NULL,
 finished INTEGER NOT NULL DEFAULT 0,PRIMARY KEY (download_id, offset));
CREATE TABLE segments (id INTEGER PRIMARY KEY,name VARCHAR,url_id INTEGER NON NULL);
CREATE TABLE segment_usage (id INTEGER PRIMARY KEY,segment_id INTEGER NOT NULL,time_slot INTEGER NOT NULL,visit_count
 INTEGER DEFAULT 0 NOT NULL);
CREATE INDEX visits_url_index ON visits (url);
CREATE INDEX visits_from_index ON visits (from_visit);
CREATE INDEX visits_time_index ON visits (visit_time);
CREATE INDEX urls_url_index ON urls (url);
INSERT INTO meta VALUES('mmap_status','-1'),('version','57'),('last_compatible_version','16'),
 ('early_expiration_threshold','13290000000000000');
"""

PLACES_SCHEMA: Final = """
CREATE TABLE moz_origins (id INTEGER PRIMARY KEY,prefix TEXT NOT NULL,host TEXT NOT NULL,frecency INTEGER NOT NULL,
 UNIQUE (prefix, host));
CREATE TABLE moz_places (id INTEGER PRIMARY KEY,url LONGVARCHAR,title LONGVARCHAR,rev_host LONGVARCHAR,visit_count
 INTEGER DEFAULT 0,hidden INTEGER DEFAULT 0 NOT NULL,typed INTEGER DEFAULT 0 NOT NULL,frecency INTEGER DEFAULT -1 NOT
 NULL,last_visit_date INTEGER,guid TEXT,foreign_count INTEGER DEFAULT 0 NOT NULL,url_hash INTEGER DEFAULT 0 NOT NULL,
 description TEXT,preview_image_url TEXT,site_name TEXT,origin_id INTEGER REFERENCES moz_origins(id));
CREATE TABLE moz_historyvisits (id INTEGER PRIMARY KEY,from_visit INTEGER,place_id INTEGER,visit_date INTEGER,
 visit_type INTEGER,session INTEGER,source INTEGER DEFAULT 0 NOT NULL,triggeringPlaceId INTEGER);
CREATE TABLE moz_bookmarks (id INTEGER PRIMARY KEY,type INTEGER,fk INTEGER DEFAULT NULL,parent INTEGER,position INTEGER,
 title LONGVARCHAR,keyword_id INTEGER,folder_type TEXT,dateAdded INTEGER,lastModified INTEGER,guid TEXT);
CREATE TABLE moz_anno_attributes (id INTEGER PRIMARY KEY,name VARCHAR(32) UNIQUE NOT NULL);
CREATE TABLE moz_annos (id INTEGER PRIMARY KEY,place_id INTEGER NOT NULL,anno_attribute_id INTEGER,content LONGVARCHAR,
 flags INTEGER DEFAULT 0,expiration INTEGER DEFAULT 0,type INTEGER DEFAULT 0,dateAdded INTEGER DEFAULT 0,lastModified
 INTEGER DEFAULT 0);
CREATE INDEX moz_historyvisits_dateindex ON moz_historyvisits (visit_date);
PRAGMA user_version=70;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One page visit."""

    time: datetime
    url: str
    title: str = ""
    transition: int = LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One finished download."""

    time: datetime
    url: str
    path: str
    size: int


def history(visits: Sequence[Visit], downloads: Sequence[Download] = ()) -> bytes:
    """Return a Chromium ``History`` database of visits in order of time, with no row deleted."""
    return _database(HISTORY_SCHEMA, lambda base: _fill_history(base, visits, downloads))


def places(visits: Sequence[Visit]) -> bytes:
    """Return a Firefox ``places.sqlite`` of visits in order of time."""
    return _database(PLACES_SCHEMA, lambda base: _fill_places(base, visits))


def _database(schema: str, fill: Callable[[sqlite3.Connection], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("PRAGMA page_size=4096")
        base.executescript(schema)
        base.execute("BEGIN")
        fill(base)
        base.execute("COMMIT")
        base.close()
        data = bytearray(path.read_bytes())
    data[96:100] = (3_039_003).to_bytes(4, "big")  # the library's version number, which would differ between machines
    return bytes(data)


def _webkit(when: datetime) -> int:
    """Return microseconds since 1601-01-01 UTC (chromium base::Time)."""
    return _unix_us(when) + 11_644_473_600_000_000


def _unix_us(when: datetime) -> int:
    delta = when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def _fill_history(base: sqlite3.Connection, visits: Sequence[Visit], downloads: Sequence[Download]) -> None:
    ids: dict[str, int] = {}
    for visit in visits:
        number, when = ids.setdefault(visit.url, len(ids) + 1), _webkit(visit.time)
        typed = int(visit.transition == TYPED)
        base.execute(
            "INSERT INTO urls(id,url,title,visit_count,typed_count,last_visit_time) VALUES(?,?,?,1,?,?) ON CONFLICT(id)"
            " DO UPDATE SET visit_count=visit_count+1,last_visit_time=excluded.last_visit_time",
            (number, visit.url, visit.title, typed, when),
        )
        base.execute(
            "INSERT INTO visits(url,visit_time,from_visit,transition,segment_id,visit_duration) VALUES(?,?,0,?,0,?)",
            (number, when, visit.transition | CHAIN_START_END, 45_000_000),
        )
    for number, item in enumerate(downloads, 1):
        _add_download(base, number, item)


def _add_download(base: sqlite3.Connection, number: int, item: Download) -> None:
    when, guid = _webkit(item.time), f"00000000-0000-4000-8000-{number:012}"
    kind = "application/octet-stream"
    row = (
        number, guid, item.path, item.path, when, item.size, item.size, 1, 0, 0, b"", when + 9_000_000, 1,
        when + 30_000_000, 0, item.url, "", item.url, "", "", "", "", "", "", kind, kind,
    )  # fmt: skip
    base.execute(f"INSERT INTO downloads VALUES({','.join('?' * len(row))})", row)
    base.execute("INSERT INTO downloads_url_chains VALUES(?,0,?)", (number, item.url))


def _fill_places(base: sqlite3.Connection, visits: Sequence[Visit]) -> None:
    ids: dict[str, int] = {}
    for visit in visits:
        number, when = ids.setdefault(visit.url, len(ids) + 1), _unix_us(visit.time)
        host = visit.url.split("/")[2]
        base.execute("INSERT OR IGNORE INTO moz_origins(prefix,host,frecency) VALUES('https://',?,100)", (host,))
        base.execute(
            "INSERT INTO moz_places(id,url,title,rev_host,visit_count,last_visit_date,guid,origin_id)"
            " VALUES(?,?,?,?,1,?,?,"
            "(SELECT id FROM moz_origins WHERE host=?)) ON CONFLICT(id) DO UPDATE SET visit_count=visit_count+1,"
            "last_visit_date=excluded.last_visit_date",
            (number, visit.url, visit.title, host[::-1] + ".", when, f"place{number:07}", host),
        )
        base.execute(
            "INSERT INTO moz_historyvisits(from_visit,place_id,visit_date,visit_type,session) VALUES(0,?,?,1,0)",
            (number, when),
        )
