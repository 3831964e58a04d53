"""Mail as activity: what was sent, to how many outside, with what attached."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from pipeline.artefacts import ARTEFACTS, Action
from pipeline.artefacts.mailfolders import messages
from tests.builders.msg import message
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.test_logs import facts

NOON = datetime(2022, 6, 21, 13, tzinfo=UTC)
CSV = b"number,name\n" * 50
SENT = "/users/op/appdata/roaming/thunderbird/profiles/x.default/mail/local folders/sent"


def letter(subject: str = "台帳の件", *, removed: bool = False) -> bytes:
    message = EmailMessage()
    message["From"] = "Op <op@city.example.jp>"
    message["To"] = "a@city.example.jp, b@vendor.example.com"
    message["Cc"] = "c@sub.city.example.jp"
    message["Subject"] = subject
    message["Date"] = "Tue, 21 Jun 2022 22:00:00 +0900"
    message["Message-ID"] = "<m1@city.example.jp>"
    if removed:
        message["X-Mozilla-Status"] = "0009"
    message.set_content("本文")
    message.add_attachment(CSV, maintype="text", subtype="csv", filename="台帳.csv")
    return message.as_bytes()


def test_a_sent_message_tells_receivers_outside_and_attachments() -> None:
    (event,), audit, troubles = facts("sent-message", letter(), "/mail/sent/1.eml")
    assert (event.action, event.subject, event.actor, event.time) == (
        Action.MAIL_SENT,
        "台帳の件",
        "op@city.example.jp",
        NOON,
    )
    assert (event.detail["recipients"], event.detail["outside"], event.detail["names"]) == (3, 1, "台帳.csv")
    assert (event.detail["bytes"], event.detail["sha1"]) == (len(CSV), hashlib.sha1(CSV).hexdigest())
    assert (audit.records, audit.state_only, audit.status, troubles) == (1, True, "read", [])


def test_an_apple_message_ends_at_its_length() -> None:
    data = letter()
    (event,), _, _ = facts(
        "sent-message",
        str(len(data)).encode() + b"\n" + data + b"<?xml?><plist/>",
        "/m/sent messages.mbox/messages/1.emlx",
    )
    assert event.detail["bytes"] == len(CSV)


def test_a_mailbox_tells_each_message_and_those_removed_but_not_compacted() -> None:
    data = b"".join(b"From - Tue Jun 21 13:00:00 2022\n" + letter(str(n), removed=n == 1) + b"\n" for n in range(3))
    events, audit, troubles = facts("sent-mailbox", data, SENT)
    assert [(event.subject, event.detail.get("state")) for event in events] == [
        ("0", None), ("1", "removed, not compacted"), ("2", None),
    ]  # fmt: skip
    assert (audit.records, audit.status, troubles) == (3, "read", [])


def test_borders_of_messages_do_not_depend_on_pages() -> None:
    chance = random.Random(4)
    parts = [f"From - {n}\n".encode() + b"x" * chance.randrange(200_000) + b"\n\n" for n in range(40)]
    data = b"".join(parts)
    starts = [sum(map(len, parts[:n])) for n in range(40)]
    assert [start for start, _ in messages(Held(data))] == starts


@pytest.mark.parametrize("cut", [10, 250, 600, 1300])
def test_a_message_cut_off_is_damaged(cut: int) -> None:
    assert cut < len(letter())
    _, audit, troubles = facts("sent-message", letter()[:cut], "/mail/sent/1.eml")
    assert audit.status == "damaged"
    assert troubles


@pytest.mark.parametrize("data", [b"", b"\0" * 900, b"\xff" * 900])
def test_what_is_no_message_is_said(data: bytes) -> None:
    events, audit, troubles = facts("sent-message", data, "/mail/sent/1.eml")
    assert (events, audit.status) == ([], "unreadable")
    assert troubles


def test_a_mailbox_overwritten_in_the_middle_is_damaged() -> None:
    data = bytearray(b"".join(b"From - x\n" + letter(str(n)) + b"\n" for n in range(9)))
    data[len(data) // 3 : len(data) // 3 + 3000] = bytes(3000)
    _, audit, troubles = facts("sent-mailbox", bytes(data), SENT)
    assert audit.status == "damaged"
    assert troubles


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users/a/appdata/roaming/thunderbird/profiles/x/imapmail/imap.example.jp/sent-1", "sent-mailbox"),
        ("/home/a/.thunderbird/x.default/mail/pop/inbox.sbd/sent", "sent-mailbox"),
        ("/home/a/maildir/.sent/cur/1655816400.m1.host:2,s", "sent-message"),
        ("/users/a/library/mail/v9/1-2/sent messages.mbox/3-4/data/messages/7.emlx", "sent-message"),
        ("/data/archive.pst", "outlook-store"),
        ("/users/a/desktop/x.msg", "outlook-message"),
    ],
)
def test_folders_of_sent_mail_are_wanted(path: str, name: str) -> None:
    assert [known.name for known in ARTEFACTS if known.wants(path)] == [name]


@pytest.mark.parametrize(
    "path", ["/home/a/mail/drafts", "/users/a/thunderbird/mail/x/inbox", "/mail/outbox/1.eml", "/home/a/absent/1.eml"]
)
def test_other_folders_are_not(path: str) -> None:
    assert [known.name for known in ARTEFACTS if known.wants(path)] == []


def saved(flags: int, **texts: str) -> bytes:
    tags = {0x0037: "台帳の件", 0x5D01: "op@city.example.jp"} | {
        int(key[1:], 16): value for key, value in texts.items()
    }
    receivers = ["a@city.example.jp", "b@vendor.example.com"]
    return message(tags, sent=NOON, flags=flags, receivers=receivers, files={"台帳.csv": CSV})


def test_a_saved_message_was_sent_received_or_is_a_draft() -> None:
    (event,), audit, troubles = facts("outlook-message", saved(0x21), "/x.msg")
    assert (event.action, event.subject, event.time, event.actor) == (
        Action.MAIL_SENT,
        "台帳の件",
        NOON,
        "op@city.example.jp",
    )
    assert (event.detail["recipients"], event.detail["outside"]) == (2, 1)
    assert (event.detail["names"], event.detail["sha1"]) == ("台帳.csv", hashlib.sha1(CSV).hexdigest())
    assert (audit.status, troubles) == ("read", [])
    (event,), _, _ = facts("outlook-message", saved(0x01, x007D="Received: by mx"), "/x.msg")
    assert event.action is Action.MAIL_RECEIVED
    assert facts("outlook-message", saved(0x09), "/x.msg")[0] == []


@pytest.mark.parametrize("cut", [10, 600, 1500])
def test_a_saved_message_cut_off_is_unreadable(cut: int) -> None:
    _, audit, troubles = facts("outlook-message", saved(0x21)[:cut], "/x.msg")
    assert audit.status == "unreadable"
    assert troubles


@pytest.mark.parametrize("data", [b"", b"!BDN", b"!BDN" + bytes(5000), b"\xff" * 5000])
def test_a_store_that_cannot_be_opened_is_unreadable(data: bytes) -> None:
    _, audit, troubles = facts("outlook-store", data, "/x.pst")
    assert audit.status == "unreadable"
    assert troubles
