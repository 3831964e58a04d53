"""The custody ledger: what each step read and wrote, by digest, in a hash chain that is signed line by line.

Every line of ``custody.jsonl`` is a JSON object with sorted keys. ``hash`` is the SHA-256 of the line without ``hash``
and ``signature``; ``previous`` is the hash of the line before (64 zeros for the first); ``signature`` is the Ed25519
signature of the hash. ``custody.head.json`` repeats the last line's number, hash and signature, so a shortened ledger
is noticed; a ledger that is one line ahead of its head was interrupted while writing it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipeline.clock import Clock
from pipeline.errors import IntegrityError
from pipeline.keys import KeyRing
from pipeline.store import write_atomically

__all__ = ["Ledger", "read_ledger", "verify_ledger"]

_FIRST: Final = "0" * 64


def _canonical(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(entry: Mapping[str, Any]) -> str:
    body = {key: value for key, value in entry.items() if key not in {"hash", "signature"}}
    return hashlib.sha256(_canonical(body)).hexdigest()


class Ledger:
    """Appends to the ledger of one case."""

    def __init__(self, out: Path, keys: KeyRing, clock: Clock, actor: str) -> None:
        self._path = out / "custody.jsonl"
        self._head = out / "custody.head.json"
        self._keys = keys
        self._clock = clock
        self._actor = actor

    def append(self, event: str, body: Mapping[str, Any]) -> str:
        """Add a line and sign it; returns its hash.

        Raises:
            IntegrityError: the ledger as it stands does not hold together.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self._path.with_suffix(".lock")):
            last = self._last()
            entry: dict[str, Any] = {
                "seq": 0 if last is None else int(last["seq"]) + 1,
                "at": self._clock.now().isoformat(),
                "actor": self._actor,
                "event": event,
                "previous": _FIRST if last is None else last["hash"],
                **body,
            }
            entry["hash"] = _digest(entry)
            entry["signature"] = self._keys.signing_key.sign(bytes.fromhex(entry["hash"])).hex()
            with self._path.open("ab") as handle:
                handle.write(_canonical(entry) + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
            self._write_head(entry)
        return str(entry["hash"])

    def _write_head(self, entry: Mapping[str, Any]) -> None:
        head = {key: entry[key] for key in ("seq", "hash", "signature")}
        write_atomically(self._head, _canonical({**head, "public_key": self._keys.public_hex}))

    def _last(self) -> Mapping[str, Any] | None:
        """Return the last whole line; a line cut off by an interruption is set aside, not lost."""
        if not self._path.exists():
            return None
        data = self._path.read_bytes()
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            self._path.with_name("custody.torn").write_bytes(torn)
            with self._path.open("r+b") as handle:
                handle.truncate(len(whole) + 1 if whole else 0)
        if not whole:
            return None
        entry: Mapping[str, Any] = json.loads(whole.rpartition(b"\n")[2])
        if _digest(entry) != entry.get("hash"):
            raise IntegrityError(f"{self._path}: the last line was changed; run `akashi verify`")
        return entry


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def read_ledger(out: Path) -> list[dict[str, Any]]:
    """Return the ledger's lines.

    Raises:
        IntegrityError: it is missing or a line is not JSON.
    """
    path = out / "custody.jsonl"
    try:
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: the ledger cannot be read ({error})") from error


def verify_ledger(out: Path, public_hex: str) -> list[dict[str, Any]]:
    """Check chain, signatures and head; return the lines.

    Args:
        out: the case's ``out`` folder.
        public_hex: the Ed25519 public key that must have signed.

    Raises:
        IntegrityError: naming the first line that does not hold.
    """
    entries = read_ledger(out)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
    previous = _FIRST
    for number, entry in enumerate(entries):
        where = f"custody.jsonl line {number + 1}"
        if entry.get("seq") != number or entry.get("previous") != previous:
            raise IntegrityError(f"{where}: does not follow the line before it")
        if _digest(entry) != entry.get("hash"):
            raise IntegrityError(f"{where}: its content does not give its hash")
        _check_signature(key, entry, where)
        previous = str(entry["hash"])
    _check_head(out, entries, key)
    return entries


def _check_signature(key: Ed25519PublicKey, entry: Mapping[str, Any], where: str) -> None:
    try:
        key.verify(bytes.fromhex(str(entry.get("signature", ""))), bytes.fromhex(str(entry["hash"])))
    except (InvalidSignature, ValueError) as error:
        raise IntegrityError(f"{where}: not signed by the case's key") from error


def _check_head(out: Path, entries: list[dict[str, Any]], key: Ed25519PublicKey) -> None:
    try:
        head = json.loads((out / "custody.head.json").read_text(encoding="utf-8"))
        seq = int(head["seq"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"custody.head.json cannot be read ({error})") from error
    if not 0 <= len(entries) - 1 - seq <= 1 or entries[seq]["hash"] != head.get("hash"):
        raise IntegrityError("custody.head.json does not name the ledger's last line: lines are missing or replaced")
    _check_signature(key, head, "custody.head.json")
