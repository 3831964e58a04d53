"""Pictures of a report as inline SVG: plain shapes, no script, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Final

from markupsafe import Markup, escape

from pipeline.exporters.sections.coverage import Bar
from pipeline.exporters.sections.timeline import Lane, Timeline

__all__ = ["bar_picture", "shade_of", "timeline_picture"]

_SHADES: Final = {
    "file-content": "#1f3a5f", "file-slack": "#5f7fa3", "deleted-content": "#7a4a2b", "unallocated": "#d9d4c7",
    "allocated-but-unlisted": "#b08d57", "file-system-metadata": "#7e8c88", "volume-metadata": "#4c5654",
    "volume-gap": "#eceae4", "locked": "#8c2f2b", "unreadable": "#000000",
}  # fmt: skip
"""Colours of classes; neighbours differ in lightness too, so that the bars can be read in grey."""
_GROUPS: Final = {
    "medium": "#8c2f2b", "file": "#1f3a5f", "transfer": "#b0671a", "conceal": "#000000", "pack": "#6b4a7d",
    "web": "#6f8f86", "session": "#a7aca9", "other": "#5f6669",
}  # fmt: skip
_WIDTH: Final = 760
_GUTTER: Final = 190
_ROW: Final = 19
_TOP: Final = 36


def shade_of(class_: str) -> str:
    """Return the colour of a class of bytes."""
    return _SHADES.get(class_, "#5f6669")


def bar_picture(bar: Bar) -> Markup:
    """Return an exhibit's bytes as one stacked bar; a class that is there is never drawn thinner than can be seen."""
    wide = [max(part.share, 0.003) for part in bar.parts]
    scale, at, shapes = _WIDTH / max(sum(wide), 1e-9), 0.0, []
    for part, share in zip(bar.parts, wide, strict=True):
        title = escape(f"{part.label} {part.bytes:,} B")
        shapes.append(
            f'<rect x="{at:.1f}" y="0" width="{share * scale:.1f}" height="30" fill="{shade_of(part.class_)}"'
            f' stroke="#fff" stroke-width="1"><title>{title}</title></rect>'
        )
        at += share * scale
    label = escape(bar.exhibit)
    head = f'<svg class="bar" viewBox="0 0 {_WIDTH} 30" preserveAspectRatio="none" role="img" aria-label="{label}">'
    return Markup(head + "".join(shapes) + "</svg>")  # noqa: S704 - every text in it was escaped


def timeline_picture(timeline: Timeline, label: str, window: str) -> Markup:
    """Return lanes of dots under an axis of days, the loss window shaded; dots grow with the number of events."""
    height = _TOP + _ROW * max(len(timeline.lanes), 1) + 10
    shapes = [_window(timeline, height, window), *_axis(timeline, height), *_lanes(timeline.lanes)]
    head = f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">'
    return Markup(head + "".join(shapes) + "</svg>")  # noqa: S704 - every text in it was escaped


def _x(share: float) -> float:
    return _GUTTER + share * (_WIDTH - _GUTTER - 10)


def _window(timeline: Timeline, height: int, label: str) -> str:
    left, right = (_x(share) for share in timeline.window)
    return (
        f'<rect x="{left:.1f}" y="{_TOP - 8}" width="{right - left:.1f}" height="{height - _TOP + 4}" fill="#f3ead6"/>'
        f'<path d="M{left:.1f} {_TOP - 8}V{height - 4}M{right:.1f} {_TOP - 8}V{height - 4}" stroke="#9a6412"/>'
        f'<text x="{(left + right) / 2:.1f}" y="10" text-anchor="middle" class="w">{escape(label)}</text>'
    )


def _axis(timeline: Timeline, height: int) -> list[str]:
    return [
        f'<path d="M{_x(share):.1f} {_TOP - 8}V{height - 4}" stroke="#c3c7c5" stroke-width=".7"'
        f' stroke-dasharray="2 3"/><text x="{_x(share) + 3:.1f}" y="{_TOP - 12}">{escape(day)}</text>'
        for share, day in timeline.days
    ]


def _lanes(lanes: Sequence[Lane]) -> list[str]:
    shapes, before = [], ""
    for number, lane in enumerate(lanes):
        middle = _TOP + _ROW * number + _ROW / 2
        if lane.exhibit != before:
            rule = f'<path d="M0 {middle - _ROW / 2:.1f}H{_WIDTH}" stroke="#1d2428" stroke-width=".7"/>'
            shapes.append(f'{rule}<text x="0" y="{middle + 4:.1f}" class="e">{escape(lane.exhibit)}</text>')
        shade = _GROUPS.get(lane.group, "#5f6669")
        shapes.append(
            f'<text x="{_GUTTER - 18}" y="{middle + 4:.1f}" text-anchor="end">{escape(lane.label)}</text>'
            f'<circle cx="{_GUTTER - 8}" cy="{middle:.1f}" r="4" fill="{shade}"/>'
        )
        shapes += _dots(lane, middle)
        before = lane.exhibit
    return shapes


def _dots(lane: Lane, middle: float) -> list[str]:
    colour = _GROUPS.get(lane.group, "#5f6669")
    return [
        f'<circle cx="{_x(dot.at):.1f}" cy="{middle:.1f}" r="{min(3 + log2(dot.count) * 0.6, 7):.1f}" fill="{colour}"'
        f"><title>{escape(dot.actions)}</title></circle>"
        for dot in lane.dots
    ]
