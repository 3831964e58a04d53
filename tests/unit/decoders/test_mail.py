"""Laws of mail: bodies by their charset, names by their encoding, every message of a mailbox."""

from __future__ import annotations

from pipeline.decoders import Member
from tests.unit.decoders.samples import BODY, NAME, SAMPLES, decoded, mail, members, texts, troubles


def test_bodies_and_attachments_are_read_by_their_charsets_and_names() -> None:
    items = decoded(SAMPLES["mail"])
    found = texts(items)
    assert found["headers"].splitlines()[1] == "Subject: 名簿.csv"
    assert (found["part 1"], found["part 2"]) == (f"㈱見本① {NAME}", NAME)
    assert found["part 3 block 1"] == "海野"
    assert members(items) == {"一覧.csv": BODY.encode("cp932"), "名簿.csv": BODY.encode("cp932")}
    assert troubles(items) == []


def test_raw_header_bytes_are_read_as_utf8_or_cp932() -> None:
    for encoding in ("utf-8", "cp932"):
        head = b"From: a@example.jp\nSubject: " + NAME.encode(encoding) + b"\n\nx"
        assert f"Subject: {NAME}" in texts(decoded(head))["headers"]


def test_a_body_in_an_unknown_charset_is_given_as_bytes() -> None:
    for charset in ("x-none", "utf-8", "punycode", "\0"):
        head = f"From: a\nContent-Type: text/plain; charset={charset}\n\n".encode()
        body = NAME.encode("euc_jp")
        given = members(decoded(head + body)).get("part-0.txt")
        assert given == body


def test_a_message_inside_a_message_gives_its_headers() -> None:
    outer = b"From: a\nContent-Type: message/rfc822\n\nFrom: b\nSubject: inner\n\nbody"
    found = texts(decoded(outer))
    assert "Subject: inner" in found["headers 1"]
    assert found["part 1"] == "body"


def test_deep_nesting_ends() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000))
    assert troubles(decoded(b"From: a\n" + deep)) in (["mail-damaged"], [])


def test_a_mailbox_gives_every_message_at_its_offset() -> None:
    data = SAMPLES["mbox"]
    items = decoded(data)
    assert list(members(items)) == ["0001.eml", "0002.eml"]
    assert members(items)["0001.eml"] == mail() + b"\n"
    for item in items:
        assert isinstance(item, Member)
        assert item.stored_offset is not None
        assert data[item.stored_offset :].startswith(item.data)
