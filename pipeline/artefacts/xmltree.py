"""Small XML files of programs as hostile input: bounded, without entities of their own, without depth.

SOURCE: XML 1.0 §2.8 (document types) and §4.2 (entity declarations).
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, XMLPullParser
from xml.etree.ElementTree import ParseError as XmlError

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["xml_of"]

_LARGEST: Final = 64 << 20
_DEEPEST: Final = 200
_ENTITY: Final = re.compile(rb"<!\s*ENTITY|<\0!\0E\0N\0T\0")


def xml_of(content: Readable) -> Element:
    """Return the root of a file.

    Raises:
        ParseError: it is larger than 64 MiB, declares entities, is too deep or not well formed.
    """
    data = content.read(0, min(content.size, _LARGEST)) if content.size else b""
    if content.size > _LARGEST or _ENTITY.search(data):
        message = "larger than such a file is, or it declares entities; it is not read"
        raise ParseError(message)
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    depth, root = 0, None
    try:
        for start in range(0, len(data), 1 << 16):
            parser.feed(data[start : start + (1 << 16)])
            for event in parser.read_events():
                kind, element = str(event[0]), event[1]  # type: ignore[misc]
                depth += 1 if kind == "start" else -1
                root = element if root is None and isinstance(element, Element) else root
                if depth > _DEEPEST:
                    message = f"nested deeper than {_DEEPEST}; it is not read"
                    raise ParseError(message)
        parser.close()
    except (XmlError, ValueError, LookupError) as error:
        message = f"not well-formed XML ({type(error).__name__}); what it held is unknown"
        raise ParseError(message) from error
    if root is None:
        message = "an empty file"
        raise ParseError(message)
    return root
