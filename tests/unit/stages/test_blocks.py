"""Blocks of known contents: found wherever they lie on sectors, as runs, and never where they prove nothing."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.config import Case, Exhibit, Incident
from pipeline.records import BlockMatch, Evidence, Extent, FileEntry, Holding, Run
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.blocks import BlocksStage
from pipeline.stages.blocks_hash import BLOCK, Multipliers, proving
from pipeline.stages.blocks_known import Known, KnownContent, _blocks, _sorted
from pipeline.stages.blocks_search import COMMON, runs_of, search
from pipeline.stages.context import Context
from pipeline.stages.examine_content import BytesReadable

KEY: Final = b"k" * 32
MULTIPLIERS: Final = Multipliers(KEY)


def noise(sectors: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(sectors * BLOCK)


def known(*contents: bytes) -> Known:
    """Return the blocks of contents, as the stage knows them."""
    found, parts = Known(), []
    for number, data in enumerate(contents):
        hashes, digests, places, proven = _blocks(BytesReadable(data), len(data), MULTIPLIERS)
        parts.append((hashes, digests, np.full(len(hashes), number, np.int64), places))
        found.proven.append(proven)
        found.contents.append(
            KnownContent(content=str(number), exhibit="EX-01", file="f", people=3, datasets=("register",))
        )
    return _sorted(found, parts)


def runs(image: bytes, *contents: bytes) -> list[tuple[int, int, int, int, int]]:
    blocks = known(*contents)
    found = runs_of(search(BytesReadable(image), blocks, MULTIPLIERS), blocks)
    return [(run.content, run.block, run.first, run.last, run.blocks) for run in found]


LIST: Final = noise(40, 1)


def test_pieces_are_found_where_they_lie_in_the_order_of_the_image() -> None:
    image = noise(5, 2) + LIST[10 * BLOCK : 30 * BLOCK] + noise(3, 3) + LIST[: 4 * BLOCK] + noise(2, 4)
    assert runs(image, LIST) == [(0, 10, 5, 24, 20), (0, 0, 28, 31, 4)]


def test_a_piece_that_begins_inside_a_sector_loses_its_ends_only_where_clusters_cannot_be() -> None:
    assert runs(noise(1, 2) + b"x" + LIST, LIST) == []


def test_one_sector_alone_is_no_match() -> None:
    assert runs(noise(2, 2) + LIST[:BLOCK] + noise(2, 3), LIST) == []


def test_a_run_steps_over_what_proves_nothing_but_not_over_other_bytes() -> None:
    hollow = noise(3, 5) + bytes(4 * BLOCK) + noise(3, 6)
    assert runs(noise(2, 2) + hollow + noise(1, 3), hollow) == [(0, 0, 2, 11, 6)]
    broken = LIST[: 3 * BLOCK] + noise(1, 7) + LIST[4 * BLOCK : 8 * BLOCK]
    assert runs(broken, LIST) == [(0, 0, 0, 2, 3), (0, 4, 4, 7, 4)]


def test_of_contents_that_share_a_beginning_the_longer_run_explains_it() -> None:
    longer, shorter = LIST, LIST[: 10 * BLOCK] + noise(5, 8)
    assert runs(noise(1, 2) + longer, shorter, longer) == [(1, 0, 1, 40, 40)]


def test_blocks_in_many_places_need_rarer_ones_beside_them() -> None:
    head = LIST[: 2 * BLOCK]
    image = b"".join(head + noise(1, 100 + number) for number in range(COMMON + 1))
    assert runs(image, LIST) == []
    assert runs(image + LIST[: 4 * BLOCK], LIST) == [(0, 0, 3 * (COMMON + 1), 3 * (COMMON + 1) + 3, 4)]


def test_a_block_that_a_content_repeats_is_its_structure() -> None:
    unit = noise(1, 9)
    assert runs(unit * 2, unit * 4 + LIST) == []


def collision(block: bytes) -> bytes:
    """Return another block with the same sum of products."""
    words = np.frombuffer(block, "<u8").copy()
    first, second = (int(word) for word in MULTIPLIERS._words[:2])
    words[0] += np.uint64(1)
    words[1] -= np.uint64(first * pow(second, -1, 1 << 64) % (1 << 64))
    return words.tobytes()


def test_equal_hashes_of_other_bytes_do_not_count() -> None:
    forged = b"".join(collision(LIST[at : at + BLOCK]) for at in range(0, 4 * BLOCK, BLOCK))
    assert MULTIPLIERS.hashes(forged).tolist() == MULTIPLIERS.hashes(LIST[: 4 * BLOCK]).tolist()
    assert runs(forged, LIST) == []


@pytest.mark.parametrize(
    ("block", "proves"),
    [
        (bytes(BLOCK), False),
        (b"\xff" * BLOCK, False),
        (b"0123456789ABCDEF" * 32, False),
        (bytes(range(256)) * 2, False),
        (np.arange(1000, 1128, dtype="<u4").tobytes(), False),
        (np.arange(5000, 5128, dtype=">u4").tobytes(), False),
        (b"a" * 256 + b"b" * 256, False),
        (noise(1, 1), True),
        ("".join(f"{n * 7919 % 10**8:08},口座\n" for n in range(40)).encode("cp932")[:BLOCK], True),
        ("".join(f"{n * 7919 % 10**8:08}," for n in range(60)).encode()[:BLOCK], True),
    ],
)
def test_only_blocks_that_tell_contents_apart_prove(block: bytes, proves: bool) -> None:
    assert proving(block).tolist() == [proves]


def test_another_key_gives_other_hashes() -> None:
    assert Multipliers(b"j" * 32).hashes(LIST).tolist() != MULTIPLIERS.hashes(LIST).tolist()


@pytest.mark.parametrize("seed", range(6))
def test_every_planted_piece_is_found_and_nothing_else(seed: int) -> None:
    chance, image, expected = random.Random(seed), b"", []
    for number in range(12):
        image += noise(chance.randint(1, 9), 1000 * (seed + 1) + number)
        first = chance.randint(0, 38)
        length = chance.randint(2, 40 - first)
        expected.append((0, first, len(image) // BLOCK, len(image) // BLOCK + length - 1, length))
        image += LIST[first * BLOCK : (first + length) * BLOCK]
    found = runs(image, LIST)
    assert found == expected


def matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BlockMatch]:
    """Run the stage: EX-01 holds a file with people; on EX-02 lie the file again, a piece, and a piece in slack."""
    piece = LIST[8 * BLOCK : 20 * BLOCK]
    images = {
        "EX-01": noise(4, 20) + LIST + noise(4, 21),
        "EX-02": noise(4, 22) + LIST + noise(4, 23) + piece + noise(2, 24),
    }
    return [row for table, row in examined(tmp_path, monkeypatch, images) if table == "block_matches"]


def examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Mapping[str, bytes], **more: Sequence[Any]
) -> list[tuple[str, Any]]:
    """Return the rows that the stage yields; ``more`` are tables that stand in the place of the usual ones."""
    for label, data in images.items():
        (tmp_path / f"{label}.dd").write_bytes(data)
    monkeypatch.setattr(Context, "keys", SimpleNamespace(tag_key=KEY, public_hex="", volume_keys=None))
    monkeypatch.setattr(Context, "clear", lambda self, label: self.image(label))
    monkeypatch.setattr(Context, "options", lambda self, label: None)
    monkeypatch.setattr(Context, "passwords", lambda self, label: ())
    monkeypatch.setattr(Context, "masker", SimpleNamespace(mask=str))
    context = context_of(tmp_path)
    for table, rows in (tables(len(images["EX-02"])) | more).items():
        path = context.store.path(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows_to_table(TABLES[table], rows), path)
    stage = BlocksStage()
    items = [item for unit in stage.units(context) for item in stage.items(context, unit)]
    assert [item.exhibit for item in items] == ["EX-01", "EX-02"]
    return [row for item in items for row in stage.examine(context, item)]


def context_of(tmp_path: Path) -> Context:
    moment = datetime(2022, 6, 21, tzinfo=UTC)
    exhibits = tuple(Exhibit(label=x, role="server", image=tmp_path / f"{x}.dd") for x in ("EX-01", "EX-02"))
    return Context(Case(
        root=tmp_path, id="x", title="x", timezone="UTC", language="en", exhibits=exhibits, keys_directory=tmp_path,
        incident=Incident(lost_from=moment, recovered_at=moment), datasets=(), rules_directory=tmp_path,
    ))  # fmt: skip


def tables(size: int) -> dict[str, Sequence[Any]]:
    source = FileEntry(
        id="source", exhibit="EX-01", volume="", address="EX-01!fs:/a.xlsx", path="/a.xlsx", stream="", kind="file",
        origin="allocated", meta=0, parent="", size=40 * BLOCK, initialised_size=40 * BLOCK, content="sha",
        runs=(Run(start=4 * BLOCK, length=40 * BLOCK),),
    )  # fmt: skip
    again = replace(source, id="again", exhibit="EX-02", address="EX-02!fs:/b.xlsx")
    holding = Holding(
        id="h", exhibit="EX-01", content="sha", file="source", address=source.address, path="", origin="allocated",
        type="xlsx", files=1, records=9, people=9, households=0, values=9, datasets=("register",), kinds=(),
        encodings=(), family="",
    )  # fmt: skip
    whole = Extent(exhibit="EX-01", start=0, length=4 * BLOCK, class_="unallocated", owner=None, volume="")
    later = 48 * BLOCK + 5 * BLOCK
    extents = [
        whole, replace(whole, start=4 * BLOCK, length=40 * BLOCK, class_="file-content", owner="source"),
        replace(whole, start=44 * BLOCK), replace(whole, exhibit="EX-02"),
        replace(whole, exhibit="EX-02", start=4 * BLOCK, length=40 * BLOCK, class_="file-content", owner="again"),
        replace(whole, exhibit="EX-02", start=44 * BLOCK, length=later - 44 * BLOCK),
        replace(whole, exhibit="EX-02", start=later, length=size - later, class_="file-slack", owner="other"),
    ]  # fmt: skip
    names = [
        "stored_md5",
        "stored_sha1",
        "stored_sha256",
        "recorded_md5",
        "recorded_sha1",
        "recorded_sha256",
        "serial",
        "acquired_by",
    ]
    evidence = [
        Evidence(
            exhibit=label, role="server", format="raw", size=size, segments=1, md5="", sha1="", sha256="",
            merkle_root="", files_sha256="", verified=True, unreadable=0, cross_checked=0, acquired_at=None,
            acquired_tool=None, **dict.fromkeys(names),
        )
        for label in ("EX-01", "EX-02")
    ]  # fmt: skip
    return {"files": [source, again], "holdings": [holding], "extents": extents, "evidence": evidence, "volumes": [],
            "unreadable": []}  # fmt: skip


def test_the_stage_names_class_owner_and_source_and_leaves_out_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = matched(tmp_path, monkeypatch)
    assert [(row.exhibit, row.image_offset, row.length, row.class_, row.file) for row in found] == [
        ("EX-02", 48 * BLOCK, 5 * BLOCK, "unallocated", ""), ("EX-02", 53 * BLOCK, 7 * BLOCK, "file-slack", "other"),
    ]  # fmt: skip
    assert [(row.content_offset, row.known_exhibit, row.known_file, row.people) for row in found] == [
        (8 * BLOCK, "EX-01", "source", 9), (13 * BLOCK, "EX-01", "source", 9),
    ]  # fmt: skip
    for row in found:
        image = (tmp_path / "EX-02.dd").read_bytes()
        assert image[row.image_offset :][: row.length] == LIST[row.content_offset :][: row.length]


def packed(*names: str) -> tuple[bytes, list[FileEntry], list[Holding]]:
    """Return a ZIP whose last member is the list, and the rows of a case that has it on EX-01."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(names, 1):
            archive.writestr(zipfile.ZipInfo(name), LIST if number == len(names) else noise(40, 30 + number))
    data = stream.getvalue()
    size = len(data)
    rows = tables(0)
    outer = replace(
        rows["files"][0], content="outer", size=size, initialised_size=size, type="zip",
        runs=(Run(start=4 * BLOCK, length=size),),
    )  # fmt: skip
    inner = replace(
        outer, id="inner", content="sha", origin="member", parent="source", size=len(LIST), runs=(), type="",
        address=f"{outer.address}!member:{names[-1]}", path=names[-1],
    )  # fmt: skip
    return noise(4, 20) + data, [outer, inner], [replace(rows["holdings"][0], file="inner", address=inner.address)]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_is_opened_again_by_its_number_among_those_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, files, holdings = packed("a.csv", "a.csv")
    files[1] = replace(files[1], path="a.csv#2", address=f"{files[1].address}#2")
    images = {"EX-01": data, "EX-02": noise(58, 22) + LIST[: 9 * BLOCK]}
    rows = examined(tmp_path, monkeypatch, images, files=files, holdings=holdings)
    matches = [row for table, row in rows if table == "block_matches" and row.exhibit == "EX-02"]
    assert [(row.known_file, row.image_offset, row.blocks) for row in matches] == [("inner", 58 * BLOCK, 9)]
    assert [row.message for table, row in rows if table == "diagnostics"] == []


def test_what_is_too_large_to_be_sought_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, files, holdings = packed("a.csv")
    monkeypatch.setattr("pipeline.stages.blocks_known.LARGEST", files[0].size - 1)
    images = {"EX-01": data, "EX-02": noise(4, 22) + data}
    rows = examined(tmp_path, monkeypatch, images, files=files, holdings=holdings)
    said = [(row.code, row.address) for table, row in rows if table == "diagnostics"]
    assert said == [("blocks-not-sought", files[0].address)]
