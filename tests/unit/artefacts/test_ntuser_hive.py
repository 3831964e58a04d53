"""What a user's hives say, on built keys."""

from __future__ import annotations

import codecs
import struct
from datetime import UTC, datetime

import pytest

from pipeline.artefacts import Action, Event
from tests.builders import regf
from tests.builders.evtx import filetime
from tests.builders.shell_items import PC, folder, root, share, shell_list, volume
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, binary, built, events, read, wide

EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
MADE = datetime(2022, 6, 20, 2, 4, 6, tzinfo=UTC)
ORDER = "order only; used before the first of the list"
Told = tuple[Action, str, datetime | None, str]


def of(keys: Keys) -> list[Event]:
    return events("ntuser-hive", keys, "/Users/kyufu/NTUSER.DAT")


def told(keys: Keys) -> list[Told]:
    found = of(keys)
    assert {event.actor for event in found} <= {"kyufu"}
    return [(event.action, event.subject, event.time, event.time_meaning) for event in found]


def order(*numbers: int) -> regf.Value:
    return binary("MRUListEx", struct.pack(f"<{len(numbers) + 1}I", *numbers, 0xFFFFFFFF))


def test_only_the_last_recent_document_has_the_time_of_the_key() -> None:
    keys: Keys = {
        f"{EXPLORER}\\RecentDocs": [
            order(1, 0), binary("0", wide("a.csv") + b"\x14"), binary("1", wide("share") + b"\x14"),
            binary("7", wide("old.csv"))],
        f"{EXPLORER}\\RecentDocs\\.csv": [order(0), binary("0", wide("a.csv"))],
        f"{EXPLORER}\\RecentDocs\\Folder": [order(0), binary("0", wide("share"))],
    }  # fmt: skip
    assert told(keys) == [
        (Action.FOLDER_OPENED, "share", WHEN, "last opened"), (Action.FILE_OPENED, "a.csv", None, ORDER),
        (Action.FILE_OPENED, "old.csv", None, ORDER), (Action.FILE_OPENED, "a.csv", WHEN, "last opened"),
        (Action.FOLDER_OPENED, "share", WHEN, "last opened"),
    ]  # fmt: skip
    assert [event.detail["position"] for event in of(keys)] == [0, 1, -1, 0, 0]


def test_a_file_chosen_on_a_removable_drive_keeps_its_path_and_its_place() -> None:
    items = shell_list(root(PC), volume("E"), folder("住民", MADE), folder("list.csv", MADE, file=True, record=77,
                       sequence=3, size=4096))  # fmt: skip
    (event,) = of({f"{EXPLORER}\\ComDlg32\\OpenSavePidlMRU\\csv": [order(0), binary("0", items)]})
    assert (event.action, event.subject, event.time) == (Action.FILE_CHOSEN, "E:\\住民\\list.csv", WHEN)
    assert event.detail == {
        "item": "file", "mft_record": 77, "mft_sequence": 3, "bytes": 4096, "position": 0,
        "target_created": MADE.isoformat(), "target_modified": MADE.isoformat(),
    }  # fmt: skip


def test_the_folder_chosen_last_names_its_program_also_on_xp() -> None:
    items = wide("chrome.exe") + shell_list(root(PC), volume("E"), folder("住民", MADE))
    found = of({
        f"{EXPLORER}\\ComDlg32\\LastVisitedPidlMRU": [order(0), binary("0", items)],
        f"{EXPLORER}\\ComDlg32\\LastVisitedMRU": [
            regf.text("MRUList", "a"), binary("a", wide("n.exe") + wide("E:\\x"))],
        f"{EXPLORER}\\ComDlg32\\CIDSizeMRU": [order(0), binary("0", wide("chrome.exe") + bytes(20))],
    })  # fmt: skip
    assert [(event.action, event.subject, event.detail["program"]) for event in found] == [
        (Action.FILE_CHOSEN, "E:\\住民", "chrome.exe"), (Action.FILE_CHOSEN, "E:\\x", "n.exe"),
        (Action.PROGRAM_RUN, "chrome.exe", "chrome.exe"),
    ]  # fmt: skip


@pytest.mark.parametrize("reader", ["ntuser-hive", "usrclass-hive"])
def test_shell_bags_spell_the_folders_of_sticks_and_shares(reader: str) -> None:
    place = ("Local Settings\\" if reader == "usrclass-hive" else "") + "Software\\Microsoft\\Windows\\Shell\\BagMRU"
    keys: Keys = {
        place: [order(0, 1), binary("0", shell_list(root(PC))), binary("1", shell_list(share("\\\\fs1\\data")))],
        f"{place}\\0": [order(0), binary("0", shell_list(volume("E")))],
        f"{place}\\0\\0": [order(1, 0), binary("0", shell_list(folder("old", MADE))),
                           binary("1", shell_list(folder("住民", MADE)))],
        f"{place}\\1": [order(0), binary("0", shell_list(folder("secret", MADE)))],
    }  # fmt: skip
    found = events(reader, keys, "/Users/kyufu/x")
    assert [(event.subject, event.time) for event in found] == [
        ("This PC", WHEN), ("E:\\", WHEN), ("E:\\住民", WHEN), ("E:\\old", None), ("\\\\fs1\\data", None),
        ("\\\\fs1\\data\\secret", WHEN),
    ]  # fmt: skip
    assert [event.action for event in found[-2:]] == [Action.SHARE_ACCESSED] * 2
    assert found[-1].detail["host"] == "fs1"


def test_an_unreadable_shell_item_is_said_and_does_not_end_the_walk() -> None:
    place = "Software\\Microsoft\\Windows\\Shell\\BagMRU"
    found = of({place: [order(0, 1), binary("0", b"\xff\xff\x31"), binary("1", shell_list(volume("E")))]})
    assert [event.subject for event in found] == ["(unreadable shell item)", "E:\\"]


def test_names_in_unknown_items_are_marked_as_guessed() -> None:
    phone = b"\0\0\x00\x00" + b"\x05\x20\x31\x10" + bytes(8) + wide("Galaxy S9") + bytes(6)
    item = struct.pack("<H", len(phone) + 2) + phone
    place = "Software\\Microsoft\\Windows\\Shell\\BagMRU"
    (event,) = of({place: [order(0), binary("0", shell_list(item))]})
    assert (event.subject, event.detail["name_is"]) == ("Galaxy S9", "guessed")


def test_typed_paths_addresses_commands_and_searches_are_told_in_order() -> None:
    keys: Keys = {
        f"{EXPLORER}\\TypedPaths": [regf.text("url1", "E:\\"), regf.text("url2", "\\\\fs1\\data")],
        "Software\\Microsoft\\Internet Explorer\\TypedURLs": [regf.text("url1", "https://drive.google.com/drive/my?x=1")],
        "Software\\Microsoft\\Internet Explorer\\TypedURLsTime": [binary("url1", struct.pack("<Q", filetime(MADE)))],
        f"{EXPLORER}\\RunMRU": [regf.text("MRUList", "ba"), regf.text("a", "cmd\\1"),
                                regf.text("b", "scp a.csv x@host:\\1")],
        f"{EXPLORER}\\WordWheelQuery": [order(0), binary("0", wide("secret"))],
    }  # fmt: skip
    assert told(keys) == [
        (Action.PATH_TYPED, "E:\\", WHEN, "last typed"), (Action.PATH_TYPED, "\\\\fs1\\data", None, ORDER),
        (Action.UPLOAD_HINT, "https://drive.google.com/drive/my", MADE, "visited"),
        (Action.TRANSFER_COMMAND, "scp a.csv x@host:", WHEN, "last run"), (Action.COMMAND_RUN, "cmd", None, ORDER),
        (Action.SEARCHED, "secret", WHEN, "last searched for"),
    ]  # fmt: skip


def test_user_assist_of_both_versions_gives_count_and_last_start() -> None:
    name = codecs.encode("{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\cipher.exe", "rot13")
    old = codecs.encode("UEME_RUNPATH:C:\\sdelete.exe", "rot13")
    data = struct.pack("<IIII", 0, 4, 2, 9000).ljust(60, b"\0") + struct.pack("<QI", filetime(WHEN), 0)
    found = of({
        f"{EXPLORER}\\UserAssist\\{{CEBFF5CD}}\\Count": [binary(name, data)],
        f"{EXPLORER}\\UserAssist\\{{75048700}}\\Count": [binary(old, struct.pack("<IIQ", 1, 8, filetime(MADE)))],
    })  # fmt: skip
    assert {(event.subject, event.time, event.detail["count"]) for event in found} == {
        ("%SystemRoot%\\System32\\cipher.exe", WHEN, 4), ("C:\\sdelete.exe", MADE, 3),
    }  # fmt: skip


def test_office_lists_carry_their_own_times() -> None:
    word = "Software\\Microsoft\\Office\\16.0\\Word"
    item = f"[F00000000][T{filetime(MADE):016X}][O00000000]*E:\\住民.docx"
    trust = binary("E:/住民.docx", struct.pack("<QQQ", filetime(MADE), 0, 0x7FFFFFFF << 32))
    keys: Keys = {
        f"{word}\\User MRU\\ADAL_1\\File MRU": [regf.text("Item 1", item)],
        f"{word}\\Security\\Trusted Documents\\TrustRecords": [trust],
        f"{word}\\Reading Locations\\Document 0": [
            regf.text("File Path", "E:\\住民.docx"), regf.text("Datetime", "2022-06-21T10:00"),
            regf.text("Position", "0 0")],
    }  # fmt: skip
    recent, trusted, reading = of(keys)
    assert (recent.subject, recent.time, recent.detail["account"]) == ("E:\\住民.docx", MADE, "ADAL_1")
    assert (trusted.time, trusted.time_meaning) == (MADE, "document trusted")
    assert (reading.time, reading.zone) == (WHEN, "local Asia/Tokyo")


def test_volumes_shares_and_sessions_of_a_user_are_told() -> None:
    guid = "{17431e0e-7842-11ec-8368-e8f4081d3176}"
    found = of({
        f"{EXPLORER}\\MountPoints2\\{guid}": [], f"{EXPLORER}\\MountPoints2\\##fs1#data": [],
        f"{EXPLORER}\\MountPoints2\\CPC": [],
        f"{EXPLORER}\\Map Network Drive MRU": [regf.text("MRUList", "a"), regf.text("a", "\\\\fs1\\data")],
        "Network\\V": [regf.text("RemotePath", "\\\\fs1\\data"), regf.text("UserName", "u")],
        "Software\\Microsoft\\Terminal Server Client\\Default": [regf.text("MRU0", "10.1.1.1")],
        "Software\\Microsoft\\Terminal Server Client\\Servers\\10.1.1.1": [regf.text("UsernameHint", "admin")],
    })  # fmt: skip
    assert {(event.action, event.subject, event.detail.get("host")) for event in found} == {
        (Action.SHARE_ACCESSED, "\\\\fs1\\data", "fs1"), (Action.VOLUME_MOUNTED, guid, None),
        (Action.REMOTE_SESSION, "10.1.1.1", "10.1.1.1"),
    }  # fmt: skip
    assert len(found) == 6


def test_transfer_clients_show_hosts_they_met_and_sessions_set_up() -> None:
    putty, winscp = "Software\\SimonTatham\\PuTTY", "Software\\Martin Prikryl\\WinSCP 2"
    found = of({
        f"{putty}\\SshHostKeys": [regf.text("rsa2@22:fs1.example", "0x1")],
        f"{winscp}\\Sessions\\kyufu%20drop": [
            regf.text("HostName", "drop.example"), regf.text("UserName", "k"), regf.text("LocalDirectory", "E:%5C")],
        f"{winscp}\\Sessions\\Default%20Settings": [regf.text("HostName", "x")],
    })  # fmt: skip
    assert [(event.action, event.subject, event.detail["host"]) for event in found] == [
        (Action.REMOTE_SESSION, "fs1.example", "fs1.example"), (Action.TOOL_CONFIGURED, "kyufu drop", "drop.example"),
    ]  # fmt: skip
    assert found[1].detail["folder"] == "E:\\"


def test_packers_tell_archives_made_and_opened() -> None:
    archives = binary("ArcHistory", wide("E:\\a.7z") + wide("C:\\b.zip"))
    keys: Keys = {
        "Software\\7-Zip\\Compression": [archives],
        "Software\\WinRAR\\ArcHistory": [regf.text("0", "C:\\x.rar"), regf.text("1", "C:\\y.rar")],
        "Software\\WinRAR\\DialogEditHistory\\ArcName": [regf.text("0", "z.rar")],
    }  # fmt: skip
    assert told(keys) == [
        (Action.ARCHIVE_COMMAND, "E:\\a.7z", None, "state without a time"),
        (Action.ARCHIVE_COMMAND, "C:\\b.zip", None, "state without a time"),
        (Action.FILE_OPENED, "C:\\x.rar", WHEN, "last used"), (Action.FILE_OPENED, "C:\\y.rar", None, ORDER),
        (Action.ARCHIVE_COMMAND, "z.rar", WHEN, "last used"),
    ]  # fmt: skip


def test_a_licence_accepted_alone_is_a_start_and_of_a_wiper_a_wiping_tool() -> None:
    place, accepted = "Software\\SysInternals", [regf.number("EulaAccepted", 1)]
    assert told({f"{place}\\SDelete": accepted}) == [(Action.WIPING_TOOL, "SDelete", WHEN, "licence accepted")]
    many = {f"{place}\\{name}": accepted for name in ("SDelete", "PsExec", "Autoruns", "Handle")}
    assert {event.action for event in of(many)} == {Action.PROGRAM_PRESENT}


def test_ccleaner_tells_what_it_wipes_and_when_it_looked_for_updates() -> None:
    keys: Keys = {"Software\\Piriform\\CCleaner": [
        regf.text("(App)History", "True"), regf.text("(App)Cookies", "False"),
        regf.text("UpdateKey", "06/21/2022 10:00:00 AM")]}  # fmt: skip
    found = of(keys)
    assert [(event.action, event.time) for event in found] == [(Action.WIPING_TOOL, None), (Action.WIPING_TOOL, WHEN)]
    assert found[0].detail["wipes"] == "History"


def test_a_user_who_is_not_remembered_is_said_to_be_so() -> None:
    found = of({
        f"{EXPLORER}\\Advanced": [regf.number("Start_TrackDocs", 0), regf.number("Start_TrackProgs", 1)],
        "Software\\Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer": [regf.number("NoRecentDocsHistory", 1)],
    })  # fmt: skip
    assert [(event.detail["governs"], event.detail["state"]) for event in found] == [
        ("recent-documents", "off"), ("user-assist", "on"), ("recent-documents", "off"),
    ]  # fmt: skip


def test_named_programs_of_usrclass_are_read() -> None:
    place = "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache"
    keys: Keys = {place: [regf.text("C:\\rclone.exe.FriendlyAppName", "rclone"), regf.text("LangID", "x")]}
    (event,) = events("usrclass-hive", keys)
    assert (event.action, event.subject, event.detail["shown_as"]) == (Action.PROGRAM_RUN, "C:\\rclone.exe", "rclone")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("reader", ["ntuser-hive", "usrclass-hive"])
def test_no_damage_is_silent(reader: str, damage: object) -> None:
    place = "Software\\Microsoft\\Windows\\Shell\\BagMRU"
    chain = {place + "\\0" * depth: [order(0), binary("0", shell_list(folder("x" * 40, MADE)))] for depth in range(30)}
    found = audit(read(reader, damage(built(chain))))  # type: ignore[operator]
    assert found.gaps
    assert found.status in {"damaged", "unreadable"}


def test_bags_deeper_than_are_read_are_a_gap() -> None:
    place = "Software\\Microsoft\\Windows\\Shell\\BagMRU"
    chain = {place + "\\0" * depth: [order(0), binary("0", shell_list(volume("E")))] for depth in range(70)}
    assert "shell bags" in audit(read("ntuser-hive", built(chain))).gaps[0].reason
