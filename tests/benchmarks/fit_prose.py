"""Weights of names in prose, fitted on the even sentences of a marked text: ``fit_prose.py SENTENCES OUT``.

``SENTENCES`` is JSON: a list of {text, entities: [{type, span}]} with 人名 for people, such as Stockmark's Wikipedia
set. Logistic regression with an L2 term by Newton's method; the odd sentences stay for judging (``bench_quality.py``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.detectors.prose import KanjiProse
from pipeline.detectors.prose_katakana import KatakanaProse
from pipeline.detectors.prose_words import ProseWords
from pipeline.rules import load_rules
from pipeline.rules_values import normalise

ROOT = Path(__file__).parents[2]
L2 = 1.0
BY_HAND = {
    "kanji": {"beside-noise": -5.0, "given-names-a-body": -4.0, "spaced": 1.5},
    "katakana": {"single-untitled": -0.6},
    "lone": {
        "bias": -0.5, "common-surname": 2.0, "left-edge": 0.5, "left-hiragana": 0.5, "left-kanji": -2.0,
        "left-crossed": -1.0, "left-katakana": -1.0, "right-crossed": -1.0, "surname-is-word": -1.0,
        "beside-noise": -5.0,
    },
}  # fmt: skip
"""Signs the marked text hardly shows (it is an encyclopaedia: no spaces in names, no さん, no binary around)."""
Sample = tuple[dict[str, float], bool]


def samples(sentences: Iterable[dict[str, object]]) -> dict[str, list[Sample]]:
    words = ProseWords(load_rules(ROOT / "rules"))
    kanji, katakana = KanjiProse(words), KatakanaProse(words)
    found: dict[str, list[Sample]] = {"kanji": [], "lone": [], "katakana": []}
    for sentence in sentences:
        text = normalise(sentence["text"])
        people = {tuple(entity["span"]) for entity in sentence["entities"] if entity["type"] == "人名"}
        for run in kanji.runs(text):
            for start, middle, end in kanji.candidates(text, *run):
                model = "lone" if middle == end else "kanji"
                found[model].append((dict(kanji.signs(text, start, middle, end)), (start, end) in people))
        for start, end in katakana.candidates(text):
            found["katakana"].append((dict(katakana.signs(text, start, end)), (start, end) in people))
    return found


def fitted(rows: list[Sample]) -> list[tuple[str, float]]:
    names = sorted({sign for signs, _ in rows for sign in signs})
    column = {name: index for index, name in enumerate(names)}
    matrix, truth = np.zeros((len(rows), len(names))), np.array([float(person) for _, person in rows])
    for index, (signs, _) in enumerate(rows):
        for sign, measure in signs.items():
            matrix[index, column[sign]] = measure
    weights = np.zeros(len(names))
    for _ in range(25):
        odds = 1 / (1 + np.exp(-matrix @ weights))
        slope = matrix.T @ (odds - truth) + L2 * weights
        curve = (matrix.T * (odds * (1 - odds) + 1e-9)) @ matrix + L2 * np.eye(len(names))
        weights -= np.linalg.solve(curve, slope)
    return [(name, round(float(weight), 2)) for name, weight in zip(names, weights, strict=True)]


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    everything = samples(json.loads(source.read_text("utf-8"))[0::2])
    weights = {model: dict(fitted(rows)) for model, rows in everything.items() if model != "lone"}
    for model, signs in BY_HAND.items():
        weights.setdefault(model, {}).update(signs)
    lines = sorted(f"{model}\t{sign}\t{weight}" for model, signs in weights.items() for sign, weight in signs.items())
    target.write_text("\n".join(lines) + "\n", "utf-8")
    print({model: (len(rows), sum(person for _, person in rows)) for model, rows in everything.items()})
