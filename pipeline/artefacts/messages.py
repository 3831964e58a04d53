"""Messages of programs, as syslog and the journal keep them: who tells what, and what it means.

SOURCE: the programs' own messages: OpenSSH auth.c, session.c and sftp-server.c, sudo(8), pam_unix(8), cron(8), Linux
drivers/usb/core/hub.c and drivers/usb/storage, udisks2, ntfs-3g(8), Samba vfs_full_audit(8), systemd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pipeline.artefacts.base import Action
from pipeline.artefacts.commands import action_of, mask_secrets

__all__ = ["Memory", "Teller", "Told", "remember"]

Memory = dict[str, Any]
Teller = Callable[[str, str, Memory], Iterator["Told"]]
"""Process id, text and what earlier messages left, to what the message tells."""
_MOST_REMEMBERED: Final = 4096


class Told(NamedTuple):
    """What a message says happened."""

    action: Action
    subject: str
    actor: str = ""
    detail: Mapping[str, str | int] = {}
    device: str = ""


def remember(memory: Memory, key: str, value: Any) -> None:
    """Keep a value for later messages; of very many, the oldest is dropped."""
    if len(memory) >= _MOST_REMEMBERED and key not in memory:
        del memory[next(iter(memory))]
    memory[key] = value


_SSH: Final = re.compile(r"(Accepted|Failed) (\S{1,40}) for (?:(?:invalid|illegal) user )?(\S{1,256}) from (\S{1,64})")
_SUBSYSTEM: Final = re.compile(r"subsystem request for (\S{1,40})(?: by user (\S{1,256}))?")
_SESSION: Final = re.compile(
    r"Starting session: (command|subsystem '?[\w-]{1,40}'?|shell)(?:.*?) for (\S{1,256}) from (\S{1,64})"
)
_CLOSED: Final = re.compile(
    r"(?:pam_unix\(sshd:session\): session closed for user (\S{1,256})|Disconnected from user (\S{1,256}) (\S{1,64}))"
)


def sshd(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Log-ons, sessions and subsystems of sshd."""
    if (found := _SSH.match(text)) is not None:
        outcome, method, user, client = found.groups()
        remember(memory, f"ssh {process}", (user, client))
        remember(memory, f"from {user}", client)
        action = Action.LOGON if outcome == "Accepted" else Action.LOGON_FAILED
        yield Told(action, user, user, {"method": method, "client": client})
    elif (found := _SUBSYSTEM.match(text)) is not None:
        user, client = memory.get(f"ssh {process}", ("", ""))
        user = found[2] or user
        client = client or str(memory.get(f"from {user}", ""))
        yield Told(Action.REMOTE_SESSION, f"{found[1]} {user}".strip(), user, {"client": client, "program": found[1]})
    elif (found := _SESSION.match(text)) is not None:
        yield Told(Action.REMOTE_SESSION, f"{found[1]} {found[2]}", found[2], {"client": found[3]})
    elif (found := _CLOSED.match(text)) is not None:
        user = found[1] or found[2]
        yield Told(Action.LOGOFF, user, user, {"client": found[3]} if found[3] else {})
    else:
        yield from sftp(process, text, memory)


_SFTP_OPENED: Final = re.compile(r"session opened for local user (\S{1,256}) from \[?([^\]\s]{1,64})")
_SFTP_CLOSE: Final = re.compile(r'(?:forced )?close "(.*)" bytes read (\d{1,18}) written (\d{1,18})')
_SFTP_NAMES: Final = re.compile(
    r'(rename|posix-rename|remove|link|symlink|mkdir|rmdir)(?: name| old)? "(.*?)"(?: new "(.*)")?'
)


def sftp(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Transfers of sftp-server and internal-sftp at LogLevel INFO and above."""
    user, client = memory.get(f"sftp {process}", ("", ""))
    base: dict[str, str | int] = {"client": client, "program": "sftp"}
    if (found := _SFTP_OPENED.match(text)) is not None:
        remember(memory, f"sftp {process}", (found[1], found[2]))
        yield Told(Action.REMOTE_SESSION, f"sftp {found[1]}", found[1], base | {"client": found[2]})
    elif (found := _SFTP_CLOSE.match(text)) is not None:
        read, written = int(found[2]), int(found[3])
        if read or not written:
            yield Told(Action.REQUEST_SERVED, found[1], user, base | {"bytes": read})
        if written:
            yield Told(Action.RECEIVED, found[1], user, base | {"bytes": written})
    elif (found := _SFTP_NAMES.match(text)) is not None:
        kind = found[1].removeprefix("posix-")
        action = {"rename": Action.ENTRY_RENAMED, "remove": Action.ENTRY_DELETED, "rmdir": Action.ENTRY_DELETED}
        detail = base | ({"to": found[3]} if found[3] else {})
        yield Told(action.get(kind, Action.ENTRY_CREATED), found[2], user, detail)


_SUDO: Final = re.compile(
    r"\s*(\S{1,256}) : (.{0,400}?)TTY=(\S{0,64}) ; PWD=(.{0,4096}?) ; USER=(\S{1,256}) ;.{0,400}? ?COMMAND=(.*)",
    re.DOTALL,
)


def sudo(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Commands run as another user."""
    del process, memory
    if (found := _SUDO.match(text)) is None:
        return
    refused = "not allowed" in found[2] or "incorrect password" in found[2] or "NOT in sudoers" in found[2]
    action = Action.LOGON_FAILED if refused else action_of(found[6])
    detail = {"account": found[5], "folder": found[4], "program": "sudo"}
    yield Told(action, mask_secrets(found[6]), found[1], detail)


_SU: Final = re.compile(
    r"(?:pam_unix\(su(?:-l)?:session\): session opened for user (?P<to>[^\s(]{1,256})(?:\(uid=\d+\))? by (?P<by>[^\s(]{0,256})"  # noqa: E501
    r"|(?P<bad>FAILED SU )?\((?:to )(?P<to2>\S{1,256})\) (?P<by2>\S{1,256}) on )"
)


def su(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Sessions as another user."""
    del process, memory
    if (found := _SU.match(text)) is not None:
        user, by = found["to"] or found["to2"], found["by"] or found["by2"] or ""
        yield Told(Action.LOGON_FAILED if found["bad"] else Action.LOGON, user, by, {"method": "su"})


_CRON: Final = re.compile(r"\((\S{1,256})\) CMD \(\s*(?:\[\d+\] )?(.*?)\s*\)$", re.DOTALL)
_CRON_EDIT: Final = re.compile(r"\((\S{1,256})\) (REPLACE|BEGIN EDIT|DELETE) \((\S{1,256})\)")


def cron(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Commands of cron, and changed tables."""
    del process, memory
    if (found := _CRON.match(text)) is not None:
        yield Told(action_of(found[2]), mask_secrets(found[2]), found[1], {"program": "cron"})
    elif (found := _CRON_EDIT.match(text)) is not None:
        yield Told(Action.TASK_SCHEDULED, f"crontab {found[2].lower()}", found[1], {"account": found[3]})


_ACCOUNT: Final = re.compile(r"new user: name=([^,\s]{1,256})|delete user '([^']{1,256})'")


def accounts(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Accounts made and removed by shadow's tools."""
    del process, memory
    if (found := _ACCOUNT.match(text)) is not None:
        yield Told(Action.ACCOUNT_KNOWN, found[1] or found[2], "", {"state": "new" if found[1] else "removed"})


def smb(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Samba's vfs_full_audit with the prefix of its manual (``%u|%I|%S``), operation, outcome and arguments."""
    del process, memory
    parts = text.split("|")
    at = next((n for n, part in enumerate(parts) if part == "ok" or part.startswith("fail (")), 0)
    if at < 2 or len(parts) < at + 2:
        return
    prefix, operation, outcome = parts[: at - 1], parts[at - 1], parts[at]
    client = next((part for part in prefix if re.fullmatch(r"[0-9a-fA-F.:]{3,45}", part)), "")
    subject, mode = parts[-1], parts[at + 1] if len(parts) > at + 2 else ""
    user = prefix[0] if prefix and prefix[0] != client else ""
    detail: dict[str, str | int] = {"client": client, "method": operation, "status": outcome, "program": "smbd"}
    detail |= {"mode": mode[:64]} if mode else {}
    detail |= {"host": prefix[-1]} if len(prefix) > 2 else {}
    yield Told(Action.SHARE_ACCESSED, subject, user, detail)
