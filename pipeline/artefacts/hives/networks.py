r"""SOFTWARE: networks that the host joined, with their gateways.

SOURCE: field use. ``NetworkList\Profiles\{id}``: ``DateCreated`` and ``DateLastConnected`` are SYSTEMTIME ([MS-DTYP]
2.3.13) in local time, ``NameType`` is IF_TYPE (6 cable, 71 wireless, 23 tunnel); ``Signatures`` name the profile's
gateway by its hardware address.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.times import from_local

__all__ = ["networks"]

_PLACE: Final = "Microsoft\\Windows NT\\CurrentVersion\\NetworkList"
_KINDS: Final = {6: "cable", 23: "tunnel", 71: "wireless", 243: "mobile"}
_MEANINGS: Final = (("DateCreated", "first joined"), ("DateLastConnected", "last joined"))


def networks(scene: Scene) -> Iterator[Event]:
    """Yield the first and the last time of each network."""
    gateways = dict(_gateways(scene.root))
    for key in keys(at(scene.root, f"{_PLACE}\\Profiles")):
        guid = key.get_name() or ""
        detail: dict[str, str | int] = {"kind": _KINDS.get(number_of(key, "NameType") or 0, "unknown")}
        detail |= gateways.get(guid.lower(), {})
        for name, meaning in _MEANINGS:
            time = system_time(data_of(key, name), scene.timezone)
            if time is not None:
                yield Event(
                    time=time, time_meaning=meaning, action=Action.NETWORK_JOINED, subject=text_of(key, "ProfileName"),
                    place=f"{_PLACE}\\Profiles\\{guid}\\{name}", zone=f"local {scene.timezone}", detail=detail,
                )  # fmt: skip


def _gateways(root: Any) -> Iterator[tuple[str, dict[str, str | int]]]:
    for kind in ("Managed", "Unmanaged"):
        for key in keys(at(root, f"{_PLACE}\\Signatures\\{kind}")):
            detail: dict[str, str | int] = {"gateway_mac": data_of(key, "DefaultGatewayMac")[:6].hex(":")}
            suffix = text_of(key, "DnsSuffix")
            yield text_of(key, "ProfileGuid").lower(), detail | ({"dns_suffix": suffix} if suffix else {})


def system_time(data: bytes, timezone: str) -> datetime | None:
    """Return a SYSTEMTIME of a zone as UTC; None where it is none."""
    if len(data) != 16:
        return None
    year, month, _, day, hour, minute, second, milli = struct.unpack("<8H", data)
    try:
        return from_local(datetime(year, month, day, hour, minute, second, milli * 1000), timezone)  # noqa: DTZ001
    except ValueError:
        return None
