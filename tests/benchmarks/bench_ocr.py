"""Text in pictures: how many values of synthetic residents are found in pages, by font size and form; CPU seconds.

``python tests/benchmarks/bench_ocr.py [--pages 3] [--seed 1]``. Pages hold rows of a register as they are printed,
scanned at an angle, photographed in uneven light, and shown on a screen; photographs without text are read besides.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.config_ocr import Ocr  # noqa: E402
from pipeline.decoders import Limits, Text, decoder_for, ocr, type_of  # noqa: E402
from pipeline.detectors import Scanner  # noqa: E402
from pipeline.rules import load_rules  # noqa: E402
from pipeline.rules_values import normalise  # noqa: E402
from tests.builders import written  # noqa: E402
from tests.builders.municipal import rows  # noqa: E402
from tests.builders.pictures import picture  # noqa: E402
from tests.unit.decoders.samples import Bytes  # noqa: E402

ROWS: Final = 20
Form = Callable[[Image.Image, np.random.Generator], Image.Image]


def printed(page: Image.Image, chance: np.random.Generator) -> Image.Image:
    del chance
    return page


def scanned(page: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return the page turned by up to a degree, as fax would have it."""
    return (
        page.rotate(chance.uniform(-1, 1), fillcolor=255, resample=Image.Resampling.BICUBIC).convert("1").convert("L")
    )


def photographed(page: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return the page turned, blurred, grainy and in uneven light."""
    turned = page.rotate(chance.uniform(-2, 2), fillcolor=230, resample=Image.Resampling.BICUBIC)
    levels = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.8)), dtype=float)
    light = np.linspace(0.55, 1.0, page.width)[None, :]
    levels = levels * light + chance.normal(0, 6, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


FORMS: Final[Mapping[str, tuple[int, str, Form]]] = {
    "printed, 300 dpi": (48, "PNG", printed), "printed, 150 dpi": (24, "PNG", printed),
    "screen, 16 pixels": (16, "PNG", printed), "fax, 200 dpi": (32, "TIFF", scanned),
    "photograph": (48, "JPEG", photographed),
}  # fmt: skip


def found_in(scanner: Scanner, data: bytes) -> Counter[tuple[str, str]]:
    """Return the values, by kind, that a picture's text gives."""
    decoder = decoder_for(type_of(data[:4096]))
    assert decoder is not None
    parts = decoder.parts(Bytes(data), Limits(ocr=Ocr()))
    texts = [part.text for part in parts if isinstance(part, Text)]
    return Counter((hit.kind, normalise(hit.value)) for text in texts for hit in scanner.scan_text(text))


def pages(scanner: Scanner, form: str, count: int, seed: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield of each page and kind how many values stand on it, how many are found, and how many found are none."""
    size, kind, change = FORMS[form]
    for number in range(count):
        header, table = rows("register", ROWS, seed * 1000 + number)
        lines = [row.text.replace(",", "  ") for row in table]
        page = written.page([header.replace(",", "  "), *lines], size=size, width=max(map(len, lines)) * size + 200)
        wanted = found_in_text(scanner, "\n".join([header, *(row.text for row in table)]))
        got = found_in(scanner, written.picture_bytes(change(page, np.random.default_rng(seed + number)), kind))
        for one in sorted({key for key, _ in wanted}):
            true = Counter({key: amount for key, amount in wanted.items() if key[0] == one})
            mine = Counter({key: amount for key, amount in got.items() if key[0] == one})
            yield one, true.total(), (true & mine).total(), (mine - true).total()


def found_in_text(scanner: Scanner, text: str) -> Counter[tuple[str, str]]:
    """Return the values, by kind, of the same rows as text."""
    return Counter((hit.kind, normalise(hit.value)) for hit in scanner.scan_text(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if lacking := ocr.missing(Ocr()) or ("" if written.font() else "no Japanese font is installed"):
        sys.exit(lacking)
    scanner = Scanner(load_rules(ROOT / "rules"))
    for form in FORMS:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        sums: dict[str, list[int]] = {}
        for kind, true, found, false in pages(scanner, form, options.pages, options.seed):
            total = sums.setdefault(kind, [0, 0, 0])
            total[:] = [total[0] + true, total[1] + found, total[2] + false]
        seconds = (resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) / options.pages
        print(json.dumps({"form": form, "cpu_s_per_page": round(seconds, 2), "written_found_false": sums}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    false = sum((found_in(scanner, picture(1600, 1200, seed=number)) for number in range(options.pages)), Counter())
    seconds = (resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) / options.pages
    print(json.dumps({"form": "photographs without text", "cpu_s_per_page": round(seconds, 2), "false": false.total()}))


if __name__ == "__main__":
    main()
