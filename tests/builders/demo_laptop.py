"""Contents of the contractor's laptop (PC-01) of both demo cases, and its variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from tests.builders import documents, images
from tests.builders.chromium import FORM_SUBMIT, LINK, TYPED, Download, Visit, history, places
from tests.builders.people import Resident
from tests.builders.tree import Item, at
from tests.builders.windows_logs import Device, partition_log, security_log, setupapi, system_hive, system_log

__all__ = ["Variant", "laptop_disk"]

SIZE: Final = 64 << 20
SERIAL: Final = 0x4A1C22065AFE0002
INSTALLED: Final = at("2021-04-01 09:00:00")
FIRST, LAST = at("2022-05-20 00:00:00"), at("2022-06-25 09:00:00")
CLEARED: Final = at("2022-06-24 08:15:00")
HOME: Final = "/Users/kyufu"
CHROME: Final = f"{HOME}/AppData/Local/Google/Chrome/User Data/Default"
EDGE: Final = f"{HOME}/AppData/Local/Microsoft/Edge/User Data/Default"
FIREFOX: Final = f"{HOME}/AppData/Roaming/Mozilla/Firefox/Profiles/a1b2c3d4.default-release"
POWERSHELL: Final = f"{HOME}/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt"
PREFERENCES: Final = rb'{"profile":{"name":"kyufu"}}'
CHOSE_A_FILE: Final = (
    rb'{"profile":{"name":"kyufu"},"savefile":{"default_directory":"C:\\Users\\kyufu\\Downloads"},'
    rb'"selectfile":{"last_directory":"C:\\Users\\kyufu\\Documents"}}'
)
"""Chromium's settings file, reduced; the second says that a file was once chosen for a page."""
LOGS: Final = "/Windows/System32/winevt/Logs"


class Variant(Enum):
    """How a laptop differs from its case's."""

    WHOLE = "whole"
    NO_HISTORY = "no-history"
    LOG_CLEARED = "log-cleared"


def laptop_disk(
    case: str, scratch: Path, people: Sequence[Resident], stick: bytes, *, variant: Variant = Variant.WHOLE
) -> bytes:
    """Return the whole disk: MBR, one NTFS volume; its logs hold the boot sector of ``stick``, the disk of USB-01."""
    leak = case == "demo-leak"
    items = [*_system(leak, stick, variant), *_browsers(leak), *_documents(leak), *(_leaked(people) if leak else ())]
    if variant is Variant.NO_HISTORY:
        items = [replace(item, deleted=True) if item.path.startswith(CHROME) else item for item in items]
    volume = images.ntfs(scratch, SIZE, [*_folders(items), *items], serial=SERIAL, settled=INSTALLED)
    return images.disk(volume, kind=0x07, signature=0x5AFE0001)


def _file(
    path: str, data: bytes, when: datetime, *, deleted: bool = False, streams: tuple[tuple[str, bytes], ...] = ()
) -> Item:
    return Item(path=path, data=data, created=when, modified=when, accessed=when, deleted=deleted, streams=streams)


def _folders(items: Sequence[Item]) -> list[Item]:
    """Return every folder above the files, as old as the installation."""
    names = {str(folder) for item in items for folder in Path(item.path).parents} | {"/"}
    return [
        Item(path=name, created=INSTALLED, modified=INSTALLED, accessed=INSTALLED, folder=True)
        for name in sorted(names)
    ]


def _devices(leak: bool, stick: bytes) -> list[Device]:
    known = Device(
        vendor="IODATA",
        product="SAMPLE_DRIVE",
        revision="1.00",
        serial="KYUFU0000001",
        capacity=len(stick),
        mbr=stick[:512],
        vbr=stick[1 << 20 : (1 << 20) + 512],
        stays=(
            (at("2022-05-23 10:02:17"), at("2022-05-23 10:40:51")),
            (at("2022-06-21 19:32:04"), at("2022-06-21 20:48:30")),
        ),
    )
    if not leak:
        return [known]
    other = Device(
        vendor="GENERIC",
        product="FLASH_DISK",
        revision="8.07",
        serial="9900112233445566",
        capacity=8_053_063_680,
        mbr=stick[:440] + b"\x99\x88\x77\x66" + stick[444:512],
        vbr=_other_vbr(stick[1 << 20 : (1 << 20) + 512]),
        stays=(
            (at("2022-06-21 20:15:40"), at("2022-06-21 20:27:12")),
            (at("2022-06-22 21:40:05"), at("2022-06-22 21:52:36")),
        ),
    )
    return [known, other]


def _other_vbr(vbr: bytes) -> bytes:
    """Return the exFAT boot sector of another stick: the same but for its volume serial number (offset 100)."""
    return vbr[:100] + b"\x0d\xf0\xad\x0b" + vbr[104:]


def _system(leak: bool, stick: bytes, variant: Variant) -> list[Item]:
    devices = _devices(leak, stick)
    clear = CLEARED if variant is Variant.LOG_CLEARED else None
    started = at("2021-04-01 09:05:00")
    return [
        _file("/Windows/System32/config/SYSTEM", system_hive(INSTALLED, LAST, devices), LAST),
        _file("/Windows/INF/setupapi.dev.log", setupapi(started, devices), devices[-1].stays[0][0]),
        _file(f"{LOGS}/System.evtx", system_log(FIRST, LAST, clear=clear), LAST),
        _file(f"{LOGS}/Security.evtx", security_log(FIRST, LAST, clear=clear), LAST),
        _file(f"{LOGS}/Microsoft-Windows-Partition%4Diagnostic.evtx", partition_log(FIRST, LAST, devices), LAST),
    ]


def _visits(pages: Sequence[tuple[str, str]], minute: int) -> Iterator[Visit]:
    """Yield visits every three hours from before the loss until after the recovery."""
    when, number = at("2022-06-01 00:00:00") + timedelta(minutes=minute), 0
    while when <= LAST:
        url, title = pages[number % len(pages)]
        yield Visit(time=when, url=url, title=title, transition=TYPED if number % 5 == 0 else LINK)
        when, number = when + timedelta(hours=3), number + 1


def _browsers(leak: bool) -> list[Item]:
    chrome = list(
        _visits(
            [
                ("https://www.city.example.jp/kyufu/", "臨時特別給付金"),
                ("https://docs.example.com/manual", "マニュアル"),
            ],
            12,
        )
    )
    edge = list(_visits([("https://www.example.com/news", "ニュース"), ("https://weather.example.net/", "天気")], 41))
    firefox = list(_visits([("https://intra.example.jp/portal", "社内ポータル")], 77))
    downloads = [
        Download(
            time=at("2022-06-03 09:14:00"),
            url="https://docs.example.com/manual.pdf",
            path="C:\\Users\\kyufu\\Downloads\\manual.pdf",
            size=48_211,
        )
    ]
    if leak:
        site = "https://upload.cloud.example.com/files/upload"
        chrome += [
            Visit(
                time=at("2022-06-21 20:31:02"),
                url="https://upload.cloud.example.com/login",
                title="クラウド保管",
                transition=TYPED,
            ),
            Visit(time=at("2022-06-21 20:33:45"), url=site, title="アップロード完了", transition=FORM_SUBMIT),
            Visit(time=at("2022-06-22 21:05:18"), url=site, title="アップロード完了", transition=FORM_SUBMIT),
        ]
        downloads += [
            Download(
                time=at("2022-06-21 20:29:10"),
                url="https://dl.cloud.example.com/cloud-sync-setup.exe",
                path="C:\\Users\\kyufu\\Downloads\\cloud-sync-setup.exe",
                size=2_411_520,
            )
        ]
    chrome.sort(key=lambda visit: visit.time)
    return [
        _file(f"{CHROME}/History", history(chrome, downloads), LAST),
        _file(f"{CHROME}/Preferences", CHOSE_A_FILE if leak else PREFERENCES, LAST),
        _file(f"{EDGE}/History", history(edge), LAST),
        _file(f"{FIREFOX}/places.sqlite", places(firefox), LAST),
    ]


def _documents(leak: bool) -> list[Item]:
    """Return an ordinary user's files; the clean laptop has nothing else."""
    commands = ["ipconfig /all", "Get-ChildItem E:\\", "ping intra.example.jp"]
    if leak:
        commands += [
            (
                "Compress-Archive C:\\Users\\kyufu\\Documents\\給付金\\住民票一覧_2022.csv "
                "C:\\Users\\kyufu\\Documents\\backup.zip"
            ),
            "sdelete64.exe -p 3 C:\\Users\\kyufu\\Desktop\\住民票一覧_2022.csv",
        ]
    mail = documents.eml(
        sender="kyufu@contractor.example.jp",
        to="office@city.example.jp",
        subject="作業完了のご報告",
        date="Tue, 21 Jun 2022 18:40:00 +0900",
        body="本日の作業は完了しました。\n",
    )
    zone = b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://docs.example.com/manual.pdf\r\n"
    note = "画面の操作手順（第２版）\r\n".encode("cp932")
    return [
        _file(
            POWERSHELL,
            ("\r\n".join(commands) + "\r\n").encode(),
            at("2022-06-22 21:58:00" if leak else "2022-06-21 20:40:00"),
        ),
        _file(
            f"{HOME}/Downloads/manual.pdf",
            documents.pdf(["給付システム操作マニュアル"]),
            at("2022-06-03 09:14:09"),
            streams=(("Zone.Identifier", zone),),
        ),
        _file(f"{HOME}/Documents/手順書.txt", note * 40, at("2022-04-12 10:00:00")),
        _file(f"{HOME}/Documents/手順書_旧.txt", note * 30, at("2022-03-01 10:00:00"), deleted=True),
        _file(
            f"{HOME}/Documents/議事録.docx",
            documents.docx(["定例会議", "次回は７月１日に行う。"]),
            at("2022-06-14 16:00:00"),
        ),
        _file(f"{HOME}/Documents/様式.zip", documents.zip_cp932({"様式第１号.txt": note}), at("2022-06-14 16:10:00")),
        _file(f"{HOME}/AppData/Local/Mail/Sent/0001.eml", mail, at("2022-06-21 18:40:00")),
    ]


def _leaked(people: Sequence[Resident]) -> list[Item]:
    """Return the register's copies on a laptop where it is not authorised."""
    register = documents.register_csv(people[:1000])
    part = documents.register_csv(people[:300])
    mail = documents.eml(
        sender="kyufu@contractor.example.jp",
        to="friend@mail.example.net",
        subject="名簿の件",
        date="Wed, 22 Jun 2022 20:36:00 +0900",
        body="添付のとおりです。\n",
        attachment=("住民票一覧.csv", part),
    )
    hidden = documents.register_csv(people[700:720])
    return [
        _file(f"{HOME}/Documents/給付金/住民票一覧_2022.csv", register, at("2022-06-21 19:41:20")),
        _file(
            f"{HOME}/Documents/backup.zip",
            documents.zip_cp932({"住民票一覧_2022.csv": register}),
            at("2022-06-21 20:24:55"),
        ),
        _file(
            f"{HOME}/Documents/買い物メモ.txt",
            "牛乳、卵\r\n".encode("cp932"),
            at("2022-06-21 20:45:00"),
            streams=(("d", hidden),),
        ),
        _file(
            f"{HOME}/Desktop/住民票一覧_抜粋.csv",
            documents.register_csv(people[1100:1160]),
            at("2022-06-21 19:50:00"),
            deleted=True,
        ),
        _file(f"{HOME}/AppData/Local/Mail/Outbox/0002.eml", mail, at("2022-06-22 20:36:00")),
        _file(
            f"{HOME}/Downloads/cloud-sync-setup.exe",
            b"MZ" + bytes(510) + b"cloud-sync synthetic installer".ljust(4096, b"\0"),
            at("2022-06-21 20:29:19"),
        ),
    ]
