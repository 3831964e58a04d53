"""Text of the XML parts of office documents (ECMA-376 part 1 §17.3, §21.1; ODF 1.2 part 1 §5-6)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.decoders.base import Decoded, Member, Text, Trouble

__all__ = ["local_name", "paragraphs", "parsed", "strings"]

ROWS: Final = frozenset({"tr", "table-row"})
PARAGRAPHS: Final = frozenset({"p", "h"})
BREAKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "s": " ", "ptab": "\t"}
DEEPEST: Final = 500
_UTF16: Final = re.compile(rb"\A(?:\xff\xfe|\xfe\xff)")


def parsed(member: Member) -> ET.Element | Trouble:
    """Return the root of an XML part; document types, the only way to entities, are refused."""
    data = member.data
    if _UTF16.match(data):
        data = re.sub(r"\A<\?xml[^>]*\?>", "", data.decode("utf-16", "replace")).encode("utf-8", "replace")
    if b"<!DOCTYPE" in data or b"\0" in data:
        return Trouble("xml-refused", "an XML part declares a document type or is not text")
    depth = 0
    root: ET.Element | None = None
    try:
        for event, node in ET.iterparse(io.BytesIO(data), events=("start", "end")):  # noqa: S314 - refused above
            root = node if root is None else root
            depth += 1 if event == "start" else -1
            if depth > DEEPEST:
                return Trouble("xml-refused", f"an XML part is nested deeper than {DEEPEST}")
    except (ET.ParseError, ValueError, LookupError):
        return Trouble("xml-damaged", "an XML part is not well formed")
    return root if root is not None else Trouble("xml-damaged", "an XML part is empty")


def local_name(node: ET.Element) -> str:
    """Return a tag without its namespace."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def paragraphs(member: Member) -> Iterator[Decoded]:
    """Yield one Text per table row (cells joined by tabs) or paragraph, then one of what stands outside of both."""
    root = parsed(member)
    if isinstance(root, Trouble):
        yield root
        return
    inside: set[ET.Element] = set()
    outside: list[str] = []
    count = 0
    for node in root.iter():
        if node in inside:
            continue
        kind = local_name(node)
        if kind not in ROWS | PARAGRAPHS:
            outside.extend(piece.strip() for piece in (node.text, _attribute(node)) if piece and piece.strip())
            continue
        count += 1
        inside.update(node.iter())
        text = "\t".join(strings(cell) for cell in node) if kind in ROWS else strings(node)
        if text.strip():
            yield Text(f"{member.path} {'row' if kind in ROWS else 'paragraph'} {count}", text)
    if outside:
        yield Text(f"{member.path} other", "\n".join(outside))


def _attribute(node: ET.Element) -> str:
    """Return a value that an attribute holds: cached cells (``v``), external targets, titles."""
    values = (node.get(name) for name in ("v", "Target", "title", "descr"))
    return "\n".join(value for value in values if value and not value.endswith(".xml"))


def strings(node: ET.Element) -> str:
    """Return the text below a node in document order; tabs and breaks as characters, a paragraph a line."""
    out: list[str] = []
    stack: list[ET.Element | str] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        kind = local_name(item)
        if kind in PARAGRAPHS and any(out):
            out.append("\n")
        out.extend((BREAKS.get(kind, ""), item.text or ""))
        for child in list(item)[::-1]:
            stack.extend((child.tail or "", child))
    return "".join(out)
