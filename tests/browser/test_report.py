"""The report in a browser: it opens from a file, says nothing on the console, asks the network for nothing."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.exporters.html import render_report
from pipeline.exporters.model import build_model
from tests.unit.exporters import report_case as small

_CHAPTERS = (
    "結論",
    "問いと答え",
    "調べられなかったもの",
    "調査範囲",
    "個人情報",
    "時系列",
    "証拠品と同一性",
    "方法",
    "限界",
    "用語",
)


@pytest.fixture
def page(tmp_path: Path, tools: Callable[..., None]) -> Path:
    tools("chromium")
    path = tmp_path / "report.html"
    path.write_text(render_report(build_model(small.inputs())), encoding="utf-8")
    return path


def opened(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in a browser without a window and with no network to reach."""
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
        f"--user-data-dir={page.parent / 'profile'}", "--proxy-server=127.0.0.1:9", *options, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def test_every_chapter_is_there_in_order_and_nothing_is_logged(page: Path) -> None:
    done = opened(page, "--dump-dom", "--enable-logging=stderr")
    places = [done.stdout.index(f'<span class="no">{n}</span>{name}</h2>') for n, name in enumerate(_CHAPTERS, 1)]
    assert places == sorted(places)
    assert [line for line in done.stderr.splitlines() if ":CONSOLE" in line] == []


def test_the_page_asks_for_no_address_but_its_own(page: Path) -> None:
    log = page.parent / "net.json"
    opened(page, "--dump-dom", f"--log-net-log={log}")
    assert _asked(log) == []


def test_a_page_that_did_ask_would_be_caught(page: Path) -> None:
    page.write_text('<!DOCTYPE html><title>x</title><img src="http://192.0.2.1/seen.png">', encoding="utf-8")
    log = page.parent / "net.json"
    opened(page, "--dump-dom", f"--log-net-log={log}")
    assert _asked(log) == ["http://192.0.2.1/seen.png"]


def test_the_page_is_drawn_in_ink_and_colour(page: Path) -> None:
    picture = page.parent / "page.png"
    opened(page, f"--screenshot={picture}", "--window-size=1000,1400")
    width, height, colours = _colours(picture.read_bytes())
    assert (width, height) == (1000, 1400)
    assert b"\xff\xff\xff" in colours
    assert b"\x1f\x3a\x5f" in colours
    assert b"\x9a\x64\x12" in colours


def test_the_page_prints_on_paper(page: Path) -> None:
    paper = page.parent / "report.pdf"
    opened(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert paper.read_bytes()[:5] == b"%PDF-"
    assert paper.stat().st_size > 20_000


def _asked(log: Path) -> list[str]:
    """Return the addresses that the page itself asked for; what the browser asks on its own account is left out."""
    found = set()
    for event in json.loads(log.read_text(encoding="utf-8"))["events"]:
        given = event.get("params", {})
        url = str(given.get("url", ""))
        if url.startswith(("http:", "https:", "ws:", "wss:", "ftp:")) and given.get("initiator") not in (
            None,
            "not an origin",
        ):
            found.add(url)
    return sorted(found)


def _colours(data: bytes) -> tuple[int, int, set[bytes]]:
    """Return the size and the colours of a PNG of 8 bits per channel without interlace (W3C PNG, clauses 9 and 11)."""
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (depth, data[28]) == (8, 0)
    step, at, packed = {2: 3, 6: 4}[kind], 8, b""
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, before, colours = zlib.decompress(packed), bytearray(width * step), set()
    for y in range(height):
        start = y * (width * step + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * step]), before, step)
        colours |= {bytes(before[x : x + 3]) for x in range(0, width * step, step)}
    return width, height, colours


def _unfiltered(kind: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    for x in range(len(line)):
        left = line[x - step] if x >= step else 0
        corner = above[x - step] if x >= step else 0
        guess = (0, left, above[x], (left + above[x]) // 2, _paeth(left, above[x], corner))[kind]
        line[x] = (line[x] + guess) & 0xFF
    return line


def _paeth(left: int, above: int, corner: int) -> int:
    near = left + above - corner
    return min((left, above, corner), key=lambda one: abs(near - one))
