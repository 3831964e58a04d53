"""The family of carvers: objects found in raw space."""

from __future__ import annotations

from typing import Final

from pipeline.carvers.archives import Zip
from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.compound import Compound
from pipeline.carvers.databases import Sqlite
from pipeline.carvers.documents import Pdf
from pipeline.carvers.engine import BLOCK, WINDOW_OVERLAP, Engine, Finder, Found, Missed, literals, outermost
from pipeline.carvers.evtx import EventChunks, EventLog
from pipeline.carvers.gif import Gif
from pipeline.carvers.jpeg import Jpeg
from pipeline.carvers.mail import Letter, Mailbox
from pipeline.carvers.movies import Movie
from pipeline.carvers.ntfs_remnants import JournalRecords, MftRecords, RecycledNote
from pipeline.carvers.png import Png
from pipeline.carvers.prefetch import Prefetch
from pipeline.carvers.pst import OutlookData
from pipeline.carvers.rar import Rar
from pipeline.carvers.registry import Hive, HiveBins, HiveCells
from pipeline.carvers.rtf import Rtf
from pipeline.carvers.sevenzip import SevenZip
from pipeline.carvers.shortcuts import ShellLink
from pipeline.carvers.space import CARVE_LIMIT, Chain, Space, Stretch
from pipeline.carvers.sqlite_parts import SqliteJournal, SqliteLog, SqlitePages
from pipeline.carvers.streams import Gzip, Zlib
from pipeline.carvers.text import TextRun
from pipeline.carvers.tiff import Tiff

__all__ = [
    "BLOCK",
    "CARVERS",
    "CARVE_LIMIT",
    "LITERALS",
    "WINDOW_OVERLAP",
    "Carved",
    "Carver",
    "Chain",
    "Engine",
    "Finder",
    "Found",
    "Missed",
    "Space",
    "SpentError",
    "Stretch",
    "View",
    "outermost",
]

CARVERS: Final[tuple[Carver, ...]] = (
    Compound(), EventChunks(), EventLog(), Gif(), Gzip(), Hive(), HiveBins(), HiveCells(), JournalRecords(), Jpeg(),
    Letter(), Mailbox(), MftRecords(), Movie(), OutlookData(), Pdf(), Png(), Prefetch(), Rar(), RecycledNote(), Rtf(),
    SevenZip(), ShellLink(), Sqlite(), SqliteJournal(), SqliteLog(), SqlitePages(), TextRun(), Tiff(), Zip(),
    Zlib(),
)  # fmt: skip
LITERALS: Final = literals(CARVERS)
"""What the engine's finder must find."""
