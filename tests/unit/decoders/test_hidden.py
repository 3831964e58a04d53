"""Laws of hidden text: a change of form is undone wherever it stands, and its place opens to the same bytes again."""

from __future__ import annotations

import base64
import binascii
import json
import quopri
import random
import time
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from pipeline.decoders import Limits, Member, Text, Trouble, hidden_in, hidden_in_text, reveal_hidden
from tests.unit.decoders.samples import BODY, Bytes

ROW = (BODY * 2).strip()
NOISE = random.Random(7).randbytes(3000)
FORMS: dict[str, Callable[[str], bytes]] = {
    "base64": lambda text: base64.b64encode(text.encode("cp932")),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "base64, URL letters": lambda text: base64.urlsafe_b64encode(text.encode()),
    "base64, wrapped": lambda text: base64.encodebytes(text.encode()),
    "base64, wrapped in a JSON string": lambda text: json.dumps(base64.encodebytes(text.encode()).decode()).encode(),
    "hexadecimal": lambda text: binascii.hexlify(text.encode("euc_jp")),
    "hexadecimal, spaced": lambda text: text.encode("cp932").hex(" ").encode(),
    "percent": lambda text: quote(text).encode(),
    "percent of CP932, form": lambda text: quote_plus(text.encode("cp932")).encode(),
    "percent-u": lambda text: "".join(f"%u{ord(character):04X}" for character in text).encode(),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
    "JSON": lambda text: json.dumps(text).encode(),
    "C string": lambda text: repr(text.encode("cp932")).encode(),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()).encode(),
    "references": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "hexadecimal references": lambda text: "".join(f"&#x{ord(character):X};" for character in text).encode(),
    "UTF-7": lambda text: text.encode("utf-7"),
    "UTF-32, least byte first": lambda text: text.encode("utf-32-le"),
    "UTF-32, with its mark": lambda text: text.encode("utf-32"),
    "UTF-32, greatest byte first": lambda text: text.encode("utf-32-be"),
    "zlib": lambda text: zlib.compress(text.encode("cp932")),
    "zlib, small window": lambda text: zlib.compress(text.encode("cp932"), wbits=9),
    "gzip": lambda text: zlib.compress(text.encode("cp932"), wbits=31),
}


def found(data: bytes, *, bare: bool = False) -> list[Member]:
    return [item for item in hidden_in(data, Limits(), bare=bare) if isinstance(item, Member)]


def text_of(data: bytes) -> str:
    for encoding in ("utf-8", "cp932", "euc_jp"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-16-le", "replace")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", [(b"", b""), (b"x: \n", b"\ny: 1\n"), (NOISE + b"\0\n", b"\n\0" + NOISE)])
def test_a_form_is_undone_wherever_it_stands_and_opens_again(form: str, around: tuple[bytes, bytes]) -> None:
    data = around[0] + FORMS[form](ROW) + around[1]
    members = found(data)
    wanted = ROW.replace("\r\n", "")
    shown = [one for one in members if wanted in text_of(one.data).replace("\r", "").replace("\n", "")]
    assert shown, [(one.path, one.data[:40]) for one in members]
    for one in members:
        start, length = map(int, one.path.partition(":")[2].split("+"))
        assert 0 <= start < start + length <= len(data)
        assert reveal_hidden(Bytes(data).read, one.path, Limits().member_bytes) == one.data


def test_bare_deflate_is_opened_where_it_is_the_whole_content() -> None:
    data = zlib.compress(BODY.encode() * 3, wbits=-15)
    assert [(one.path, one.data) for one in found(data, bare=True)] == [(f"deflate:0+{len(data)}", BODY.encode() * 3)]
    assert found(data + b"x" * 9, bare=True) == []
    assert found(data) == []


def test_a_damaged_stream_is_read_as_far_as_it_goes_and_short_chance_is_none() -> None:
    rows = "".join(f"{number},{BODY}" for number in range(400)).encode()
    packed = bytearray(zlib.compress(rows, 1))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) - len(packed) // 2)
    first = found(bytes(packed))[0]
    assert first.path.startswith("compressed:0+")
    assert rows.startswith(first.data[: len(rows) // 4])
    assert found(zlib.compress(BODY.encode())[:-1]) == []


def test_letters_before_a_run_do_not_shift_it() -> None:
    for glued in (b"a", b"ab", b"abc", b"abcd"):
        (one,) = found(glued + base64.b64encode(BODY.encode() * 2))
        assert BODY.encode() in one.data


def test_pairs_of_characters_beyond_the_first_plane_are_joined() -> None:
    (one,) = found(json.dumps("𠮷野家,𠮷村 みどり").encode())
    assert "𠮷村 みどり" in one.data.decode()


def test_plain_text_code_and_noise_hide_nothing() -> None:
    plain = (
        (BODY * 50).encode("cp932")
        + (BODY * 50).encode("utf-16-le")
        + b"int main(void) { return 8 % 3 == 2; }\r\n" * 50
    )
    assert found(plain) == []
    assert found(bytes(1 << 16)) == []
    assert found(bytes(range(256)) * 256) == []
    assert len(found(random.Random(3).randbytes(2 << 20))) < 4


def test_a_bomb_of_streams_stops_at_the_limit_and_says_so() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9) * 3
    items = list(hidden_in(bomb, Limits(member_bytes=100 << 20, total_bytes=100 << 20)))
    assert sum(len(item.data) for item in items if isinstance(item, Member) and item.path[0] == "c") <= 100 << 20
    assert [item.code for item in items if isinstance(item, Trouble)] == ["limit-hidden"]


def test_headers_at_every_second_byte_stop_at_the_limit_and_say_so() -> None:
    assert [item.code for item in hidden_in(b"x\x9c" * (1 << 19), Limits()) if isinstance(item, Trouble)] == [
        "limit-hidden"
    ]


LARGE = {
    "base64": base64.b64encode(bytes(3000)), "hexadecimal": b"a" * 6000, "escaped": b"%E3%81%82" * 1000,
    "utf-32-le": ("あ" * 1000).encode("utf-32-le"), "deflate": zlib.compress(bytes(3000), wbits=-15),
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(LARGE))
def test_what_is_cut_off_at_the_limit_says_so(form: str) -> None:
    items = list(hidden_in(LARGE[form], Limits(member_bytes=1000), bare=form == "deflate"))
    assert [item.code for item in items if isinstance(item, Trouble)] == ["limit-hidden"]
    assert not [item for item in hidden_in(LARGE[form], Limits(), bare=True) if isinstance(item, Trouble)]


@pytest.mark.parametrize("text", ["cn:: 5bGx55Sw", "\t".join(b"contact person".hex(" ").split() * 2)])
def test_every_form_is_looked_for_in_decoded_text(text: str) -> None:
    assert [item for item in hidden_in_text(Text("row 1", text), Limits()) if isinstance(item, Member)]


@pytest.mark.parametrize(
    "piece", [b"A", b"%", b"%E3", b"=E3", b"\\u", b"&#", b"+", b"+AAAA-", b"=?", b":: ", b"x\x9c", b"0a "]
)
def test_no_content_takes_more_than_time_in_proportion(piece: bytes) -> None:
    data = piece * (300_000 // len(piece))
    began = time.process_time()
    for _ in hidden_in(data, Limits(), bare=True):
        pass
    assert time.process_time() - began < 5


def test_a_place_that_is_none_opens_nothing() -> None:
    for path in ("a.txt", "base64:1", "xor:0+3", "base64:-1+3", "base64:1+3/x"):
        assert reveal_hidden(Bytes(b"QUJD" * 9).read, path, 99) is None
