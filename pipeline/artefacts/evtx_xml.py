"""The XML of one event record, as libevtx writes it, without entities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, ParseError, XMLParser

__all__ = ["parse_fields"]

_SPACE: Final = re.compile(r'\sxmlns(?::[\w-]+)?="[^"]*"')
_LONGEST: Final = 4 << 20


def parse_fields(text: str) -> tuple[Element, Mapping[str, str]]:
    """Return the System element and the named values.

    Raises:
        ParseError: it is no event, or declares entities.
    """
    if len(text) > _LONGEST or "<!" in text:
        message = "not an event record"
        raise ParseError(message)
    parser = XMLParser()  # noqa: S314
    parser.feed(_SPACE.sub("", text))
    root = parser.close()
    system = root.find("System")
    if system is None:
        message = "an event record without its System element"
        raise ParseError(message)
    fields: dict[str, str] = {}
    for part in (*root.iterfind("EventData"), *root.iterfind("UserData")):
        for node in part.iter():
            if node.text and node.text.strip():
                name, text = node.get("Name") or node.tag, node.text.strip()
                fields[name] = f"{fields[name]}\n{text}" if name == "Data" and name in fields else text
    return system, fields
