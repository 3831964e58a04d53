"""Documents under a password: opened with one of the case, else locked; never passed over."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zipfile

import msoffcrypto.format.ooxml

from pipeline.decoders import Limits, Locked, Member
from tests.unit.decoders.samples import SAMPLES, decoded, texts

RIGHT = Limits(passwords=(b"wrong", "秘密".encode()))
WRONG = Limits(passwords=(b"wrong", b""))


def workbook() -> bytes:
    """Return a workbook large enough for the writer, which cuts packages of less than 4 KiB."""
    out = io.BytesIO(SAMPLES["xlsx"])
    with zipfile.ZipFile(out, "a") as package:
        package.writestr("xl/media/noise.bin", random.Random(1).randbytes(6000))
    return out.getvalue()


BOOK = workbook()


def locked_office(password: str) -> bytes:
    out = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(BOOK)).encrypt(password, out)
    return out.getvalue()


def locked_pdf() -> bytes:
    """Return a page of text under the user password "secret" (ISO 32000-1 §7.6.3, revision 2, 40 bits)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner, name = bytes(range(32)), b"0123456789abcdef"
    password = (b"secret" + padding)[:32]
    key = hashlib.md5(password + owner + struct.pack("<i", -4) + name, usedforsecurity=False).digest()[:5]
    body = rc4(hashlib.md5(key + b"\4\0\0\0\0", usedforsecurity=False).digest()[:10], b"BT /F1 9 Tf (hidden) Tj ET")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(body), body),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>" % (owner.hex().encode(), rc4(key, padding).hex().encode()),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    trailer = b"trailer<</Size 7/Root 1 0 R/Encrypt 6 0 R/ID[<%b><%b>]>>" % (name.hex().encode(), name.hex().encode())
    table = b"xref\n0 7\n0000000000 65535 f \n" + b"".join(places)
    return out + table + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % len(out)


def rc4(key: bytes, data: bytes) -> bytes:
    state, at, out = list(range(256)), 0, bytearray()
    for place in range(256):
        at = (at + state[place] + key[place % len(key)]) % 256
        state[place], state[at] = state[at], state[place]
    first = at = 0
    for byte in data:
        first = (first + 1) % 256
        at = (at + state[first]) % 256
        state[first], state[at] = state[at], state[first]
        out.append(byte ^ state[(state[first] + state[at]) % 256])
    return bytes(out)


def test_an_office_document_opens_with_its_password_and_no_other() -> None:
    data = locked_office("秘密")
    assert decoded(data, limits=RIGHT) == [Member("decrypted", BOOK)]
    assert decoded(data, limits=WRONG) == decoded(data) == [Locked("", "encrypted-office")]


def test_what_excel_encrypts_without_a_secret_is_opened() -> None:
    assert decoded(locked_office("VelvetSweatshop")) == [Member("decrypted", BOOK)]


def test_a_document_that_asks_for_too_much_work_stays_locked() -> None:
    data = locked_office("秘密").replace(b'spinCount="100000"', b'spinCount="999999999"')
    assert decoded(data, limits=RIGHT) == [Locked("", "encrypted-office")]


def test_a_pdf_opens_with_its_password_and_no_other() -> None:
    data = locked_pdf()
    assert texts(decoded(data, limits=Limits(passwords=(b"wrong", b"secret"))))
    assert decoded(data, limits=WRONG) == decoded(data) == [Locked("", "encrypted-pdf")]
