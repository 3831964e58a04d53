"""What opens an encrypted volume: passwords, recovery keys and key files, each with the place it is for.

An analyst writes ``passwords.txt`` in the case's key directory, one key a line::

    # any volume of any exhibit
    correct horse battery staple
    # one exhibit, partition, device serial, volume or protector identifier
    EX-01!part:p2 = 123456-234567-345678-456789-567890-678901-789012-890123
    {4967D63B-2E29-4AD8-8399-F6A339E3D001} = …
    # a file of the key directory, and a volume key as LUKS dumps it
    EX-02 = file:laptop.keyfile
    EX-02 = key:00112233…
    # ``*`` is any place: for a password that holds " = " or begins with "#"
    * = pass = word

Blanks around a key are not part of it; a key in double quotes is also tried without them. Start-up keys (``*.BEK``),
FileVault's ``*.wipekey`` and recovery keys as Windows saves them (``*.txt``) are found by themselves. A key never shows
in a ``repr``, a message or a log.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["KeyKind", "VolumeKey", "VolumeKeys", "parse_line", "recovery_digits", "recovery_texts"]

_LINE: Final = re.compile(r"(\S+)\s+=\s+(.*)", re.DOTALL)
_DIGITS: Final = re.compile(r"(?<!\d)\d{6}(?:-\d{6}){7}(?!\d)")
_DASHES: Final = re.compile("[‐-―−ー－]")


class KeyKind(StrEnum):
    """How a key is meant: typed, printed for recovery, kept in a file, or the volume's own key."""

    PASSWORD = "password"  # noqa: S105
    FILE = "key file"
    VOLUME_KEY = "volume key"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeKey:
    """A key and the place that it is for: ``*``, an exhibit, an address, a serial or an identifier."""

    place: str
    kind: KeyKind
    secret: bytes = field(repr=False)
    name: str = ""

    @property
    def text(self) -> str:
        """The key as typed."""
        return self.secret.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class VolumeKeys:
    """The keys of a case, in the order in which they are tried."""

    keys: tuple[VolumeKey, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def renamed(self, serial: str | None, exhibit: str) -> VolumeKeys:
        """Return the keys with an exhibit's device serial read as its label."""
        if not serial:
            return self
        same = serial.casefold()
        return VolumeKeys(
            tuple(
                VolumeKey(place=exhibit, kind=key.kind, secret=key.secret, name=key.name)
                if key.place.casefold() == same
                else key
                for key in self.keys
            )
        )

    def for_volume(self, address: str, names: Sequence[str] = ()) -> tuple[VolumeKey, ...]:
        """Return the keys to try on a volume: those for its own place first.

        Args:
            address: the encrypted volume's address.
            names: its identifier and those of its protectors.
        """
        known = {_plain(name) for name in names if name}
        own, general = [], []
        for key in self.keys:
            inside = address == key.place or address.startswith(f"{key.place}!")
            if inside or _plain(key.place) in known:
                own.append(key)
            elif key.place == "*":
                general.append(key)
        return (*own, *general)

    def digest(self, key: bytes) -> str:
        """Return a keyed digest of all of them, which tells whether they changed and nothing else."""
        code = hmac.new(key, b"volume-keys", hashlib.sha256)
        for item in self.keys:
            for part in (item.place.encode(), item.kind.value.encode(), item.secret):
                code.update(len(part).to_bytes(8, "big") + part)
        return code.hexdigest()


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold()) if re.fullmatch(r"[{}\-0-9A-Fa-f]+", name) else name.casefold()


def parse_line(line: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the key of a line of ``passwords.txt``; twice where it is quoted."""
    text = line.strip()
    if not text or text.startswith("#"):
        return
    match = _LINE.fullmatch(text)
    place, value = match.groups() if match else ("*", text)
    yield place, value
    if len(value) > 2 and value[0] == value[-1] == '"':
        yield place, value[1:-1]


def recovery_digits(text: str) -> str | None:
    """Return a recovery password of 48 digits as BitLocker takes it, or None: full-width digits and dashes count.

    Each group is a multiple of 11 below 720896 (libbde, BDE format, "Recovery key").
    """
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", text)).strip()
    if re.fullmatch(r"\d{48}", plain):
        plain = "-".join(plain[at : at + 6] for at in range(0, 48, 6))
    if not re.fullmatch(r"[0-9]{6}(?:-[0-9]{6}){7}", plain):
        return None
    groups = [int(group) for group in plain.split("-")]
    return plain if all(group % 11 == 0 and group < 720_896 for group in groups) else None


def recovery_texts(data: bytes) -> Iterable[str]:
    """Return the recovery passwords in a text file as Windows saves it (UTF-16 or UTF-8)."""
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", data.decode(encoding, "replace")))
    return dict.fromkeys(_DIGITS.findall(text))
