"""Holdings: rows of people in every form an office keeps or sends them, made by tools of others where there are any.

Each maker takes a header and rows of cells and returns (file name, bytes). Text forms are of one encoding, packed
forms hold a cp932 CSV. What needs a tool that is absent (LibreOffice, 7z, zip, lha) is left out by :func:`packed` and
:func:`office`, and named.

Sources: RFC 6350 (vCard), RFC 8259 §7 (escapes), RFC 4155 (mbox), SQLite file format §1.6 (free pages), §4 (WAL).
"""

from __future__ import annotations

import html
import json
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.builders.documents import eml, zip_cp932
from tests.builders.municipal import encode
from tests.builders.people import Resident

__all__ = ["FORMS", "PASSWORD", "Sheet", "office", "packed", "sheet_of", "sqlite_files", "text_forms"]

PASSWORD: Final = "akashi-2022"
KINDS: Final = ("citizen-code", "name", "name-kana", "birth-date", "postal-code", "address", "phone", "my-number")
HEADERS: Final = ("宛名番号", "氏名", "カナ氏名", "生年月日", "郵便番号", "住所", "電話番号", "個人番号")
ROMAN: Final = ("atena_no", "shimei", "shimei_kana", "seinengappi", "yubin", "jusho", "denwa", "kojin_bango")
Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of people: kinds of its columns, header and rows."""

    kinds: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def values(self) -> list[list[tuple[str, str]]]:
        """Return the (kind, value) of each row."""
        return [list(zip(self.kinds, row, strict=True)) for row in self.rows]


def sheet_of(people: Sequence[Resident], seed: int) -> Sheet:
    """Return a table of some columns, in an order of its own, dates in one of four ways."""
    chance = random.Random(f"sheet{seed}")
    columns = [0, 1, 3, *chance.sample([2, 4, 5, 6, 7], 3)]
    chance.shuffle(columns)
    dated = chance.choice((_as_is, _western, _slashes, _compact))
    rows = []
    for one in people:
        cells = (
            one.citizen_code, one.name, one.kana, dated(one.birth_date), one.postal_code, one.address, one.phone,
            one.my_number,
        )  # fmt: skip
        rows.append(tuple(cells[column] for column in columns))
    pick = lambda names: tuple(names[column] for column in columns)  # noqa: E731
    return Sheet(pick(KINDS), pick(HEADERS), tuple(rows))


def _as_is(day: str) -> str:
    return day


def _western(day: str) -> str:
    from pipeline.rules_values import iso_date

    return iso_date(day) or day


def _slashes(day: str) -> str:
    year, month, date = _western(day).split("-")
    return f"{year}/{int(month)}/{int(date)}"


def _compact(day: str) -> str:
    return _western(day).replace("-", "")


def csv_text(sheet: Sheet) -> str:
    return "".join(",".join(row) + "\r\n" for row in (sheet.header, *sheet.rows))


def tsv_bare(sheet: Sheet) -> str:
    return "".join("\t".join(row) + "\r\n" for row in sheet.rows)


def html_lines(sheet: Sheet) -> str:
    """Return a table with each cell on a line of its own."""
    rows = "".join(
        "<tr>\n" + "".join(f"  <td>{html.escape(cell)}</td>\n" for cell in row) + "</tr>\n"
        for row in (sheet.header, *sheet.rows)
    )
    return f"<!DOCTYPE html>\n<html><body><table>\n{rows}</table></body></html>\n"


def html_run(sheet: Sheet) -> str:
    """Return a table without a line break."""
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in (sheet.header, *sheet.rows))
    return f"<html><body><table border=1>{rows}</table></body></html>"


def html_references(sheet: Sheet) -> str:
    """Return a table whose characters are all numeric references."""
    return "".join(f"&#{ord(c)};" if ord(c) > 127 else c for c in html_lines(sheet))


def xml_lines(sheet: Sheet) -> str:
    rows = "".join(
        "  <resident>\n"
        + "".join(f"    <{tag}>{cell}</{tag}>\n" for tag, cell in zip(sheet.header, row, strict=True))
        + "  </resident>\n"
        for row in sheet.rows
    )
    return f'<?xml version="1.0"?>\n<residents>\n{rows}</residents>\n'


def xml_run(sheet: Sheet) -> str:
    return xml_lines(sheet).replace("\n", "").replace("  ", "")


def json_run(sheet: Sheet) -> str:
    return json.dumps([dict(zip(sheet.header, row, strict=True)) for row in sheet.rows], ensure_ascii=False)


def json_lines(sheet: Sheet) -> str:
    rows = (dict(zip(sheet.header, row, strict=True)) for row in sheet.rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def json_pretty(sheet: Sheet) -> str:
    rows = [dict(zip(sheet.header, row, strict=True)) for row in sheet.rows]
    return json.dumps({"count": len(rows), "rows": rows}, ensure_ascii=False, indent=2)


def json_escaped(sheet: Sheet) -> str:
    return json.dumps([dict(zip(sheet.header, row, strict=True)) for row in sheet.rows])


def sql_rows(sheet: Sheet) -> str:
    """Return one INSERT of many rows, as mysqldump writes it."""
    rows = ",".join("(" + ",".join(f"'{cell}'" for cell in row) + ")" for row in sheet.rows)
    return f"-- dump\nINSERT INTO `juminkihon` ({','.join(f'`{name}`' for name in sheet.header)}) VALUES {rows};\n"


def sql_lines(sheet: Sheet) -> str:
    """Return one INSERT for each row, as SQLite's and Oracle's tools write it."""
    names = ",".join(sheet.header)
    rows = (",".join(f"'{cell}'" for cell in row) for row in sheet.rows)
    return "".join(f"INSERT INTO jumin ({names}) VALUES ({row});\n" for row in rows)


def vcards(sheet: Sheet) -> str:
    parts = []
    for row in sheet.rows:
        cells = dict(zip(sheet.kinds, row, strict=True))
        surname, _, given = cells["name"].partition("　")
        lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:{surname};{given};;;", f"FN:{surname} {given}"]
        lines += [f"TEL;TYPE=CELL:{cells['phone']}"] if "phone" in cells else []
        lines += [f"ADR;TYPE=HOME:;;{cells['address']};;;;"] if "address" in cells else []
        born = _western(cells["birth-date"]) if "年" in cells["birth-date"] else cells["birth-date"]
        parts += [*lines, f"BDAY:{born.replace('/', '-')}", f"X-CODE:{cells['citizen-code']}", "END:VCARD"]
    return "\r\n".join(parts) + "\r\n"


def labelled(sheet: Sheet) -> str:
    """Return a form for each person: a label and a value on each line, a blank line between people."""
    forms = ("\n".join(f"{name}：{cell}" for name, cell in zip(sheet.header, row, strict=True)) for row in sheet.rows)
    return "\n\n".join(forms) + "\n"


def labelled_run(sheet: Sheet) -> str:
    """Return forms that follow each other without a blank line."""
    return labelled(sheet).replace("\n\n", "\n")


def fixed(sheet: Sheet) -> str:
    """Return records of one width in characters, without line breaks, as unloaded from a host."""
    widths = [max(len(row[column]) for row in sheet.rows) + 2 for column in range(len(sheet.kinds))]
    fill = lambda cell, width: cell + ("　" if not cell.isascii() else " ") * (width - len(cell))  # noqa: E731
    return "".join("".join(fill(*pair) for pair in zip(row, widths, strict=True)) for row in sheet.rows)


FORMS: Final[dict[str, Callable[[Sheet], str]]] = {
    "csv": csv_text, "tsv-bare": tsv_bare, "html-lines": html_lines, "html-run": html_run,
    "html-references": html_references, "xml-lines": xml_lines, "xml-run": xml_run, "json-run": json_run,
    "json-lines": json_lines, "json-pretty": json_pretty, "json-escaped": json_escaped, "sql-rows": sql_rows,
    "sql-lines": sql_lines, "vcard": vcards, "form": labelled, "form-run": labelled_run, "fixed": fixed,
}  # fmt: skip
"""Text forms by name."""


def text_forms(sheet: Sheet, encodings: Sequence[str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield (form, encoding, bytes); rows with a character that an encoding lacks are not in it."""
    for form, make in FORMS.items():
        for encoding in encodings:
            able = tuple(row for row in sheet.rows if encode("".join(row), encoding) is not None)
            raw = encode(make(Sheet(sheet.kinds, sheet.header, able)), encoding)
            if raw is not None:
                yield form, encoding, raw


def packed(sheet: Sheet, folder: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield archives and mails that hold a cp932 CSV; None where the tool is absent."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = encode(csv_text(sheet), "cp932") or b""
    inner = folder / "data.csv"
    inner.write_bytes(raw)
    yield "zip-cp932.zip", zip_cp932({"住民一覧表.csv": raw})
    mail = {"sender": "a@example.jp", "to": "b@example.jp", "date": "Mon, 20 Jun 2022 12:00:00 +0900"}
    body = {"subject": "名簿送付", "body": "添付のとおりです。\n"}
    yield "mail.eml", eml(**mail, **body, attachment=("名簿.csv", raw))
    zipped = eml(**mail, **body, attachment=("名簿.zip", zip_cp932({"名簿.csv": raw})))
    yield "mail-zip.eml", zipped
    yield "mail.mbox", b"From a@example.jp Mon Jun 20 12:00:00 2022\n" + zipped.replace(b"\r\n", b"\n") + b"\n"
    for name, command in (
        ("aes.zip", ["7z", "a", "-tzip", "-mem=AES256", f"-p{PASSWORD}"]), ("solid.7z", ["7z", "a", "-t7z"]),
        ("locked.7z", ["7z", "a", "-t7z", f"-p{PASSWORD}", "-mhe=on"]),
        ("zipcrypto.zip", ["zip", "-q", "-P", PASSWORD]),
        ("list.tar.gz", ["tar", "czf"]), ("list.tar.xz", ["tar", "cJf"]), ("list.tar.bz2", ["tar", "cjf"]),
        ("list.lzh", ["lha", "aq"]),
    ):  # fmt: skip
        target = folder / name
        if shutil.which(command[0]):
            subprocess.run([*command, str(target), inner.name], cwd=folder, check=False, capture_output=True)
        yield name, target.read_bytes() if target.exists() else None


def office(sheet: Sheet, folder: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield documents as LibreOffice writes them; None where it is absent or does not."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sheet.csv").write_text(csv_text(sheet), "utf-8")
    (folder / "page.html").write_text(html_lines(sheet), "utf-8")
    text = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,1/2/2/2/3/2/4/2/5/2/6/2"
    for source, extra, targets in (
        ("sheet.csv", [text], ("xlsx", "xls", "ods", "html", "pdf")),
        ("page.html", ["--writer"], ("docx", "doc", "odt", "rtf", "pdf:writer_web_pdf_Export")),
    ):
        for target in targets:
            name = f"{Path(source).stem}.{target.partition(':')[0]}"
            if shutil.which("soffice"):
                command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", *extra]
                subprocess.run(
                    [*command, "--convert-to", target, "--outdir", str(folder / "made"), str(folder / source)],
                    check=False, capture_output=True, timeout=180,
                )  # fmt: skip
            made = folder / "made" / name
            yield name, made.read_bytes() if made.exists() else None


def sqlite_files(sheet: Sheet, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a database with live rows, one whose rows are deleted, and one whose rows are in the log only."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'"{name}" text' for name in ROMAN[: len(sheet.kinds)])
    names = dict(zip(KINDS, ROMAN, strict=True))
    columns = ", ".join(f'"{names[kind]}" text' for kind in sheet.kinds)
    marks = ",".join("?" * len(sheet.kinds))
    for state in ("live", "live-utf16", "deleted", "wal"):
        path = folder / f"{state}.db"
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("pragma secure_delete=off")
        if state == "live-utf16":
            base.execute("pragma encoding='UTF-16le'")
        base.execute(f"create table juminkihon (id integer primary key, {columns})")
        if state == "wal":
            base.execute("pragma journal_mode=wal")
            base.execute("pragma wal_autocheckpoint=0")
        base.execute("begin")
        base.executemany(f"insert into juminkihon values (null, {marks})", sheet.rows)
        base.execute("commit")
        if state == "deleted":
            base.execute("delete from juminkihon")
        raw, log = path.read_bytes(), folder / f"{state}.db-wal"
        yield f"sqlite-{state}.db", raw
        if log.exists():
            yield f"sqlite-{state}.db-wal", log.read_bytes()
        base.close()
