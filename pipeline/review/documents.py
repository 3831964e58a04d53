"""Reports on disk: models from the tables, rendered by the exporters, written atomically."""

from __future__ import annotations

import json
from typing import Final

from pipeline.config import Case
from pipeline.errors import SettingsError
from pipeline.exporters.html import build_model, render_report
from pipeline.stages.context import Context
from pipeline.store import file_digest, write_atomically

__all__ = ["EDITIONS", "FORMATS", "write_reports"]

EDITIONS: Final = ("committee", "public")
FORMATS: Final = ("html",)
_TABLES: Final = (
    "evidence", "volumes", "files", "contents", "findings", "people", "activity", "sources", "coverage", "extents",
    "diagnostics", "claims", "grounds",
)  # fmt: skip


def write_reports(case: Case, *, edition: str, language: str) -> dict[str, str]:
    """Write the report of one edition; returns digests by path below ``out/``.

    Raises:
        SettingsError: the case has not been run to its verdict.
    """
    context = Context(case)
    path = case.out / "verdict.json"
    if not path.exists():
        raise SettingsError(f"{case.id}: there is no verdict yet; run `akashi run` on the case")
    verdict = json.loads(path.read_text(encoding="utf-8"))
    tables = {name: context.store.table(name) for name in _TABLES}
    model = build_model(tables, verdict, case, context.masker.mask)
    name = f"report/{edition}.{language}.html"
    text = render_report(model, language=language, edition=edition)
    write_atomically(case.out / name, text.encode())
    return {name: file_digest(case.out / name)}
