"""The own readers of systems that The Sleuth Kit or libyal read as well, by the name that the first bytes give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.access.apfs import open_apfs
from pipeline.access.found import OwnFileSystem
from pipeline.access.hfs import open_hfs
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.iso import open_iso
from pipeline.access.udf import open_udf
from pipeline.access.xfs import open_xfs
from pipeline.records import Volume

__all__ = ["OWN", "SECOND"]

OWN: Final[dict[str, Callable[[Readable, Volume, FileSystemOptions], OwnFileSystem]]] = {
    "APFS": open_apfs,
    "HFS+": open_hfs,
    "HFSX": open_hfs,
    "ISO9660": open_iso,
    "UDF": open_udf,
    "XFS": open_xfs,
}

SECOND: Final = {"APFS": "dfvfs", "UDF": "", "XFS": "dfvfs"}
"""The reader whose listing stands beside an own one's; ``tsk`` where nothing is said, none where it is empty."""
