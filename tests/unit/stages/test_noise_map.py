"""Laws of noise in raw space: what is called noise, where it ends, and what an unlocked volume's own noise means."""

from __future__ import annotations

import hashlib

from pipeline.access.clear import Place
from pipeline.access.noise import STRETCH, WINDOW
from pipeline.detectors import Found, Window
from pipeline.records import FileEntry
from pipeline.stages.examine_content import ContentExaminer
from pipeline.stages.examine_noise import NoiseMap
from pipeline.stages.examine_pages import read_once
from tests.builders.disks import Bytes


def random(length: int) -> bytes:
    return hashlib.shake_256(b"noise").digest(length)


class Clear:
    """An image whose bytes from ``start`` on are an unlocked volume's."""

    def __init__(self, start: int) -> None:
        self.start = start

    def place(self, offset: int) -> Place | None:
        return Place(None, offset - self.start, 1) if offset >= self.start else None  # type: ignore[arg-type]


def mapped(clear: bytes, stored: bytes, begins: int, *, unlocked_from: int = 1 << 40, page: int = 300_000) -> NoiseMap:
    noise = NoiseMap(Clear(unlocked_from), Bytes(stored), begins, begins + len(clear))  # type: ignore[arg-type]
    for at in range(0, len(clear), page):
        noise.feed(clear[at : at + page])
    return noise


def test_noise_is_found_whatever_the_pages_and_reaches_the_ends_of_the_range() -> None:
    data = bytes(3 * WINDOW) + random(6 * WINDOW + 1000)
    for page in (4096, 300_000, 1 << 22):
        noise = mapped(data, data, 0, page=page)
        assert noise.stretches() == [(3 * WINDOW, len(data))]
    assert list(noise.split(WINDOW, len(data))) == [(WINDOW, 3 * WINDOW, False), (3 * WINDOW, len(data), True)]
    assert list(noise.split(0, WINDOW)) == [(0, WINDOW, False)]


def test_less_than_a_stretch_is_not_reported() -> None:
    data = bytes(WINDOW) + random(STRETCH - WINDOW) + bytes(2 * WINDOW)
    assert mapped(data, data, 0).stretches() == []


def test_range_may_begin_anywhere() -> None:
    data = random(8 * WINDOW)
    noise = mapped(data, bytes(12345) + data, 12345)
    assert noise.stretches() == [(12345, 12345 + 8 * WINDOW)]


def test_what_an_unlocked_volume_never_wrote_is_no_noise_and_what_lies_there_in_clear_is_told() -> None:
    clear = random(8 * WINDOW)
    stored = bytes(4 * WINDOW) + b"left from before " * (4 * WINDOW // 17) + bytes(4 * WINDOW % 17)
    noise = mapped(clear, stored, 0, unlocked_from=0)
    assert noise.stretches() == []
    assert noise.stored_plain == [(4 * WINDOW, 8 * WINDOW)]


def test_noise_on_the_medium_too_may_be_encrypted_once_more() -> None:
    clear = random(8 * WINDOW)
    noise = mapped(clear, random(9 * WINDOW)[WINDOW:], 0, unlocked_from=0)
    assert (noise.stretches(), noise.stored_plain) == ([(0, 8 * WINDOW)], [])


class Scanner:
    """No detectors: the pass alone is looked at."""

    def table(self, head: bytes) -> None:
        return None

    def sweep(self, window: Window) -> Found:
        return Found([])


def judged(data: bytes, kind: str) -> list[tuple[str, str, str]]:
    done = read_once(Bytes(data), len(data), scanner=Scanner(), match=lambda page, start: [], keep=0)
    entry = FileEntry(
        id="f", exhibit="EX", volume="EX", address="EX!fs:/vault", path="/vault", stream="", kind="file",
        origin="allocated", meta=1, parent="", size=len(data), initialised_size=len(data),
    )  # fmt: skip
    examiner = object.__new__(ContentExaminer)
    rows = list(examiner._detected(entry, kind, done))
    return [(table, getattr(row, "outcome", row.severity if table == "diagnostics" else ""),
             getattr(row, "reason", getattr(row, "code", ""))) for table, row in rows]  # fmt: skip


def test_content_without_a_type_that_is_all_noise_is_not_examined() -> None:
    container = random(5 << 20)
    assert judged(container, "unknown") == [
        ("diagnostics", "loss", "possibly-encrypted"), ("examinations", "not-examined", "possibly encrypted"),
    ]  # fmt: skip
    assert judged(container, "jpeg") == [("examinations", "examined", "")]
    assert judged(container[: 4 << 20] + bytes(1 << 20), "unknown") == [("examinations", "examined", "")]
    assert judged(random(5000), "unknown") == [("examinations", "examined", "")]
