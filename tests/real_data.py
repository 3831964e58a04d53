"""Where the field's own test files lie, when they are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"


def real_path(name: str) -> Path:
    """Return a file of the field's test data; skip the test, saying so, where the folder is absent."""
    if not ROOT.is_dir():
        pytest.skip(f"left out: {name} (the folder of real test data is not beside this checkout)")
    path = ROOT / name
    assert path.is_file(), f"{name} is missing from the real test data"
    return path


def real_facts(*kinds: str) -> list[dict[str, Any]]:
    """Return the facts of the given kinds; none where the folder is absent."""
    if not ROOT.is_dir():
        return []
    facts: list[dict[str, Any]] = json.loads((ROOT / "facts.json").read_text(encoding="utf-8"))
    return [fact for fact in facts if fact["kind"] in kinds]
