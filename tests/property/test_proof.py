"""Laws of proofs: the stand-alone verifier takes every true one, in a clean interpreter, and no changed one."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipeline.access.hashing import LEAF_BYTES, hash_image, image_root, leaf_hash, merkle_root
from pipeline.clock import SYSTEM_CLOCK
from pipeline.custody import Ledger
from pipeline.keys import create_keys
from pipeline.review import verify_proof
from pipeline.review.proof import Target, proof_of
from pipeline.stages.examine_content import BytesReadable

VERIFIER = Path(verify_proof.__file__)
SIZES = (1, 40, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 2 * LEAF_BYTES, 3 * LEAF_BYTES, 5 * LEAF_BYTES + 7)


def made(size: int, *ranges: tuple[int, int]) -> tuple[bytes, bytes, str]:
    """Return an image, the proof of ranges of it, and its root."""
    data = random.Random(size).randbytes(size)
    leaves = hash_image(BytesReadable(data)).leaves  # type: ignore[arg-type]
    target = Target(exhibit="EX-01", kind="bytes", id="x", ranges=ranges)
    root = merkle_root(leaves)
    return data, proof_of(target, BytesReadable(data), root, leaves), root


def accepts(raw: bytes, root: str, size: int | None = None) -> bytes | None:
    """Return the proven bytes, or None where the proof is refused."""
    try:
        length, tree, bound, _, data = verify_proof.check(verify_proof.load(raw))
        verify_proof.against(root, size, tree, bound, length)
    except verify_proof.Refused:
        return None
    return data


def changed(raw: bytes, change: Any) -> bytes:
    """Return a proof with a change and a digest that fits it again."""
    proof = json.loads(raw)
    change(proof)
    proof.pop("digest", None)
    return verify_proof.canonical({**proof, "digest": hashlib.sha256(verify_proof.canonical(proof)).hexdigest()})


@pytest.mark.parametrize("size", SIZES)
def test_true_proofs_of_any_size_and_place_hold(size: int) -> None:
    places = {(0, 1), (size - 1, 1), (0, size), (size // 2, size - size // 2), (max(size - LEAF_BYTES - 1, 0), 1)}
    for start, length in sorted(places):
        data, raw, root = made(size, (start, length))
        assert accepts(raw, image_root(size, root)) == data[start : start + length]
        assert accepts(raw, root, size) == data[start : start + length]
        assert accepts(raw, root, size + 1) is None
        assert accepts(raw, "0" * 64) is None
        assert accepts(raw, image_root(size + 1, root)) is None


def test_ranges_that_straddle_leaves_keep_their_order() -> None:
    size = 4 * LEAF_BYTES
    ranges = ((3 * LEAF_BYTES - 5, 10), (7, 3), (LEAF_BYTES - 1, 2))
    data, raw, root = made(size, *ranges)
    assert accepts(raw, root, size) == b"".join(data[start : start + length] for start, length in ranges)


def test_every_flipped_bit_of_a_proof_is_refused() -> None:
    _, raw, root = made(40, (3, 5))
    for place in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            assert accepts(bytes(flipped), image_root(40, root)) is None, (place, bit)


def test_flipped_bits_are_refused_even_with_a_digest_that_fits() -> None:
    size = LEAF_BYTES + 40
    _, raw, root = made(size, (LEAF_BYTES + 3, 5))
    held = json.loads(raw)["leaves"][0]
    for bit in range(40 * 8):
        data = bytearray(base64.b64decode(held["data"]))
        data[bit // 8] ^= 1 << bit % 8
        other = base64.b64encode(bytes(data)).decode()
        assert accepts(changed(raw, lambda p, o=other: p["leaves"][0].update(data=o)), root, size) is None
    for bit in range(256):
        node = bytearray(bytes.fromhex(held["path"][0]))
        node[bit // 8] ^= 1 << bit % 8
        assert accepts(changed(raw, lambda p, n=node: p["leaves"][0].update(path=[n.hex()])), root, size) is None


FORGERIES: dict[str, Any] = {
    "path cut": lambda p: p["leaves"][0]["path"].pop(),
    "path longer": lambda p: p["leaves"][0]["path"].append("0" * 64),
    "leaf twice": lambda p: p["leaves"].append(p["leaves"][0]),
    "other index": lambda p: p["leaves"][0].update(index=2),
    "index true": lambda p: p["leaves"][0].update(index=True),
    "index text": lambda p: p["leaves"][0].update(index="1"),
    "index negative": lambda p: p["leaves"][0].update(index=-1),
    "index huge": lambda p: p["leaves"][0].update(index=10**400),
    "size huge": lambda p: p["image"].update(size=10**30),
    "size true": lambda p: p["image"].update(size=True),
    "smaller image": lambda p: p["image"].update(size=2 * LEAF_BYTES),
    "smaller leaves": lambda p: p["image"].update(leaf_bytes=32),
    "range behind the end": lambda p: p["ranges"][0].update(start=3 * LEAF_BYTES),
    "range in another leaf": lambda p: p["ranges"][0].update(start=0),
    "empty range": lambda p: p["ranges"][0].update(length=0),
    "no ranges": lambda p: p.update(ranges=[]),
    "no leaves": lambda p: p.update(leaves=[]),
    "range of a fraction": lambda p: p["ranges"][0].update(length=1.5),
    "further key": lambda p: p.update(more=1),
    "other format": lambda p: p.update(format="x"),
    "version true": lambda p: p.update(version=True),
    "data no text": lambda p: p["leaves"][0].update(data=[1]),
    "data short": lambda p: p["leaves"][0].update(data=""),
    "node in capitals": lambda p: p["leaves"][0].update(path=[p["leaves"][0]["path"][0].upper()]),
    "leaves an object": lambda p: p.update(leaves={"0": p["leaves"][0]}),
    "exhibit null": lambda p: p.update(exhibit=None),
}


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_forged_proofs_are_refused(name: str) -> None:
    size = 3 * LEAF_BYTES
    _, raw, root = made(size, (LEAF_BYTES + 3, 5))
    assert accepts(changed(raw, lambda proof: None), root, size) is not None
    assert accepts(changed(raw, FORGERIES[name]), image_root(size, root)) is None


def test_a_node_cannot_pass_for_a_leaf() -> None:
    """Two leaves' hashes in a row hash, as a leaf, to something else than their node."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(bytes.fromhex(left + right)) != merkle_root([left, right])


@pytest.mark.parametrize(
    "raw", [b"", b"{}\n", b"[]\n", b"null\n", b"[" * 100_000, b"\xff", b'{"a":NaN}\n', b"1" * 9999]
)
def test_what_is_no_proof_is_refused(raw: bytes) -> None:
    assert accepts(raw, "0" * 64) is None


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(VERIFIER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")


def test_a_clean_interpreter_checks_a_proof(tmp_path: Path) -> None:
    data, raw, root = made(LEAF_BYTES + 9, (LEAF_BYTES - 4, 8))
    path = tmp_path / "proof.json"
    path.write_bytes(raw)
    done = run(str(path), "--root", image_root(len(data), root))
    assert (done.returncode, done.stderr) == (0, "")
    assert hashlib.sha256(data[LEAF_BYTES - 4 : LEAF_BYTES + 4]).hexdigest() in done.stdout
    assert "give --size" in run(str(path), "--root", root).stdout
    assert run(str(path), "--root", "1" * 64).returncode == 4
    assert run(str(path)).returncode == 2
    path.write_bytes(raw[:-40])
    assert run(str(path), "--root", root).returncode == 4


def test_the_root_may_come_from_the_signed_ledger(tmp_path: Path) -> None:
    data, raw, root = made(40, (3, 5))
    path = tmp_path / "proof.json"
    path.write_bytes(raw)
    keys = create_keys(tmp_path / "secrets")
    ledger = Ledger(tmp_path, keys, SYSTEM_CLOCK, "x")
    ledger.append("run-started", {})
    ledger.append("run-finished", {"roots": {"EX-01": image_root(len(data), root)}})
    lines = tmp_path / "custody.jsonl"
    assert run(str(path), "--ledger", str(lines), "--key", keys.public_hex).returncode == 0
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    assert run(str(path), "--ledger", str(lines), "--key", other).returncode == 4
    lines.write_bytes(lines.read_bytes().replace(b"run-finished", b"run-fiNished"))
    assert run(str(path), "--ledger", str(lines), "--key", keys.public_hex).returncode == 4


def test_signatures_are_judged_as_the_library_judges_them() -> None:
    chance = random.Random(5)
    for _ in range(4):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        message = chance.randbytes(32)
        signature = key.sign(message)
        assert verify_proof.signed(public, message, signature)
        for place in (0, 31, 32, 63):
            wrong = bytearray(signature)
            wrong[place] ^= 1
            assert not verify_proof.signed(public, message, bytes(wrong))
        assert not verify_proof.signed(public, message + b"x", signature)
