"""Office documents under a password (MS-OFFCRYPTO), by msoffcrypto: tried with those of the case."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from typing import Final

import msoffcrypto
from msoffcrypto.exceptions import DecryptionError, EncryptionError, FileFormatError, InvalidKeyError, ParseError

from pipeline.decoders.base import Limits, Locked, Member

__all__ = ["office_of"]

_FAULTS: Final = (
    DecryptionError, EncryptionError, FileFormatError, InvalidKeyError, ParseError, OSError, ValueError, KeyError,
    IndexError, AttributeError, TypeError, OverflowError, struct.error,
)  # fmt: skip
_DEFAULT: Final = b"VelvetSweatshop"
"""What Excel encrypts with where only changes are forbidden (MS-XLS §2.2.10): no secret."""
_SPIN: Final = re.compile(rb'spinCount="([0-9]{1,20})"')
_TURNS: Final = 10_000_000
"""Most turns of the key derivation that a document may ask for (MS-OFFCRYPTO §2.3.4.10)."""


def office_of(data: bytes, limits: Limits, *, certain: bool) -> Member | Locked | None:
    """Return the document in clear, Locked where no password opens it, None where it is not encrypted.

    Args:
        data: a compound file.
        limits: its passwords are tried.
        certain: whether it is known to be encrypted.
    """
    if not certain and not _is_encrypted(data):
        return None
    turns = [int(match.group(1)) for match in _SPIN.finditer(data)]
    if max(turns, default=0) > _TURNS:
        return Locked("", "encrypted-office")
    return _opened(data, (_DEFAULT, *limits.passwords), limits.member_bytes) or Locked("", "encrypted-office")


def _is_encrypted(data: bytes) -> bool:
    try:
        return bool(msoffcrypto.OfficeFile(io.BytesIO(data)).is_encrypted())
    except _FAULTS:
        return False


def _opened(data: bytes, passwords: Sequence[bytes], cap: int) -> Member | None:
    for password in passwords:
        out = io.BytesIO()
        try:
            document = msoffcrypto.OfficeFile(io.BytesIO(data))
            document.load_key(password=password.decode("utf-8", "replace"))
            document.decrypt(out)
        except _FAULTS:
            continue
        body = out.getvalue()
        if body.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0")) and len(body) <= cap:
            return Member("decrypted", body)
    return None
