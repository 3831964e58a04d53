"""The NTFS reader against models: random trees come back whole, and batches say what single records say."""

from __future__ import annotations

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access.interfaces import Readable
from pipeline.access.ntfs import open_mft_file
from pipeline.access.ntfs_batch import fix_sectors, parse_batch
from pipeline.access.ntfs_facts import facts_of
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_lznt1 import expand
from pipeline.access.ntfs_mft import Mft, streams_of
from pipeline.access.ntfs_record import DATA, INDEX_ALLOCATION, INDEX_ROOT, fixed, parse_record
from pipeline.access.ntfs_runs import decode_runs
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Origin, Volume
from pipeline.schemas import plain_text
from tests.builders.mft import SIZE, data, file_name, geometry, record, runs, standard, table

NAME: Final = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12)
VOLUME: Final = Volume(
    address="M", exhibit="M", start=0, length=0, direct=False, scheme="none", part_type="", file_system="NTFS",
    label="", serial="", block_size=4096, encryption="", state="open", reader="own",
)  # fmt: skip
STREAMS: Final = frozenset({DATA, INDEX_ROOT, INDEX_ALLOCATION})


class Bytes:
    """A table in memory."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.size = len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[int, bytes], dict[str, tuple[Origin, bytes]]]:
    """Return records of a random tree, and the path, origin and content that each file must come back with."""
    records: dict[int, bytes] = {}
    folders: list[tuple[int, str, Origin]] = [(5, "", Origin.ALLOCATED)]
    files: dict[str, tuple[Origin, bytes]] = {}
    for number in range(24, 24 + draw(st.integers(1, 25))):
        parent, path, origin = draw(st.sampled_from(folders))
        name, live = f"{draw(NAME)}{number}", draw(st.booleans())
        meant = 5 if parent == 5 else 3
        origin = origin if live or origin != Origin.ALLOCATED else Origin.DELETED
        sequence = 3 if live else 4
        names = standard(), file_name(name, parent, meant)
        if draw(st.booleans()):
            records[number] = record(*names, flags=2 | live, sequence=sequence)
            folders.append((number, f"{path}/{name}", origin))
            continue
        content = draw(st.binary(max_size=60))
        records[number] = record(*names, data(content), flags=int(live), sequence=sequence)
        files[plain_text(f"{path}/{name}")] = origin, content
    return records, files


@given(trees())
@settings(max_examples=60, deadline=None)
def test_a_random_tree_comes_back_whole(built: tuple[dict[int, bytes], dict[str, tuple[Origin, bytes]]]) -> None:
    records, files = built
    fs = open_mft_file(Bytes(table(records)), VOLUME)
    rows = [row for row in fs.entries() if isinstance(row, FileEntry) and row.kind == "file"]
    found = {row.path: (row.origin, fs.read(row, 0, row.size)) for row in rows}
    assert found == files


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a table of a few records with random bytes written over random places."""
    whole = [
        record(standard(), file_name("a", 5, 5), data(b"content"), data(b"more", "s")),
        record(standard(), file_name("b", 5, 5), file_name("B~1", 5, 5, space=2), runs(b"\x11\x05\x0a\0", 5000)),
        record(standard(), file_name("c", 5, 5), runs(b"\x21\x05\x0a\x00\0", 5000, name="n"), flags=3),
        record(flags=0),
    ]
    raw = bytearray(b"".join(draw(st.lists(st.sampled_from(whole), min_size=1, max_size=5))))
    for at, piece in draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.binary(max_size=6)), max_size=12)):
        raw[at : at + len(piece)] = piece[: len(raw) - at]
    return bytes(raw)


@given(damaged())
@settings(max_examples=300, deadline=None)
def test_a_batch_says_what_its_records_say_one_by_one(raw: bytes) -> None:
    mft = Mft(Bytes(raw), geometry(), Bytes(raw), Faults(), bare=True)
    batch = parse_batch(raw, 0, SIZE)
    rows = {facts.number: facts for facts in facts_of(batch, mft)}
    for number in range(len(raw) // SIZE):
        alone = parse_record(raw[number * SIZE : (number + 1) * SIZE], number)
        assert (alone is not None) == bool(batch.present[number])
        if alone is None or alone.base or batch.listed[number]:
            continue
        facts = rows[number]
        assert (facts.sequence, facts.live, alone.sound) == (
            alone.sequence, bool(alone.flags & 1), bool(batch.sound[number]),
        )  # fmt: skip
        wanted = [one for one in alone.attributes if one.kind in STREAMS and (one.kind == DATA or facts.directory)]
        ours = sorted((stream.kind, stream.name, stream.size) for stream in facts.streams if stream.resident)
        assert ours == sorted((one.kind, one.name, one.size) for one in wanted if one.resident)
        ours = sorted((stream.kind, stream.name, min(stream.size, 2**63 - 1)) for stream in facts.streams)
        assert ours == sorted((one.kind, one.name, min(one.size, 2**63 - 1)) for one in wanted)


@given(damaged())
@settings(max_examples=100, deadline=None)
def test_sector_ends_are_put_back_alike_in_batches_and_alone(raw: bytes) -> None:
    lines = np.frombuffer(bytearray(raw), np.uint8).reshape(-1, SIZE)
    sound = fix_sectors(lines, np.ones(len(lines), np.bool_))
    for number in range(len(lines)):
        alone, good = fixed(raw[number * SIZE : (number + 1) * SIZE])
        assert (bytes(alone), good) == (lines[number].tobytes(), bool(sound[number]))


@given(st.binary(max_size=80), st.integers(1, 1 << 40))
def test_runs_stay_inside_the_volume(raw: bytes, clusters: int) -> None:
    found, _ = decode_runs(raw, clusters)
    assert all(first == -1 or 0 <= first <= first + count <= clusters for first, count in found)
    assert all(count > 0 for _, count in found)
    assert len(found) <= len(raw) // 2


@given(st.binary(max_size=300), st.integers(0, 70_000))
def test_a_unit_is_as_long_as_asked_or_refused(raw: bytes, size: int) -> None:
    try:
        plain = expand(raw, size)
    except UnreadableError:
        return
    assert len(plain) == size


def test_streams_of_nothing_are_none() -> None:
    readable: Readable = Bytes(b"")
    assert (streams_of([], 1), readable.size) == ([], 0)
