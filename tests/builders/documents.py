"""Documents of the demo: register exports, Office Open XML, PDF, mail and ZIP, byte for byte the same every time."""

from __future__ import annotations

import base64
import io
import struct
import textwrap
import zipfile
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from tests.builders.people import HEADERS, Resident

__all__ = ["docx", "eml", "ooxml", "pdf", "register_csv", "tax_csv", "xlsx", "zip_cp932", "zip_utf8"]

FIXED_DATE: Final = (2022, 6, 20, 12, 0, 0)
XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MIME: Final = "application/vnd.openxmlformats-officedocument."


def register_csv(people: Sequence[Resident], *, encoding: str = "cp932", separator: str = ",") -> bytes:
    """Return a register export: a header line and one line per resident, lines ended by CRLF."""
    lines = [separator.join(HEADERS), *(separator.join(person.cells()) for person in people)]
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def tax_csv(people: Sequence[Resident], *, encoding: str = "cp932") -> bytes:
    """Return a tax table that names people by citizen code only."""
    lines = ["統一コード,均等割額,所得割額"]
    lines += [f"{person.citizen_code},5000,{int(person.account) % 400 * 100}" for person in people]
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a workbook of one sheet with inline strings (ECMA-376 part 1, 18.3.1.53)."""
    cells = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in row)
        + "</row>"
        for row in rows
    )
    return ooxml(
        {
            "xl/workbook.xml": (
                MIME + "spreadsheetml.sheet.main+xml",
                (
                    f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>'
                    '<sheet name="一覧" sheetId="1" r:id="rId1"/></sheets></workbook>'
                ),
            ),
            "xl/worksheets/sheet1.xml": (
                MIME + "spreadsheetml.worksheet+xml",
                f'<worksheet xmlns="{SHEET}"><sheetData>{cells}</sheetData></worksheet>',
            ),
        }
    )


def docx(paragraphs: Sequence[str]) -> bytes:
    """Return a text document of plain paragraphs (ECMA-376 part 1, 17.3.1.22)."""
    body = "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    kind = MIME + "wordprocessingml.document.main+xml"
    return ooxml({"word/document.xml": (kind, f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>')})


def ooxml(parts: dict[str, tuple[str, str]]) -> bytes:
    """Return an Open Packaging ZIP of parts (name: content type, XML); the first part is the main document."""
    main, *others = parts
    overrides = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (kind, _) in parts.items())
    types = (
        f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    files = {"[Content_Types].xml": types, "_rels/.rels": _relations("officeDocument", [main])}
    if others:
        folder, _, leaf = main.rpartition("/")
        inner = [name.removeprefix(folder + "/") for name in others]
        files[f"{folder}/_rels/{leaf}.rels"] = _relations("worksheet", inner)
    files |= {name: XML + text for name, (_, text) in parts.items()}
    return zip_utf8({name: text.encode() for name, text in files.items()})


def _relations(kind: str, targets: Sequence[str]) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, target in enumerate(targets, 1)
    )
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def zip_utf8(files: dict[str, bytes]) -> bytes:
    """Return a deflated ZIP with fixed dates; names that are not ASCII carry the UTF-8 flag."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, FIXED_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 0
            archive.writestr(member, data)
    return buffer.getvalue()


def zip_cp932(files: dict[str, bytes]) -> bytes:
    """Return a ZIP as Japanese Windows writes it: names in cp932 without the UTF-8 flag (APPNOTE 6.3.10, 4.4.4)."""
    body, directory = b"", b""
    when = _dos_time(datetime(*FIXED_DATE))
    for name, data in files.items():
        raw = name.encode("cp932")
        packed = zlib.compress(data, 9)[2:-4]
        sizes = struct.pack("<IIIHH", zlib.crc32(data), len(packed), len(data), len(raw), 0)
        common = struct.pack("<HHH", 20, 0, 8) + when + sizes
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 32, len(body)) + raw
        )
        body += b"PK\x03\x04" + common + raw + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def _dos_time(when: datetime) -> bytes:
    clock = when.hour << 11 | when.minute << 5 | when.second // 2
    return struct.pack("<HH", clock, (when.year - 1980) << 9 | when.month << 5 | when.day)


def pdf(lines: Sequence[str]) -> bytes:
    """Return a one-page PDF whose text is cp932 under the predefined CMap 90ms-RKSJ-H (ISO 32000-1, 9.7.5.2)."""
    shown = "".join(f"<{line.encode('cp932').hex()}> Tj T*\n" for line in lines)
    stream = zlib.compress(f"BT /F1 10 Tf 14 TL 40 800 Td\n{shown}ET".encode(), 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type0/BaseFont/MS-Gothic/Encoding/90ms-RKSJ-H/DescendantFonts[6 0 R]>>",
        (
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/MS-Gothic/FontDescriptor 7 0 R"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>/DW 1000>>"
        ),
        (
            b"<</Type/FontDescriptor/FontName/MS-Gothic/Flags 4/FontBBox[0 -137 1000 859]/ItalicAngle 0"
            b"/Ascent 859/Descent -137/CapHeight 709/StemV 80>>"
        ),
    ]
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return out + head + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))


def eml(
    *, sender: str, to: str, subject: str, date: str, body: str, attachment: tuple[str, bytes] | None = None
) -> bytes:
    """Return a mail (RFC 5322, 2045, 2047): ISO-2022-JP text, and one attachment with an RFC 2047 file name."""
    head = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {_encoded_word(subject)}",
        f"Date: {date}",
        f"Message-ID: <{zlib.crc32((date + to).encode()):08x}@mail.example.jp>",
        "MIME-Version: 1.0",
    ]
    text = body.replace("\n", "\r\n").encode("iso-2022-jp")
    plain = "Content-Type: text/plain; charset=ISO-2022-JP\r\nContent-Transfer-Encoding: 7bit"
    if attachment is None:
        return "\r\n".join([*head, plain]).encode() + b"\r\n\r\n" + text + b"\r\n"
    name, data = attachment
    mark = "----=_Part_0001"
    packed = "\r\n".join(textwrap.wrap(base64.b64encode(data).decode(), 76))
    shown = _encoded_word(name)
    return (
        "\r\n".join(
            [*head, f'Content-Type: multipart/mixed; boundary="{mark}"', "", f"--{mark}", plain, "", ""]
        ).encode()
        + text
        + f'\r\n--{mark}\r\nContent-Type: application/octet-stream; name="{shown}"\r\n'.encode()
        + f'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="{shown}"\r\n\r\n'.encode()
        + f"{packed}\r\n--{mark}--\r\n".encode()
    )


def _encoded_word(text: str) -> str:
    if text.isascii():
        return text
    return f"=?ISO-2022-JP?B?{base64.b64encode(text.encode('iso-2022-jp')).decode()}?="
