r"""SECURITY: the audit policy, so what the Security log recorded, and the identifier of the machine.

SOURCE: Windows Vista and later, ``Policy\PolAdtEv``: number of categories at 4 and place of their counts at 8, one
16-bit setting per subcategory from 12 on (1 success, 2 failure), counts of the subcategories per category (RegRipper
auditpol; the subcategories of auditpol.exe in the order of the data). XP: on or off at 0, nine 32-bit settings from 4
on, 9 at 40. ``Policy\PolAcDmS`` is a SID ([MS-DTYP] 2.4.2.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Event
from pipeline.artefacts.hive import at, data_of, values
from pipeline.artefacts.hive_artefact import Scene, setting

__all__ = ["audit_policy", "machine_identifier"]

_CATEGORIES: Final = (
    ("System", ("Security State Change", "Security System Extension", "System Integrity", "IPsec Driver",
                "Other System Events")),
    ("Logon/Logoff", ("Logon", "Logoff", "Account Lockout", "IPsec Main Mode", "Special Logon", "IPsec Quick Mode",
                      "IPsec Extended Mode", "Other Logon/Logoff Events", "Network Policy Server",
                      "User/Device Claims", "Group Membership")),
    ("Object Access", ("File System", "Registry", "Kernel Object", "SAM", "Other Object Access Events",
                       "Certification Services", "Application Generated", "Handle Manipulation", "File Share",
                       "Filtering Platform Packet Drop", "Filtering Platform Connection", "Detailed File Share",
                       "Removable Storage", "Central Policy Staging")),
    ("Privilege Use", ("Sensitive Privilege Use", "Non Sensitive Privilege Use", "Other Privilege Use Events")),
    ("Detailed Tracking", ("Process Creation", "Process Termination", "DPAPI Activity", "RPC Events",
                           "Plug and Play Events", "Token Right Adjusted Events")),
    ("Policy Change", ("Audit Policy Change", "Authentication Policy Change", "Authorization Policy Change",
                       "MPSSVC Rule-Level Policy Change", "Filtering Platform Policy Change",
                       "Other Policy Change Events")),
    ("Account Management", ("User Account Management", "Computer Account Management", "Security Group Management",
                            "Distribution Group Management", "Application Group Management",
                            "Other Account Management Events")),
    ("DS Access", ("Directory Service Access", "Directory Service Changes", "Directory Service Replication",
                   "Detailed Directory Service Replication")),
    ("Account Logon", ("Credential Validation", "Kerberos Service Ticket Operations", "Other Account Logon Events",
                       "Kerberos Authentication Service")),
)  # fmt: skip
_UNSURE: Final = frozenset({"IPsec Main Mode", "Special Logon", "IPsec Quick Mode", "IPsec Extended Mode"})
"""Their order differs between systems up to 7 and later ones, and sources disagree; they are told by number only."""
_RECORDED: Final = ("nothing", "success", "failure", "success and failure")
_PLACE: Final = "Policy\\PolAdtEv"


def audit_policy(scene: Scene) -> Iterator[Event]:
    """Yield for every subcategory whether the Security log recorded it.

    Raises:
        ValueError: the policy has an unknown layout.
    """
    key = at(scene.root, _PLACE)
    data = next((raw for name, raw in values(key) if not name), b"")
    if not data:
        return
    for name, value in _old(data) if len(data) == 44 else _settings(data):
        recorded = _RECORDED[value] if value < 4 else "unknown"
        state = {"nothing": "off", "unknown": "unknown"}.get(recorded, "on")
        detail: dict[str, str | int] = {"governs": f"Security: {name}", "state": state, "recorded": recorded}
        yield setting(name, key, f"{_PLACE}\\{name}", detail)


def _settings(data: bytes) -> list[tuple[str, int]]:
    _, categories, place = struct.unpack_from("<IHxxI", data)
    if categories != len(_CATEGORIES) or place + 2 * categories > len(data):
        message = f"the audit policy has an unknown layout ({len(data)} bytes)"
        raise ValueError(message)
    counts = struct.unpack_from(f"<{categories}H", data, place)
    if 12 + 2 * sum(counts) > place:
        message = "the audit policy holds fewer settings than it counts"
        raise ValueError(message)
    names = [name for count, category in zip(counts, _CATEGORIES, strict=True) for name in _named(count, *category)]
    return list(zip(names, struct.unpack_from(f"<{sum(counts)}H", data, 12), strict=True))


def _named(count: int, category: str, known: tuple[str, ...]) -> Iterator[str]:
    for number in range(count):
        sure = number < len(known) and known[number] not in _UNSURE
        yield known[number] if sure else f"{category} {number + 1}"


def _old(data: bytes) -> list[tuple[str, int]]:
    on, *settings, count = struct.unpack("<11I", data)
    if count != len(_CATEGORIES):
        message = "the audit policy has an unknown layout (44 bytes)"
        raise ValueError(message)
    return [(name, value if on & 0xFF else 0) for (name, _), value in zip(_CATEGORIES, settings, strict=True)]


def machine_identifier(scene: Scene) -> Iterator[Event]:
    """Yield the SID of this machine: the accounts that it made begin with it."""
    place = "Policy\\PolAcDmS"
    key = at(scene.root, place)
    data = data_of(key, "") or next((raw for name, raw in values(key) if not name), b"")
    if 8 < len(data) <= 68 and len(data) == 8 + 4 * data[1]:
        parts = struct.unpack_from(f"<{data[1]}I", data, 8)
        sid = "-".join(["S", str(data[0]), str(int.from_bytes(data[2:8], "big")), *map(str, parts)])
        yield setting(sid, key, place, {"governs": "machine-sid", "sid": sid})
