r"""NTUSER.DAT: volumes and shares that a user saw, and the hosts that desktop, shell and transfer clients know.

SOURCE: field use. ``MountPoints2`` keys are volume GUIDs, letters, or ``##server#share``; ``Network\<letter>`` has
RemotePath and UserName; ``Terminal Server Client`` has ``Default\MRU0`` … and ``Servers\<host>\UsernameHint``; PuTTY
names host keys ``type@port:host``; WinSCP keeps ``Sessions\<name>`` and names its folder caches by ``user@host``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, number_of, text_of, values, when
from pipeline.artefacts.hive_artefact import Scene, state
from pipeline.artefacts.hives.explorer import wide
from pipeline.artefacts.hives.mru import mru, numbered, time_of

__all__ = ["desktop_sessions", "mapped_drives", "mount_points", "putty", "winscp"]

_EXPLORER: Final = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
_GUID: Final = re.compile(r"\{[0-9A-Fa-f-]{36}\}")
_HOST_KEY: Final = re.compile(r"(?P<kind>[^@]+)@(?P<port>\d{1,5}):(?P<host>.+)")


def _host(path: str) -> str:
    return path.removeprefix("\\\\").split("\\")[0] if path.startswith("\\\\") else ""


def mount_points(scene: Scene) -> Iterator[Event]:
    """Yield volumes and shares that were shown to this user."""
    place = f"{_EXPLORER}\\MountPoints2"
    for key in keys(at(scene.root, place)):
        name = key.get_name() or ""
        share = name.replace("#", "\\") if name.startswith("##") else ""
        if not share and not _GUID.fullmatch(name) and len(name) > 2:
            continue
        detail: dict[str, str | int] = {"host": _host(share)} if share else {}
        detail |= {"volume_guid": name} if _GUID.fullmatch(name) else {}
        yield Event(
            time=when(key), time_meaning="last mounted for this user (key last changed)", precision_us=1,
            action=Action.SHARE_ACCESSED if share else Action.VOLUME_MOUNTED, subject=share or name, actor=scene.owner,
            place=f"{place}\\{name}", detail=detail,
        )  # fmt: skip


def mapped_drives(scene: Scene) -> Iterator[Event]:
    """Yield shares that were given a letter, and those typed for one."""
    place = f"{_EXPLORER}\\Map Network Drive MRU"
    key = at(scene.root, place)
    for position, name, data in mru(key):
        share = wide(data)
        time, meaning = time_of(key, position, "last mapped")
        yield Event(
            time=time, time_meaning=meaning, action=Action.SHARE_ACCESSED, subject=share, actor=scene.owner,
            place=f"{place}\\{name}", precision_us=1, detail={"host": _host(share), "position": position},
        )  # fmt: skip
    for drive in keys(at(scene.root, "Network")):
        share, letter = text_of(drive, "RemotePath"), drive.get_name() or ""
        detail: dict[str, str | int] = {"host": _host(share), "letter": letter, "drive_type": "network"}
        detail |= {"account": user} if (user := text_of(drive, "UserName")) else {}
        yield Event(
            time=when(drive), time_meaning="mapping last changed", action=Action.SHARE_ACCESSED, subject=share,
            actor=scene.owner, place=f"Network\\{letter}", precision_us=1, detail=detail,
        )  # fmt: skip


def desktop_sessions(scene: Scene) -> Iterator[Event]:
    """Yield hosts that the remote desktop client was used for."""
    base = "Software\\Microsoft\\Terminal Server Client"
    key = at(scene.root, f"{base}\\Default")
    for position, name, data in numbered(key, "MRU", 0):
        time, meaning = time_of(key, position, "last connected")
        yield Event(
            time=time, time_meaning=meaning, action=Action.REMOTE_SESSION, subject=wide(data), actor=scene.owner,
            place=f"{base}\\Default\\{name}", precision_us=1, detail={"host": wide(data), "position": position},
        )  # fmt: skip
    for server in keys(at(scene.root, f"{base}\\Servers")):
        host, user = server.get_name() or "", text_of(server, "UsernameHint")
        yield Event(
            time=when(server), time_meaning="what is kept of this host last changed", action=Action.REMOTE_SESSION,
            subject=host, actor=scene.owner, place=f"{base}\\Servers\\{host}", precision_us=1,
            detail={"host": host} | ({"account": user} if user else {}),
        )  # fmt: skip


def putty(scene: Scene) -> Iterator[Event]:
    """Yield hosts whose keys were accepted, so they were connected to, and sessions that are set up."""
    base = "Software\\SimonTatham\\PuTTY"
    for name, _ in values(at(scene.root, f"{base}\\SshHostKeys")):
        yield from _host_key(scene, name, f"{base}\\SshHostKeys\\{name}", "putty")
    for session in keys(at(scene.root, f"{base}\\Sessions")):
        yield from _session(scene, session, f"{base}\\Sessions", "putty")


def winscp(scene: Scene) -> Iterator[Event]:
    """Yield hosts and sessions of WinSCP; its sessions are there to move files."""
    base = "Software\\Martin Prikryl\\WinSCP 2"
    for name, _ in values(at(scene.root, f"{base}\\SshHostKeys")):
        yield from _host_key(scene, name, f"{base}\\SshHostKeys\\{name}", "winscp")
    for session in keys(at(scene.root, f"{base}\\Sessions")):
        if unquote(session.get_name() or "") != "Default Settings":
            yield from _session(scene, session, f"{base}\\Sessions", "winscp")
    for place in ("Configuration\\CDCache", "Configuration\\LastFingerprints"):
        for name, _ in values(at(scene.root, f"{base}\\{place}")):
            host = unquote(name).rpartition("@")[2]
            detail: dict[str, str | int] = {"host": host, "program": "winscp"}
            yield state(Action.REMOTE_SESSION, unquote(name), f"{base}\\{place}\\{name}", detail, actor=scene.owner)


def _host_key(scene: Scene, name: str, place: str, program: str) -> Iterator[Event]:
    found = _HOST_KEY.fullmatch(unquote(name))
    if found is not None:
        detail: dict[str, str | int] = {"host": found["host"], "port": int(found["port"]), "program": program}
        detail["shows"] = "the host's key was accepted: it was connected to at least once"
        yield state(Action.REMOTE_SESSION, found["host"], place, detail, actor=scene.owner)


def _session(scene: Scene, session: Any, place: str, program: str) -> Iterator[Event]:
    name, host = session.get_name() or "", text_of(session, "HostName")
    if not host:
        return
    detail: dict[str, str | int] = {"host": host, "program": program, "port": number_of(session, "PortNumber") or 22}
    for value, label in (("UserName", "account"), ("LocalDirectory", "folder"), ("RemoteDirectory", "remote_folder")):
        detail |= {label: unquote(text)} if (text := text_of(session, value)) else {}
    yield Event(
        time=when(session), time_meaning="session last changed", action=Action.TOOL_CONFIGURED, subject=unquote(name),
        actor=scene.owner, place=f"{place}\\{name}", precision_us=1, detail=detail,
    )  # fmt: skip
