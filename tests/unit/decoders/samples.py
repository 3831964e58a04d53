"""Valid files of every type that is opened, built here, with what a reader must find in them. People are invented."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from contextlib import closing
from typing import Final

from pipeline.decoders import Decoded, Limits, Locked, Member, Text, Trouble, decoder_for, type_of
from tests.builders import documents

__all__ = ["SAMPLES", "Bytes", "decoded", "members", "texts", "troubles"]

NAME: Final = "海野 みどり"
BODY: Final = "氏名,住所\r\n海野 みどり,架空県見本市一丁目\r\n"
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DRAWING: Final = "http://schemas.openxmlformats.org/drawingml/2006/main"
OFFICE: Final = "urn:oasis:names:tc:opendocument:xmlns:"
BASELINE: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/wAALCAAQACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABQMG/8QAHxAAAQQABwAAAAAAAAAAAAAAEQAB"
    "AgMEEiEiMUFR/9oACAEBAAA/AAqthOnh7SdWwnTw9pOrYTp4e0nVsJ08Paxz4SdoyvFhwXVHxddoyxkw4IWhfCTtGV4sOC6q+Lrt"
    "GWMmHBC//9k="
)
PROGRESSIVE: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/wgALCAAQACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABAIF/9oACAEBAAAAAQKSrGrRr//EABcQAQEB"
    "AQAAAAAAAAAAAAAAAAABEhH/2gAIAQEAAQUCiIjPWpWetSv/xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAY/Ag//xAAZEAAC"
    "AwEAAAAAAAAAAAAAAAAAAREhMUH/2gAIAQEAAT8hoUKFCeIORMniDkTP/9oACAEBAAAAEK3/xAAaEAEAAwADAAAAAAAAAAAAAAAR"
    "AAExIUFR/9oACAEBAAE/EN3jx7m7x49zd48e5u8ePcs6oY3LKAxJZ1QxuWUBiT//2Q=="
)
RESTARTS: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/wAALCAAQACABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABQT/xAAfEAABBAAHAAAAAAAAAAAAAAARAAEC"
    "AwQSISIxQVH/3QAEAAH/2gAIAQEAAD8ACq2E6eHtf//Qlq2E6eHtf//Rpq2E6eHtf//Scq2E6eHtf//TKfCTtGV4sOC6/9Q58XXa"
    "MsZMOCF//9VB8JO0ZXiw4Lr/1lXxddoyxkw4IX//2Q=="
)


class Bytes:
    """Bytes in memory as a door gives them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def decoded(data: bytes, name: str = "", limits: Limits | None = None) -> list[Decoded]:
    """Return what the decoder of the content's own type yields."""
    decoder = decoder_for(type_of(data[:65536], name))
    assert decoder is not None, type_of(data[:65536], name)
    return list(decoder.decode(Bytes(data), limits or Limits()))


def texts(items: list[Decoded]) -> dict[str, str]:
    return {item.locator: item.text for item in items if isinstance(item, Text)}


def members(items: list[Decoded]) -> dict[str, bytes]:
    return {item.path: item.data for item in items if isinstance(item, Member)}


def troubles(items: list[Decoded]) -> list[str]:
    return [
        item.code if isinstance(item, Trouble) else "locked" for item in items if isinstance(item, Trouble | Locked)
    ]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, seekable: bool = True) -> bytes:
    """Return a ZIP; one that is not seekable has its sizes behind the data (flag bit 3)."""
    out = io.BytesIO() if seekable else _Pipe()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2022, 6, 21, 9, 0, 0)), data, method)
    return out.getvalue()


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *_: int) -> int:
        raise OSError


def xlsx() -> bytes:
    """Return a workbook: shared strings on a visible sheet, inline strings on a hidden one, a comment."""
    cells = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 1}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in (1, 2)
    )
    hidden = f'<row r="5"><c r="A5" t="inlineStr"><is><t>{NAME}</t></is></c></row>'
    strings = f'<sst xmlns="{MAIN}"><si><t>氏名</t></si><si><r><t>架空</t></r><r><t>花子</t></r></si></sst>'
    types = "spreadsheetml.worksheet+xml"
    sheets = '<sheet name="一覧" sheetId="1" r:id="rId1"/><sheet name="隠し" sheetId="2" state="hidden" r:id="rId2"/>'
    book = f'<workbook xmlns="{MAIN}" xmlns:r="{documents.OFFICE}"><sheets>{sheets}</sheets></workbook>'
    data = documents.ooxml({
        "xl/workbook.xml": ("spreadsheetml.sheet.main+xml", book),
        "xl/worksheets/sheet1.xml": (types, f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'),
        "xl/worksheets/sheet2.xml": (types, f'<worksheet xmlns="{MAIN}"><sheetData>{hidden}</sheetData></worksheet>'),
    })  # fmt: skip
    comment = f'<comments xmlns="{MAIN}"><commentList><comment ref="A1"><text><t>要確認</t></text></comment>'
    return _with(data, {
        "xl/sharedStrings.xml": strings.encode(),
        "xl/comments1.xml": f"{comment}</commentList></comments>".encode(),
        "xl/media/image1.jpg": BASELINE,
        "extra.txt": b"left behind",
    })  # fmt: skip


def _with(package: bytes, files: dict[str, bytes]) -> bytes:
    """Return a package with more parts; shared strings are found by the workbook's relations."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relation = f'<Relationship Id="rId9" Type="{documents.OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    key = "xl/_rels/workbook.xml.rels"
    parts[key] = parts[key].replace(b"</Relationships>", relation.encode() + b"</Relationships>")
    return zipped(parts | files)


def docx() -> bytes:
    """Return words: a paragraph with a tab, a table row of two cells, the second of two paragraphs."""
    cell = "<w:tc><w:tcPr/>{}</w:tc>"
    run = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    row = f"<w:tr>{cell.format(run.format(NAME))}{cell.format(run.format('架空県') + run.format('見本市'))}</w:tr>"
    body = f"<w:p><w:r><w:t>氏名</w:t><w:tab/><w:t>電話</w:t></w:r></w:p><w:tbl>{row}</w:tbl>"
    core = '<cp xmlns:d="urn:d"><d:creator>作成 者</d:creator></cp>'
    return documents.ooxml({
        "word/document.xml": ("x", f'<w:document xmlns:w="{documents.WORD}"><w:body>{body}</w:body></w:document>'),
        "docProps/core.xml": ("x", core),
    })  # fmt: skip


def pptx() -> bytes:
    text = f'<p:sld xmlns:p="urn:p" xmlns:a="{DRAWING}"><a:p><a:r><a:t>{NAME}</a:t></a:r></a:p></p:sld>'
    return documents.ooxml({"ppt/presentation.xml": ("x", "<p/>"), "ppt/slides/slide1.xml": ("x", text)})


def odt(*, encrypted: bool = False) -> bytes:
    """Return an ODF text with a tab and text behind a span; an encrypted one has noise for its content."""
    spaces = f'xmlns:o="{OFFICE}office:1.0" xmlns:t="{OFFICE}text:1.0"'
    text = f"<o:c {spaces}><t:p>{NAME}<t:tab/>A<t:span>B</t:span>C</t:p></o:c>"
    mark = "<manifest:encryption-data/>" if encrypted else ""
    manifest = f'<manifest:manifest xmlns:manifest="urn:m">{mark}</manifest:manifest>'
    content = bytes(range(256)) if encrypted else text.encode()
    return zipped({
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": manifest.encode(),
        "content.xml": content,
    })  # fmt: skip


def pdf(*, entries: bytes = b"", attachment: bytes = b"") -> bytes:
    """Return one page in Japanese by a ToUnicode map (ISO 32000-1 §9.10.3), one file attached if there is one."""
    codes = "".join(f"{number:02x}" for number in range(1, len(NAME) + 1))
    pairs = "".join(f"<{number:02x}> <{ord(letter):04x}>\n" for number, letter in enumerate(NAME, 1))
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(NAME)} beginbfchar\n{pairs}endbfchar\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    names = b"/Names<</EmbeddedFiles<</Names[(inner.pdf)7 0 R]>>>>" if attachment else b""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R%s>>" % names,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        _stream(f"BT /F1 12 Tf 20 100 Td <{codes}> Tj ET".encode()),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        _stream(cmap.encode()),
    ]
    if attachment:
        objects += [b"<</Type/Filespec/F(inner.pdf)/UF(inner.pdf)/EF<</F 8 0 R>>>>", _stream(attachment)]
    return _assembled(objects, entries)


def _stream(data: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(data), data)


def _assembled(objects: list[bytes], entries: bytes) -> bytes:
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    tail = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, entries, len(out))
    return out + head + tail


def locked_pdf() -> bytes:
    """Return a document whose password nobody knows: the stored check values are those of none (§7.6.3.4)."""
    check = b"00" * 32
    entry = b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (check, check)
    return pdf(entries=entry)


def mail() -> bytes:
    """Return a message: CP932 that JIS lacks, ISO-2022-JP, a part named by RFC 2231 and one by RFC 2047."""
    word = "=?ISO-2022-JP?B?" + base64.b64encode("名簿.csv".encode("iso-2022-jp")).decode() + "?="
    packed = base64.b64encode(BODY.encode("cp932"))
    sjis = base64.b64encode(f"㈱見本① {NAME}".encode("cp932"))
    parts = [
        b"Content-Type: text/plain; charset=Shift_JIS\r\nContent-Transfer-Encoding: base64\r\n\r\n" + sjis,
        b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + NAME.encode("iso-2022-jp"),
        b"Content-Type: text/html; charset=us-ascii\r\n\r\n<p>&#28023;&#37326;</p>",
        b"Content-Type: text/csv; name*=utf-8''%E4%B8%80%E8%A6%A7.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + packed,
        b'Content-Type: application/x-csv; name="'
        + word.encode()
        + b'"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + packed,
    ]
    head = f"From: a@example.jp\r\nSubject: {word}\r\nMIME-Version: 1.0\r\n".encode()
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body + b"--b--\r\n"


def mbox() -> bytes:
    return (
        b"From a@example.jp Tue Jun 21 09:00:00 2022\n"
        + mail()
        + b"\nFrom b@example.jp Tue Jun 21\nFrom: b\n\nFrom here on\n"
    )


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="cp932") as archive:
        for name in ("名簿.csv", "a.txt"):
            info = tarfile.TarInfo(name)
            info.size = len(BODY.encode())
            archive.addfile(info, io.BytesIO(BODY.encode()))
    return out.getvalue()


def png(width: int = 40) -> bytes:
    """Return a grey picture (PNG §11.2)."""
    rows = b"".join(b"\0" + bytes((x * y) & 255 for x in range(width)) for y in range(width))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def sqlite(*, rows: int = 200, virtual: bool = False, logged: bool = False) -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table people(name text, note, picture blob)")
        base.executemany("insert into people values(?,?,?)", [(f"{NAME} {n}", n, None) for n in range(rows)])
        base.execute("insert into people values('p', null, ?)", (png(),))
        base.execute("create index by_name on people(name)")
        if virtual:
            base.execute("create virtual table words using fts5(body)")
            base.execute("insert into words values(?)", (NAME,))
        base.commit()
        data = base.serialize()
    return data[:18] + b"\2\2" + data[20:] if logged else data


HTML: Final = (
    "<!DOCTYPE html><table><tr><td>&#28023;&#x91ce;</td><td>架空県</td></tr><tr><td>素</td></tr></table>".encode()
)
SAMPLES: Final = {
    "bzip2": bz2.compress(BODY.encode()),
    "docx": docx(),
    "gzip": gzip.compress(BODY.encode(), mtime=0),
    "html": HTML,
    "mail": mail(),
    "mbox": mbox(),
    "odt": odt(),
    "pdf": pdf(attachment=documents.pdf(["内側"])),
    "pptx": pptx(),
    "rtf": b"{\\rtf1\\ansicpg932{\\fonttbl;}\\'8aC\\u28023? x\\par\\cell y}",
    "sqlite": sqlite(virtual=True),
    "tar": tar(),
    "xlsx": xlsx(),
    "xz": lzma.compress(BODY.encode()),
    "zip": zipped({"a.txt": BODY.encode(), "b.png": png()}),
}
