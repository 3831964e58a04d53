"""LUKS1 and LUKS2: what a volume says of its protection, and its clear bytes once a passphrase or key fits.

libluksde reads neither LUKS2 nor bounds what a header may ask of the examiner's machine; so the reader is our own, and
libluksde and cryptsetup are its judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.access.interfaces import Readable
from pipeline.access.luks_headers import LuksHeader, read_header
from pipeline.access.luks_keys import KeySlot
from pipeline.access.sealed import LockedError, Opened, Protection
from pipeline.access.sector_ciphers import Deciphered, cipher_of
from pipeline.errors import UnreadableError
from pipeline.records import Run
from pipeline.volume_keys import KeyKind, VolumeKey

__all__ = ["Luks"]


class Luks:
    """The unlocker of LUKS volumes."""

    def describe(self, data: Readable) -> Protection:
        """Return what the header tells."""
        header = read_header(data)
        kinds = sorted({slot.derivation.kind for slot in header.slots})
        return Protection(
            method=f"LUKS{header.version} {header.segment.encryption} {header.key_bits} {' '.join(kinds)}".rstrip(),
            identifier=header.uuid,
            label=header.label,
            names=(header.uuid,),
            protectors=tuple(f"key slot {slot.number} ({slot.derivation.kind})" for slot in header.slots),
            metadata=((0, header.segment.offset, "LUKS header"),),
            remarks=header.remarks,
        )

    def unlock(self, data: Readable, keys: Sequence[VolumeKey]) -> Opened:
        """Open with the first key that fits a slot, or with the volume key itself."""
        header = read_header(data)
        troubles: list[str] = []
        for key in keys:
            found = _volume_key(header, data, key, troubles)
            if found is not None:
                secret, opened_by = found
                return _opened(header, data, secret, opened_by)
        raise LockedError(_refusal(header, keys, troubles))


def _volume_key(header: LuksHeader, data: Readable, key: VolumeKey, troubles: list[str]) -> tuple[bytes, str] | None:
    if key.kind == KeyKind.VOLUME_KEY:
        return (key.secret, "volume key") if header.digest.fits(key.secret) else None
    for secret in _passphrases(key):
        for slot in header.slots:
            volume_key = _from_slot(slot, data, secret, troubles)
            if volume_key is not None:
                return volume_key, f"{key.kind.value}, key slot {slot.number}"
    return None


def _passphrases(key: VolumeKey) -> Iterator[bytes]:
    """Yield a key as cryptsetup would take it: a key file whole, and without the line end that an editor leaves."""
    yield key.secret
    bare = re.sub(rb"\r?\n\Z", b"", key.secret)
    if key.kind == KeyKind.FILE and bare != key.secret:
        yield bare


def _from_slot(slot: KeySlot, data: Readable, secret: bytes, troubles: list[str]) -> bytes | None:
    try:
        return slot.volume_key(data, secret)
    except UnreadableError as error:
        text = f"key slot {slot.number}: {error}"
        if text not in troubles:
            troubles.append(text)
        return None


def _opened(header: LuksHeader, data: Readable, secret: bytes, opened_by: str) -> Opened:
    segment = header.segment
    cipher = cipher_of(segment.encryption, secret)
    clear = Deciphered(data, segment.offset, segment.length, cipher, segment.sector, segment.tweak)
    return Opened(data=clear, opened_by=opened_by, runs=(Run(start=segment.offset, length=segment.length),))


def _refusal(header: LuksHeader, keys: Sequence[VolumeKey], troubles: Sequence[str]) -> str:
    if not header.slots:
        return "it has no key slot that can be read (erased?); only its volume key opens it"
    if troubles:
        return "; ".join(troubles[:4])
    if not keys:
        return "no key is given for it"
    return "the given password is wrong (1 tried)" if len(keys) == 1 else f"none of the {len(keys)} given keys fits"
