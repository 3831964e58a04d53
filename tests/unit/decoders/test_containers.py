"""Containers whose raw bytes do not show all they hold: messages, databases, tables, discs, notes with pictures."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.decoders import Limits, Member, Text, decoder_for, type_of
from pipeline.decoders.ese import Ese
from pipeline.decoders.rtf_packed import unpacked_rtf
from tests.builders import ese
from tests.builders.pictures import picture
from tests.unit.decoders.compound import biff, compound
from tests.unit.decoders.samples import BODY, NAME, Bytes, decoded, members, texts, troubles

PACKED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
    "0af32068656c090020627705b06c647d0a800fa0"
)  # fmt: skip
"""The example of MS-OXRTFCP §4.1.1.1."""
RICH = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def tnef(*attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack("<BII", 1, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
        for kind, value in attributes
    )
    return struct.pack("<IH", 0x223E9F78, 1) + body


def test_packed_rich_text_is_unpacked_and_its_end_and_its_plain_form_too() -> None:
    assert unpacked_rtf(PACKED, 1000) == RICH
    assert unpacked_rtf(PACKED, 5) == RICH[:5]
    assert unpacked_rtf(PACKED[:-4], 1000) == RICH[:-2]
    assert unpacked_rtf(struct.pack("<4I", 20, 3, 0x414C454D, 0) + b"abcdef", 1000) == b"abc"
    assert unpacked_rtf(b"none" * 4, 1000) is None
    looped = struct.pack("<4I", 99, 90, 0x75465A4C, 0) + b"\x01" + struct.pack(">H", 206 << 4 | 15)
    assert unpacked_rtf(looped, 1000) == b"x" * 17


def test_a_message_of_outlook_gives_its_body_attachment_and_packed_text() -> None:
    inner = tnef((0x0002800C, b"inside"))
    data = tnef(
        (0x00018004, "件名".encode("cp932")), (0x0002800C, BODY.encode("cp932")), (0x00069002, bytes(14)),
        (0x00018010, b"list.csv\0"), (0x0006800F, NAME.encode()), (0x00069003, bytes(40) + PACKED),
        (0x00069005, bytes(24) + inner),
    )  # fmt: skip
    found = decoded(data)
    assert troubles(found) == []
    bodies = [item.data for item in found if isinstance(item, Member)]
    for wanted in (BODY.encode("cp932"), NAME.encode(), RICH, inner, b"list.csv"):
        assert wanted in bodies
    for item in found:
        if isinstance(item, Member) and item.stored_offset is not None:
            assert data[item.stored_offset :].startswith(item.data)
    assert troubles(decoded(data[:-40])) == ["tnef-damaged"]


def test_the_rich_body_of_a_stored_message_is_given_unpacked() -> None:
    streams = {"__properties_version1.0": b"", "__substg1.0_10090102": PACKED}
    found = decoded(compound(streams))
    assert troubles(found) == []
    assert members(found)["__substg1.0_10090102/body.rtf"] == RICH


def test_a_compound_file_of_any_kind_is_all_in_its_streams() -> None:
    found = decoded(compound({"Catalog": b"x", "256_1": BODY.encode()}))
    assert troubles(found) == []
    assert members(found)["256_1"].startswith(BODY.encode())
    assert [
        (one.code, one.what) for one in decoded(compound({"VisioDocument": b"x"})) if not isinstance(one, Member)
    ] == [("no-decoder", "visio")]


@pytest.mark.parametrize("form", ["baseline", "progressive", "restarts", "png"])
def test_a_picture_inside_an_unknown_content_is_given_where_it_lies(form: str) -> None:
    shown, small = picture(120, 90, seed=3, form=form), picture(20, 20, seed=4, form=form)
    data = b"CMMM" + bytes(100) + shown + small + bytes(50) + shown
    decoder = decoder_for(type_of(data), data)
    assert decoder is not None
    found = [item for item in decoder.parts(Bytes(data), Limits()) if isinstance(item, Member)]
    assert [(item.data, item.stored_offset) for item in found] == [
        (shown, 104), (shown, 104 + len(shown) + len(small) + 50)
    ]  # fmt: skip
    assert decoder_for("unknown", data[:200]) is None


def test_pictures_of_an_old_workbook_are_joined_from_their_records() -> None:
    shown = picture(120, 90, seed=5)
    pieces = [shown[start : start + 900] for start in range(0, len(shown), 900)]
    records = [(0xEB, b"head" + pieces[0]), *((0x3C, piece) for piece in pieces[1:])]
    stream = biff({1: NAME}, "s") + b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in records)
    drawing = members(decoded(compound({"Workbook": stream})))["drawing"]
    assert drawing == b"head" + shown


def test_rows_of_a_database_are_given_and_what_is_packed_in_them() -> None:
    table = ese.Table("Items", {"title": ese.LONG_TEXT, "blob": ese.BINARY}, [
        {"title": NAME.encode("utf-16-le"), "blob": b"\1\2\3"}, {"title": seven("packed words"), "blob": b""},
    ])  # fmt: skip
    data = ese.database([table])
    assert type_of(data) == "ese"
    found = decoded(data)
    assert troubles(found) == []
    assert [item for item in found if isinstance(item, Text)] == [
        Text("Items!row 1", NAME), Text("Items!row 2", "packed words")
    ]  # fmt: skip
    assert members(found) == {"Items values": b"\1\2\3\n"}
    assert [one.code for one in Ese().parts(Bytes(data[:4096]), Limits()) if not isinstance(one, Text)] == [
        "ese-damaged"
    ]


def seven(text: str) -> bytes:
    """Return a text as seven bits a letter, behind the byte that says so."""
    letters = np.unpackbits(np.frombuffer(text.encode(), np.uint8)[:, None], axis=1, bitorder="little")[:, :7]
    return b"\x0f" + np.packbits(letters.reshape(-1), bitorder="little").tobytes()


def test_files_of_a_disc_are_given_and_its_other_file_system_is_said(
    tmp_path: Path, tools: Callable[..., None]
) -> None:
    tools("genisoimage")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/list.csv").write_text(BODY, encoding="cp932", newline="")
    for extra, told in (((), []), (("-udf",), ["no-decoder"])):
        disc = tmp_path / f"disc{len(extra)}.iso"
        subprocess.run(["genisoimage", "-quiet", "-J", *extra, "-o", disc, tmp_path / "files"], check=True)
        data = disc.read_bytes()
        assert type_of(data) == "iso"
        assert troubles(decoded(data)) == told
        assert members(decoded(data)) == {"list.csv": BODY.encode("cp932")}


def test_rows_of_a_parquet_table_are_given_below_their_names() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"氏名": [NAME, None], "raw": [b"a\tb", b"c"]}), out, compression="zstd")
    assert decoded(out.getvalue()) == [Text("rows from 1", f"氏名\traw\n{NAME}\ta\tb\n\tc")]
    assert troubles(decoded(out.getvalue()[:-9])) == ["parquet-damaged"]
    assert troubles(decoded(out.getvalue(), limits=Limits(ratio=0))) == ["limit-total-bytes"]


def test_a_component_of_a_document_of_apple_is_unpacked() -> None:
    block = pa.Codec("snappy").compress(BODY.encode() * 50, asbytes=True)
    data = b"\0" + len(block).to_bytes(3, "little") + block
    decoder = decoder_for(type_of(data, "Index/Document.iwa"))
    assert decoder is not None
    assert list(decoder.parts(Bytes(data), Limits())) == [Member("content", BODY.encode() * 50)]
    assert [type(one).__name__ for one in decoder.parts(Bytes(data[:-30]), Limits())] == ["Trouble"]
    assert [type(one).__name__ for one in decoder.parts(Bytes(data), Limits(ratio=1))] == ["Trouble"]


def test_a_message_that_apple_mail_counts_is_a_message() -> None:
    message = f"Subject: x\r\nFrom: a@example.jp\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{NAME}".encode()
    data = b"%d      \n" % len(message) + message + b"<?xml version='1.0'?><plist/>"
    assert type_of(data) == "mail"
    assert "Subject: x" in texts(decoded(data))["headers"]
    assert NAME in texts(decoded(data))["part 0"]
