"""Messages of mail servers: what was sent on to where, its size and whether the receiver took it.

SOURCE: Postfix qmgr(8), smtp(8) and cleanup(8); sendmail's Operations Guide ("Logging"); Exim's specification, chapter
"Log files"; Dovecot's mail_log plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action
from pipeline.artefacts.messages import Memory, Told, remember

__all__ = ["dovecot", "exim", "postfix", "sendmail"]

_LONGEST: Final = 320
_FROM: Final = re.compile(
    rf"([0-9A-Za-z]{{6,32}}): from=<([^>]{{0,{_LONGEST}}})>, size=(\d{{1,15}}), n(?:rcpt|rcpts)=(\d{{1,7}})"
)
_TO: Final = re.compile(
    rf"([0-9A-Za-z]{{6,32}}): to=<([^>]{{1,{_LONGEST}}})>,.{{0,800}}? relay=([^,\s]{{1,256}}).{{0,400}}? status=(\w{{2,16}})"  # noqa: E501
)
_ID: Final = re.compile(r"([0-9A-Za-z]{6,32}): message-id=<?([^>\s]{1,512})")
_CLIENT: Final = re.compile(r"([0-9A-Za-z]{6,32}): client=([^\s,]{1,256})(?:.*sasl_username=([^\s,]{1,256}))?")
_LOCAL: Final = re.compile(r"(?i)local|virtual|dovecot|procmail|maildrop|lmtp|private/")
"""Where a message stays on this host. A relay at 127.0.0.1 may be a filter, or the door of a tunnel to elsewhere."""


def postfix(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """A delivery per recipient, joined by queue id with sender, size and message id."""
    del process
    if (found := _FROM.match(text)) is not None:
        known = {"from": found[2], "bytes": int(found[3]), "recipients": int(found[4])}
        remember(memory, f"mail {found[1]}", memory.get(f"mail {found[1]}", {}) | known)
    elif (found := _ID.match(text)) is not None:
        remember(memory, f"mail {found[1]}", memory.get(f"mail {found[1]}", {}) | {"message_id": found[2]})
    elif (found := _CLIENT.match(text)) is not None:
        known = {"client": found[2]} | ({"account": found[3]} if found[3] else {})
        remember(memory, f"mail {found[1]}", memory.get(f"mail {found[1]}", {}) | known)
    elif (found := _TO.match(text)) is not None:
        yield _delivery(dict(memory.get(f"mail {found[1]}", {})), found[2], relay=found[3], status=found[4])


def _delivery(known: dict[str, str | int], receiver: str, *, relay: str, status: str) -> Told:
    """Return a delivery; one that was put off or refused is a connection only."""
    sender = str(known.pop("from", ""))
    inside = _LOCAL.match(relay) is not None
    action = Action.MAIL_RECEIVED if inside else Action.MAIL_SENT
    if status != "sent":
        action = Action.CONNECTION
    detail = {**known, "relay": relay, "status": status, "to": receiver}
    return Told(action, receiver, sender, detail)


_SM_FROM: Final = re.compile(
    rf"(\w{{8,24}}): from=<?([^>,\s]{{0,{_LONGEST}}})>?, size=(\d{{1,15}}),.{{0,200}}? nrcpts=(\d{{1,7}})(?:, msgid=<?([^>,\s]{{1,512}}))?"  # noqa: E501
)
_SM_TO: Final = re.compile(
    r"(\w{8,24}): to=<?([^>\s]{1,2048}?)>?, .{0,800}?mailer=(\w{1,24}).{0,400}?(?:relay=([^,\s]{1,256}))?.{0,200}?stat=(\w{2,16})"  # noqa: E501
)


def sendmail(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """A delivery per line, joined with its sender."""
    del process
    if (found := _SM_FROM.match(text)) is not None:
        known = {"from": found[2], "bytes": int(found[3]), "recipients": int(found[4])}
        known |= {"message_id": found[5]} if found[5] else {}
        remember(memory, f"mail {found[1]}", known)
    elif (found := _SM_TO.match(text)) is not None:
        relay = "local" if found[3] in {"local", "prog", "*file*"} else (found[4] or found[3])
        yield _delivery(dict(memory.get(f"mail {found[1]}", {})), found[2], relay=relay, status=found[5].lower())


_EXIM: Final = re.compile(r"(\w{6}-\w{6,11}-\w{2,4}) (<=|=>|->|\*>|==|\*\*) (\S{1,320})(.*)", re.DOTALL)
_FIELD: Final = re.compile(r" (H|S|id|T|A|F|U)=(\S{1,512})")
_HOME: Final = frozenset(
    ("local_delivery", "maildir_home", "mail_spool", "address_pipe", "dovecot_lmtp", "address_file")
)


def exim(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """A delivery per line of the main log, joined with its arrival."""
    del process
    if (found := _EXIM.match(text)) is None:
        return
    number, mark, address, rest = found.groups()
    fields = dict(_FIELD.findall(rest))
    if mark == "<=":
        known: dict[str, str | int] = {"from": address} | ({"message_id": fields["id"]} if "id" in fields else {})
        known |= {"bytes": int(fields["S"])} if fields.get("S", "").isdigit() else {}
        remember(memory, f"mail {number}", known)
        return
    relay = "local" if fields.get("T", "") in _HOME else str(fields.get("H", fields.get("T", "")))
    status = {"==": "deferred", "**": "bounced"}.get(mark, "sent")
    yield _delivery(dict(memory.get(f"mail {number}", {})), address, relay=relay, status=status)


_DOVECOT: Final = re.compile(
    r"(?:imap|pop3|managesieve|submission)-login: (Login|Aborted login|Disconnected)[^<]{0,300}: user=<([^>]{1,256})>.{0,200}? rip=([^,\s]{1,64})"  # noqa: E501
)


def dovecot(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Log-ons to mailboxes."""
    del process, memory
    if (found := _DOVECOT.match(text)) is not None:
        failed = "Login" not in found[1] or "auth failed" in found[0]
        action = Action.LOGON_FAILED if failed else Action.LOGON
        yield Told(action, found[2], found[2], {"client": found[3], "program": "dovecot", "method": "mailbox"})
