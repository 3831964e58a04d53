"""Contents of the lost stick (USB-01) of both demo cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.builders import documents, images
from tests.builders.people import HEADERS, Resident
from tests.builders.tree import Item, at, remnant

__all__ = ["SERIALS", "stick_disk"]

SERIALS: Final = {"demo-clean": 0x22060621, "demo-leak": 0x22060622}
SIZE: Final = 48 << 20
COPIED: Final = at("2022-06-21 17:05:10")
FOREIGN_SID: Final = "S-1-5-21-3623811015-3361044348-30300820-1013"


def stick_disk(case: str, scratch: Path, people: Sequence[Resident]) -> bytes:
    """Return the whole stick: MBR and one partition, FAT32 in ``demo-clean``, exFAT in ``demo-leak``."""
    serial = SERIALS[case]
    items = _before_loss(people, slack=260 if case == "demo-clean" else 1200)
    if case == "demo-clean":
        volume = images.fat32(scratch, SIZE, items, serial=serial, label="KYUFU")
        return images.disk(volume, kind=0x0C, signature=0x5AFE0010)
    volume = images.exfat(scratch, SIZE, [*items, *_while_lost(people)], serial=serial, label="KYUFU")
    return images.disk(volume, kind=0x07, signature=0x5AFE0011)


def _file(path: str, data: bytes, when: str = "", *, deleted: bool = False, slack: bytes = b"") -> Item:
    moment = at(when) if when else COPIED
    return Item(path=path, data=data, created=moment, modified=moment, accessed=moment, deleted=deleted, slack=slack)


def _folder(path: str, when: str, *, hidden: bool = False) -> Item:
    moment = at(when)
    return Item(path=path, created=moment, modified=moment, accessed=moment, folder=True, hidden=hidden)


def _before_loss(people: Sequence[Resident], *, slack: int) -> list[Item]:
    """Return what the contractor put on the stick on 2022-06-21 and before."""
    old = documents.register_csv(people[600:680]).split(b"\r\n", 1)[1]
    table = [HEADERS, *(person.cells() for person in people[:60])]
    cells = [[row[0], row[1], row[2]] for row in table]
    zipped = documents.zip_cp932(
        {"生保口座一覧.csv": documents.register_csv(people[900:960]), "はじめに.txt": "取扱注意".encode("cp932")}
    )
    names = [f"{person.name}　{person.birth_date}　{person.address}" for person in people[30:42]]
    return [
        remnant(old, at("2022-05-10 10:00:00")),
        _file("/住民票一覧_2022.csv", documents.register_csv(people[:1000])),
        _file("/構成表_全世帯.xls", documents.register_csv(people[:240], separator="\t"), "2022-06-21 17:06:02"),
        _file("/住民税.csv", documents.tax_csv(people[:900]), "2022-06-21 17:06:30"),
        _file("/旧_住民票.csv", documents.register_csv(people[1000:1060]), "2022-05-02 09:12:44", deleted=True),
        _folder("/給付金", "2022-06-21 17:07:00"),
        _file("/給付金/申請者一覧.xlsx", documents.xlsx(table), "2022-06-21 17:07:12"),
        _file("/給付金/通知文.docx", documents.docx(["臨時特別給付金のご案内", *names[:4]]), "2022-06-20 11:20:00"),
        _file("/給付金/名簿.pdf", documents.pdf(["給付対象者名簿", *names]), "2022-06-20 11:40:00"),
        _file("/給付金/口座.zip", zipped, "2022-06-21 17:07:40"),
        _file(
            "/給付金/世帯.txt", ("\r\n".join("\t".join(row) for row in cells)).encode("utf-16"), "2022-06-21 17:08:00"
        ),
        _file("/給付金/移行_euc.csv", documents.register_csv(people[60:110], encoding="euc_jp"), "2022-06-17 15:00:00"),
        _file(
            "/作業手順.txt",
            "一、データを複写する\r\n二、複写後は必ず消去する\r\n".encode("cp932"),
            "2022-06-01 10:00:00",
            slack=old[:slack],
        ),
        _folder("/System Volume Information", "2022-04-01 09:30:00", hidden=True),
        _file("/System Volume Information/WPSettings.dat", b"\x0c\0\0\0\x5a\xfe\0\x01\0\0\0\0", "2022-04-01 09:30:00"),
    ]


def _while_lost(people: Sequence[Resident]) -> list[Item]:
    """Return what a foreign Windows machine left inside the loss window."""
    guid = "{5AFE1234-7C11-4B2B-9D50-0242AC130003}\0".encode("utf-16-le")
    return [
        _file("/System Volume Information/IndexerVolumeGuid", guid, "2022-06-22 21:14:08"),
        _folder("/$RECYCLE.BIN", "2022-06-22 21:15:30", hidden=True),
        _folder(f"/$RECYCLE.BIN/{FOREIGN_SID}", "2022-06-22 21:15:30", hidden=True),
        _file(
            f"/$RECYCLE.BIN/{FOREIGN_SID}/desktop.ini",
            b"[.ShellClassInfo]\r\nCLSID={645FF040-5081-101B-9F08-00AA002F954E}\r\n",
            "2022-06-22 21:15:30",
        ),
        _file("/住民票一覧_2022 - コピー.csv", documents.register_csv(people[:200]), "2022-06-22 21:16:44"),
        _file("/メモ.txt", "中身を確認した\r\n".encode("cp932"), "2022-06-22 21:20:02", deleted=True),
    ]
