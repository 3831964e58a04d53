"""auditd's log: files that were opened, programs that were run, mounts; joined by the serial number of the event.

SOURCE: linux-audit "audit-documentation" (record types and fields; values that are not quoted are hexadecimal), Linux
kernel/audit.c (serial numbers count up within a boot), auditd's DAEMON_START and DAEMON_END.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.linelog import Line, LineLog, Reading
from pipeline.artefacts.times import from_unix_us
from pipeline.records import Gap

__all__ = ["AuditLog"]

_FIELD: Final = re.compile(r"(\w{1,32})=(\"[^\"]*\"|'[^']*'|[^\s\"']+)")
_PENDING: Final = 32
_MOST_GAPS: Final = 1000
_MOST_PATHS: Final = 64
_NAME_TYPES: Final = {"CREATE": Action.ENTRY_CREATED, "DELETE": Action.ENTRY_DELETED, "NORMAL": Action.ENTRY_ACCESSED}
_RENAMES: Final = frozenset(("82", "264", "316"))
_MOUNTS: Final = frozenset(("165",))
"""Numbers of rename, renameat, renameat2 and mount on x86-64 (Linux arch/x86/entry/syscalls/syscall_64.tbl)."""
_LOGONS: Final = frozenset(("USER_LOGIN", "USER_START"))


@dataclass(frozen=True)
class AuditLog(LineLog):
    """Reads what rules made the kernel record; a jump of the serial number is a gap."""

    name: str = "audit-log"
    version: int = 1
    system: ClassVar[str] = "auditd"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/audit/audit.log*",)
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(?:node=\S{1,255} )?type=(\S{1,40}) msg=audit\((\d{9,11}\.\d{3}):(\d{1,12})\): ?([^\n]*)", re.MULTILINE
    )
    stamped: ClassVar[int] = 2

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read seconds since 1970."""
        del candidate
        return from_unix_us(int(stamp.replace(b".", b"")) * 1000)

    def enabled(self, reading: Reading) -> str:
        """Only records of rules prove that rules were loaded."""
        return "yes" if reading.memory.get("rules") else "unknown"

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Keep a record until its event is whole, and tell the events before it."""
        kind, serial, text = found[1].decode("ascii", "replace"), int(found[3]), found[4].decode("utf-8", "replace")
        self._count(serial, line)
        if kind in {"SYSTEM_SHUTDOWN", "SYSTEM_BOOT", "DAEMON_START"}:
            line.memory["stopping"] = kind == "SYSTEM_SHUTDOWN"
        if kind in {"CONFIG_CHANGE", "DAEMON_START", "DAEMON_END", "DAEMON_ABORT"} or kind in _LOGONS:
            return _single(kind, text, line)
        pending: dict[int, dict[str, Any]] = line.memory.setdefault("pending", {})
        event = pending.setdefault(serial, {"line": line, "paths": []})
        _collect(event, kind, text)
        line.memory["rules"] = line.memory.get("rules") or kind == "SYSCALL"
        return _joined(pending.pop(next(iter(pending)))) if len(pending) > _PENDING else ()

    def ended(self, reading: Reading) -> Iterable[Event]:
        """Tell what is left."""
        for event in reading.memory.get("pending", {}).values():
            yield from _joined(event)
        reading.span.gaps.extend(reading.memory.get("gaps", ()))

    def _count(self, serial: int, line: Line) -> None:
        before, highest = line.memory.get("serial", (line.time, serial))
        if serial > highest + 1 and line.time is not None:
            gaps = line.memory.setdefault("gaps", [])
            if len(gaps) < _MOST_GAPS:
                reason = f"audit events {highest + 1} to {serial - 1} are not in the log"
                start = min(before, line.time) if before is not None else None
                gaps.append(Gap(start=start, end=line.time, reason=reason))
        # A much lower number is a new boot; a slightly lower one was written out of order.
        line.memory["serial"] = (line.time, serial if serial + 1000 < highest else max(serial, highest))


def _fields(text: str) -> dict[str, str]:
    return {key: value.strip("\"'") if value[:1] in "\"'" else value for key, value in _FIELD.findall(text[: 1 << 16])}


def _plain(text: str, key: str, fields: dict[str, str]) -> str:
    """Return a value that is hexadecimal where it is not quoted."""
    value = fields.get(key, "")
    if f'{key}="' in text or len(value) % 2 or not re.fullmatch(r"[0-9A-F]{2,}", value):
        return value
    return bytes.fromhex(value).decode("utf-8", "replace")


def _collect(event: dict[str, Any], kind: str, text: str) -> None:
    fields = _fields(text)
    if kind == "SYSCALL":
        event["call"] = fields | {name: _plain(text, name, fields) for name in ("comm", "exe", "key")}
    elif kind == "EXECVE":
        count = min(int(fields["argc"]) if fields.get("argc", "").isdigit() else 0, 256)
        event["command"] = " ".join(_plain(text, f"a{number}", fields) for number in range(count))
    elif kind == "CWD":
        event["folder"] = _plain(text, "cwd", fields)
    elif kind == "PATH" and len(event["paths"]) < _MOST_PATHS:
        event["paths"].append((_plain(text, "name", fields), fields.get("nametype", "")))


def _joined(event: dict[str, Any]) -> Iterator[Event]:
    call, line = event.get("call"), event["line"]
    if call is None:
        return
    actor = f"uid {call.get('auid', call.get('uid', ''))}"
    detail: dict[str, str | int] = {"program": call.get("exe", ""), "status": call.get("success", "")}
    detail |= {"rule": call["key"]} if call.get("key") not in {None, "", "(null)"} else {}
    said: dict[str, Any] = {"actor": actor, "precision_us": 1000, "detail": detail}
    if event.get("command"):
        yield line.event(action_of(event["command"]), mask_secrets(event["command"]), **said)
        return
    for name, kind in dict.fromkeys(event["paths"]):
        if kind == "PARENT":
            continue
        path = name if name.startswith("/") else f"{event.get('folder', '').rstrip('/')}/{name}"
        action = _NAME_TYPES.get(kind, Action.ENTRY_ACCESSED)
        action = Action.ENTRY_RENAMED if call.get("syscall") in _RENAMES else action
        action = Action.VOLUME_MOUNTED if call.get("syscall") in _MOUNTS else action
        yield line.event(action, path, **said)


def _single(kind: str, text: str, line: Line) -> Iterator[Event]:
    fields = _fields(text)
    if kind == "CONFIG_CHANGE":
        op = fields.get("op", "")
        off = fields.get("audit_enabled") == "0"
        line.memory["rules"] = line.memory.get("rules") or op in {"add_rule", '"add_rule"'}
        action = Action.LOGGING_STOPPED if off else Action.AUDIT_CHANGED
        detail: dict[str, str | int] = {"operation": op, "rule": fields.get("key", "")}
        yield line.event(action, f"audit {op or 'settings'}", precision_us=1000, detail=detail)
    elif kind in {"DAEMON_END", "DAEMON_ABORT"} and not line.memory.get("stopping"):
        said = {"shows": "no shutdown of the host was recorded before"}
        yield line.event(Action.LOGGING_STOPPED, "auditd", precision_us=1000, detail=said)
    elif kind in _LOGONS and fields.get("acct"):
        action = Action.LOGON if "res=success" in text or fields.get("res") in {"success", "1"} else Action.LOGON_FAILED
        user = _plain(text, "acct", fields)
        detail = {"client": fields.get("addr", ""), "method": fields.get("exe", "")}
        yield line.event(action, user, actor=user, precision_us=1000, detail=detail)
