"""Laws of volume keys: one line a key, for one place or any; none of them shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.keys import create_keys, open_keys
from pipeline.volume_keys import KeyKind, VolumeKey, VolumeKeys, parse_line, recovery_digits
from tests.builders.bitlocker import RECOVERY


def _folder(tmp_path: Path, **files: bytes) -> Path:
    create_keys(tmp_path)
    for name, data in files.items():
        path = tmp_path / name.replace("_", ".")
        path.write_bytes(data)
        path.chmod(0o600)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("secret", [("*", "secret")]),
        ("  two words \t", [("*", "two words")]),
        ("# a remark", []),
        ("", []),
        ("EX-01!part:p2 = a = b", [("EX-01!part:p2", "a = b")]),
        ("* = # no remark", [("*", "# no remark")]),
        ("a=b", [("*", "a=b")]),
        ('EX-01 = " padded "', [("EX-01", '" padded "'), ("EX-01", " padded ")]),
        ("ひみつ の ことば", [("*", "ひみつ の ことば")]),
    ],
)
def test_a_line_is_a_key_for_any_place_or_for_one(line: str, pairs: list[tuple[str, str]]) -> None:
    assert list(parse_line(line)) == pairs


def test_keys_of_the_directory_are_found(tmp_path: Path) -> None:
    text = b"first\r\nEX-01 = file:one.keyfile\nEX-02 = key:00ff\n"
    windows = f"BitLocker 回復キー\r\n{RECOVERY}\r\n".encode("utf-16")
    folder = _folder(tmp_path, passwords_txt=text, one_keyfile=b"\0\1", stick_BEK=b"bek", saved_txt=windows)
    keys = open_keys(folder).volume_keys.keys
    assert [(key.place, key.kind, key.secret, key.name) for key in keys] == [
        ("*", KeyKind.PASSWORD, b"first", ""),
        ("EX-01", KeyKind.FILE, b"\0\1", "one.keyfile"),
        ("EX-02", KeyKind.VOLUME_KEY, b"\0\xff", ""),
        ("*", KeyKind.PASSWORD, RECOVERY.encode(), "saved.txt"),
        ("*", KeyKind.FILE, b"bek", "stick.BEK"),
    ]
    assert "first" not in repr(keys) + repr(open_keys(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"EX-01 = file:../other", "in the key directory itself"),
        (b"EX-01 = file:absent", "cannot be read"),
        (b"EX-01 = key:xyz", "hexadecimal"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_wrong_lines_are_settings_errors_with_their_place(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_keys(_folder(tmp_path, passwords_txt=text))


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path, passwords_txt=b"secret")
    (folder / "passwords.txt").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_keys(folder)


def _key(place: str, secret: bytes = b"x") -> VolumeKey:
    return VolumeKey(place=place, kind=KeyKind.PASSWORD, secret=secret)


def test_own_keys_come_first_and_other_places_not_at_all() -> None:
    keys = VolumeKeys(
        tuple(
            map(
                _key,
                ("*", "EX-01", "EX-01!part:p2", "EX-01!part:p20", "EX-02", "{4967D63B-2E29-4AD8-8399-F6A339E3D001}"),
            )
        )
    )
    names = ("4967d63b-2e29-4ad8-8399-f6a339e3d001",)
    found = [key.place for key in keys.for_volume("EX-01!part:p2", names)]
    assert found == ["EX-01", "EX-01!part:p2", "{4967D63B-2E29-4AD8-8399-F6A339E3D001}", "*"]
    assert [key.place for key in keys.for_volume("EX-02!part:p1")] == ["EX-02", "*"]
    serial = VolumeKeys((_key("AA00-11"),)).renamed("aa00-11", "EX-03")
    assert [key.place for key in serial.for_volume("EX-03")] == ["EX-03"]


def test_digest_tells_that_keys_changed_and_needs_the_case_key() -> None:
    one, two = VolumeKeys((_key("*", b"a"),)), VolumeKeys((_key("*", b"b"),))
    assert one.digest(b"k") == VolumeKeys((_key("*", b"a"),)).digest(b"k")
    assert len({one.digest(b"k"), two.digest(b"k"), one.digest(b"other"), VolumeKeys().digest(b"k")}) == 4


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (RECOVERY, RECOVERY),
        (f" {RECOVERY.replace('-', '')} ", RECOVERY),
        (RECOVERY.replace("-", "－").translate({48 + n: 0xFF10 + n for n in range(10)}), RECOVERY),
        (RECOVERY.replace("471207", "471208"), None),
        (RECOVERY[:-1], None),
        ("password", None),
        (RECOVERY.replace("471207", "999999"), None),
    ],
)
def test_recovery_passwords_are_told_by_their_check(text: str, digits: str | None) -> None:
    assert recovery_digits(text) == digits
