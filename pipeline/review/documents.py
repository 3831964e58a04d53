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
from pipeline.review.decisions import NAME
from pipeline.stages.context import Context
from pipeline.store import file_digest, folder_digest, write_atomically

__all__ = ["EDITIONS", "FORMATS", "write_reports"]

FORMATS: Final = ("html",)


def write_reports(case: Case, *, edition: str, language: str, reviewed: bool = False) -> dict[str, str]:
    """Write the report of one edition; returns digests by path below ``out/``.

    Args:
        case: the case.
        edition: one of ``EDITIONS``.
        language: ``ja`` or ``en``.
        reviewed: of the verdict without what reviewers rejected.

    Raises:
        SettingsError: the case has not been run to its verdict, or nobody reviewed it.
        IntegrityError: the report would hold a personal value in clear.
    """
    context = Context(case)
    path = case.out / (NAME if reviewed else "verdict.json")
    if not path.exists():
        first = "record a decision with `akashi review`" if reviewed else "run `akashi run` on the case"
        raise SettingsError(f"{case.id}: there is no {path.name} yet; {first}")
    inputs = ReportInputs(
        tables={name: context.store.table(name) for name in REPORT_TABLES},
        verdict=json.loads(path.read_text(encoding="utf-8")), case=case, mask=context.masker.mask, language=language,
        edition=edition, versions=versions(),
        rules={"detectors": context.rules.digest, "verdict": folder_digest(case.rules_directory / "verdict")},
    )  # fmt: skip
    name = f"report/{edition}.{language}{'.reviewed' if reviewed else ''}.html"
    text = render_report(build_model(inputs))
    self_scan(context).check_document(name, text)
    write_atomically(case.out / name, text.encode())
    return {name: file_digest(case.out / name)}
