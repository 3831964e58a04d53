"""Reports on disk: models from the tables, rendered by the exporters, written atomically."""

from __future__ import annotations

import json
from typing import Final

from pipeline.config import Case
from pipeline.errors import SettingsError
from pipeline.exporters.html import render_report
from pipeline.exporters.material import EDITIONS, ReportInputs
from pipeline.exporters.model import build_model
from pipeline.exporters.queries import REPORT_TABLES
from pipeline.flow.privacy import self_scan
from pipeline.flow.run import versions
from pipeline.stages.context import Context
from pipeline.store import file_digest, folder_digest, write_atomically

__all__ = ["EDITIONS", "FORMATS", "write_reports"]

FORMATS: Final = ("html",)


def write_reports(case: Case, *, edition: str, language: str) -> dict[str, str]:
    """Write the report of one edition; returns digests by path below ``out/``.

    Raises:
        SettingsError: the case has not been run to its verdict.
        IntegrityError: the report would hold a personal value in clear.
    """
    context = Context(case)
    path = case.out / "verdict.json"
    if not path.exists():
        raise SettingsError(f"{case.id}: there is no verdict yet; run `akashi run` on the case")
    inputs = ReportInputs(
        tables={name: context.store.table(name) for name in REPORT_TABLES},
        verdict=json.loads(path.read_text(encoding="utf-8")), case=case, mask=context.masker.mask, language=language,
        edition=edition, versions=versions(),
        rules={"detectors": context.rules.digest, "verdict": folder_digest(case.rules_directory / "verdict")},
    )  # fmt: skip
    name = f"report/{edition}.{language}.html"
    text = render_report(build_model(inputs))
    self_scan(context).check_document(name, text)
    write_atomically(case.out / name, text.encode())
    return {name: file_digest(case.out / name)}
