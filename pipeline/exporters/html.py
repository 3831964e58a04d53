"""The report as one HTML file: no script, no outside resource, the same bytes for the same model."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.exporters.model import ReportModel
from pipeline.exporters.svg import bar_picture, shade_of, timeline_picture
from pipeline.exporters.words import Words

__all__ = ["render_report"]


def render_report(model: ReportModel) -> str:
    """Return the report as HTML; every text is escaped, pictures are inline SVG."""
    environment = Environment(
        loader=PackageLoader("pipeline.exporters"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["number"] = "{:,}".format
    words = Words(model.language)
    picture = partial(
        timeline_picture, model.timeline, words.pick("時系列", "Timeline"), words.pick("紛失期間", "Loss window")
    )
    environment.globals.update(
        t=words.pick,
        label=words.label,
        bar_picture=bar_picture,
        shade_of=shade_of,
        timeline_picture=picture,
    )
    style = environment.get_template("report.css").render()
    page = environment.get_template("report.html.j2")
    return page.render(m=model, style=Markup(style))  # noqa: S704 - the style sheet is part of the program
