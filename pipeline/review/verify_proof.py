#!/usr/bin/env python3
"""Check a proof of Akashi without Akashi, the case or the image: only this file and Python 3.8 or later are needed.

    python verify_proof.py PROOF.json --root HEX
    python verify_proof.py PROOF.json --ledger custody.jsonl [--key HEX]

A proof (``akashi prove``) holds whole mebibytes of an image and shows that they are part of it. Checked is, in order:
that the file is canonical JSON and its own ``digest`` holds; that every ``leaf`` is the mebibyte it says, by
``H(0x00 || bytes)``; that its ``path`` leads to one ``tree_root``, by ``H(0x01 || left || right)``, where the left part
of *n* leaves holds the largest power of two smaller than *n* (RFC 6962, section 2.1); that the size of the image is
bound to it, ``image_root = H(0x02 || size as 8 bytes, big-endian || tree_root)``; and that the root is the one given.
``H`` is SHA-256. The tree root alone does not bind the size, hence not the offsets: with it, give the size, too.

The root may come from the signed ledger: its chain is followed, its signatures (Ed25519, RFC 8032) are checked with
the public key, and the newest run's root of the proof's exhibit is taken.

Exit codes: 0 the proof holds, 4 it does not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, cast

LEAF = 1 << 20
MOST_BYTES = 1 << 30
MOST_SIZE = 1 << 63
KEYS = {"digest", "exhibit", "format", "image", "leaves", "ranges", "subject", "version"}
IMAGE_KEYS = {"image_root", "leaf_bytes", "size", "tree_root"}
LEAF_KEYS = {"data", "index", "path"}
RANGE_KEYS = {"length", "start"}
SUBJECT_KEYS = {"id", "kind"}
KINDS = {"bytes", "container", "file", "finding"}


class Refused(Exception):  # noqa: N818 - what it says of a proof
    """The proof does not hold; the text says why."""


def need(condition: bool, why: str) -> None:
    """Refuse the proof unless a condition holds."""
    if not condition:
        raise Refused(why)


def number(value: Any, low: int, high: int, what: str) -> int:
    """Return a whole number within bounds; a truth value or a fraction is none."""
    need(type(value) is int and low <= value < high, f"{what} is no number from {low} to below {high}")
    return int(value)


def hexadecimal(value: Any, what: str) -> bytes:
    """Return 32 bytes of their 64 lower-case digits."""
    need(type(value) is str and len(value) == 64 and set(value) <= set("0123456789abcdef"), f"{what} is no SHA-256")
    return bytes.fromhex(value)


def record(value: Any, keys: set[str], what: str) -> dict[str, Any]:
    """Return an object that has exactly some keys."""
    need(type(value) is dict and set(value) == keys, f"{what} does not have exactly the keys {sorted(keys)}")
    return cast("dict[str, Any]", value)


def sequence(value: Any, most: int, what: str) -> list[Any]:
    """Return a list that is not empty and not too long."""
    need(type(value) is list and 1 <= len(value) <= most, f"{what} is no list of 1 to {most} items")
    return cast("list[Any]", value)


def load(raw: bytes) -> dict[str, Any]:
    """Return the proof of a file's bytes, which must be just what writing it again gives."""
    need(len(raw) <= MOST_BYTES, "the file is too large")
    try:
        proof = json.loads(raw.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float)
        again = canonical(proof)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the file is no proof ({type(error).__name__})") from error
    need(again == raw, "the file is not canonical JSON: it was changed")
    record(proof, KEYS, "the proof")
    need(proof["format"] == "akashi-proof" and proof["version"] == 1 and type(proof["version"]) is int,
         "the format or its version is not known")  # fmt: skip
    body = {key: value for key, value in proof.items() if key != "digest"}
    need(proof["digest"] == hashlib.sha256(canonical(body)).hexdigest(), "the file's own digest does not hold")
    return cast("dict[str, Any]", proof)


def _no_float(text: str) -> Any:
    raise ValueError(text)


def canonical(value: Any) -> bytes:
    """Return the one way to write a value as JSON."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def split(count: int) -> int:
    """Return the largest power of two smaller than a count of two or more."""
    return 1 << ((count - 1).bit_length() - 1)


def sides(index: int, count: int) -> list[bool]:
    """Return for each node from a leaf up to the root whether the sibling is on the left."""
    found = []
    while count > 1:
        middle = split(count)
        if index < middle:
            found.append(False)
            count = middle
        else:
            found.append(True)
            index, count = index - middle, count - middle
    return found[::-1]


def root_of(data: bytes, index: int, count: int, path: Any) -> bytes:
    """Return the tree's root that a leaf and its path lead to."""
    node, where = hashlib.sha256(b"\0" + data).digest(), sides(index, count)
    need(type(path) is list and len(path) == len(where), f"the path of leaf {index} has not the length it must have")
    for step, left in enumerate(where):
        other = hexadecimal(path[step], f"a node of the path of leaf {index}")
        node = hashlib.sha256(b"\1" + (other + node if left else node + other)).digest()
    return node


def check(proof: dict[str, Any]) -> tuple[int, str, str, list[tuple[int, int]], bytes]:
    """Return (size, tree root, image root, ranges, bytes of the ranges) of a proof that holds in itself."""
    image = record(proof["image"], IMAGE_KEYS, "image")
    number(image["leaf_bytes"], LEAF, LEAF + 1, "leaf_bytes")
    size = number(image["size"], 1, MOST_SIZE, "size")
    tree = hexadecimal(image["tree_root"], "tree_root")
    bound = hashlib.sha256(b"\2" + size.to_bytes(8, "big") + tree).digest()
    need(hexadecimal(image["image_root"], "image_root") == bound, "image_root does not bind size and tree_root")
    subject = record(proof["subject"], SUBJECT_KEYS, "subject")
    need(all(type(subject[key]) is str for key in subject) and subject["kind"] in KINDS, "the subject is not known")
    need(type(proof["exhibit"]) is str and proof["exhibit"] != "", "the exhibit has no label")
    held = leaves_of(proof, size, tree)
    ranges = []
    for item in sequence(proof["ranges"], 1 << 20, "ranges"):
        record(item, RANGE_KEYS, "a range")
        start = number(item["start"], 0, size, "a range's start")
        ranges.append((start, number(item["length"], 1, size - start + 1, "a range's length")))
    needed = {at for start, length in ranges for at in range(start // LEAF, (start + length - 1) // LEAF + 1)
              if length <= MOST_BYTES}  # fmt: skip
    need(needed == set(held), "the leaves are not just those that the ranges lie in")
    return size, tree.hex(), bound.hex(), ranges, b"".join(taken(held, start, length) for start, length in ranges)


def leaves_of(proof: dict[str, Any], size: int, tree: bytes) -> dict[int, bytes]:
    """Return the leaves' bytes by index, each shown to be in the tree."""
    count, held, last = -(-size // LEAF), {}, -1
    for leaf in sequence(proof["leaves"], MOST_BYTES // LEAF, "leaves"):
        record(leaf, LEAF_KEYS, "a leaf")
        index = number(leaf["index"], last + 1, count, "a leaf's index, which must rise,")
        need(type(leaf["data"]) is str, f"leaf {index} has no data")
        try:
            data = base64.b64decode(leaf["data"].encode("ascii"), validate=True)
        except (ValueError, binascii.Error) as error:
            raise Refused(f"leaf {index} is no base64") from error
        need(base64.b64encode(data).decode("ascii") == leaf["data"], f"leaf {index} is not canonical base64")
        need(len(data) == min(LEAF, size - index * LEAF), f"leaf {index} has not the length it must have")
        need(root_of(data, index, count, leaf["path"]) == tree, f"leaf {index} is not in the tree")
        held[index], last = data, index
    return held


def taken(held: dict[int, bytes], start: int, length: int) -> bytes:
    """Return the bytes of a range out of leaves."""
    pieces = []
    for index in range(start // LEAF, (start + length - 1) // LEAF + 1):
        low, high = max(start - index * LEAF, 0), min(start + length - index * LEAF, LEAF)
        pieces.append(held[index][low:high])
    return b"".join(pieces)


def root_from_ledger(path: str, key: str, exhibit: str) -> str:
    """Return the image root that the newest run in a ledger wrote down, chain and signatures checked."""
    try:
        entries = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
        previous, found = "0" * 64, None
        for place, entry in enumerate(entries):
            body = {name: value for name, value in entry.items() if name not in ("hash", "signature")}
            text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
            digest = hashlib.sha256(text).digest()
            sound = entry["seq"] == place and entry["previous"] == previous and entry["hash"] == digest.hex()
            need(sound, f"line {place + 1} of the ledger does not follow the one before it")
            need(signed(bytes.fromhex(key), digest, bytes.fromhex(entry["signature"])),
                 f"line {place + 1} of the ledger is not signed with this key")  # fmt: skip
            previous, found = entry["hash"], entry.get("roots", {}).get(exhibit, found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(f"the ledger cannot be read ({type(error).__name__})") from error
    need(type(found) is str, "the ledger holds no root of this exhibit")
    return str(found)


PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
SQUARE = pow(2, (PRIME - 1) // 4, PRIME)
BASE = 4 * pow(5, PRIME - 2, PRIME) % PRIME
Point = Any


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a message is signed: Ed25519, RFC 8032, sections 5.1.2 to 5.1.4 and 5.1.7."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, nonce = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if public is None or nonce is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = _point(BASE.to_bytes(32, "little"))
    left, right = _times(scalar, base), _sum(nonce, _times(challenge, public))
    return all((left[axis] * right[2] - right[axis] * left[2]) % PRIME == 0 for axis in (0, 1))


def _point(raw: bytes) -> Point | None:
    """Return the point that 32 bytes stand for, in extended coordinates; None where they stand for none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= PRIME:
        return None
    square = (y * y - 1) * pow(CURVE * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * SQUARE % PRIME
    if (x * x - square) % PRIME or (x == 0 and sign):
        return None
    x = PRIME - x if x & 1 != sign else x
    return x, y, 1, x * y % PRIME


def _sum(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % PRIME, (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c, d = 2 * p[3] * q[3] * CURVE % PRIME, 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _times(scalar: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _sum(total, point)
        point, scalar = _sum(point, point), scalar >> 1
    return total


def against(root: str, stated: int | None, tree: str, bound: str, size: int) -> str:
    """Return what a root shows of a proof; Refused where it is another one."""
    if root == bound:
        return "these bytes lie at these offsets of the image with this root"
    need(root == tree, "the image's root is another one")
    need(stated is None or stated == size, f"the image is said to have {stated} bytes, the proof is of one of {size}")
    if stated is None:
        return f"these bytes are in an image with this root; the offsets hold if it has {size} bytes (give --size)"
    return "these bytes lie at these offsets of the image with this root and size"


def main(arguments: list[str] | None = None) -> int:
    """Check the proof named on the command line."""
    parser = argparse.ArgumentParser(description="Check a proof that bytes are in an image.")
    parser.add_argument("proof", help="the file that `akashi prove` wrote")
    parser.add_argument("--root", help="root of the image, 64 hexadecimal digits: image root, or tree root with --size")
    parser.add_argument("--size", type=int, help="size of the image in bytes")
    parser.add_argument("--ledger", help="custody.jsonl of the case, to take the root from")
    parser.add_argument("--key", help="public key of the ledger, 64 hexadecimal digits")
    options = parser.parse_args(arguments)
    if (options.ledger is None) == (options.root is None) or (options.ledger is None) != (options.key is None):
        parser.error("give --root, or --ledger with --key")
    try:
        with Path(options.proof).open("rb") as handle:
            proof = load(handle.read(MOST_BYTES + 1))
        size, tree, bound, ranges, data = check(proof)
        root = options.root
        if options.ledger is not None:
            root = root_from_ledger(options.ledger, options.key, proof["exhibit"])
        shown = against(str(root).strip().lower(), options.size, tree, bound, size)
    except (Refused, OSError) as error:
        print(f"REFUSED: {error}")
        return 4
    for start, length in ranges[:16]:
        print(f"{json.dumps(proof['exhibit'])} bytes {start}+{length}")
    if len(ranges) > 16:
        print(f"... {len(ranges)} ranges in all")
    print(f"holds: {shown}; {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
