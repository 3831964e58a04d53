"""Opening a listed file again, through the files it lies in: as the examination opened it, with its limits and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.access.interfaces import Readable
from pipeline.decoders import Decoded, Member, Text, decoder_for, reveal_hidden
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Origin
from pipeline.stages.context import Context
from pipeline.stages.examine_content import BytesReadable
from pipeline.stages.examine_hidden import HIDDEN, bounds, whole_budget

__all__ = ["Reopener"]


class Reopener:
    """Opens contents and decoded texts of one case; the last of each stays open, for rows stand beside each other."""

    def __init__(self, context: Context, file: Callable[[str], FileEntry]) -> None:
        self._context = context
        self._file = file
        self._opened: tuple[str, Readable] | None = None
        self._texts: tuple[str, dict[str, str]] | None = None

    def content(self, entry: FileEntry) -> Readable:
        """Return a file's bytes; UnreadableError where they cannot be had again."""
        if self._opened is None or self._opened[0] != entry.id:
            self._opened = entry.id, self._open(entry)
        return self._opened[1]

    def text(self, entry: FileEntry, locator: str) -> str:
        """Return what decoding a file gives at a locator; UnreadableError where that is nothing."""
        if self._texts is None or self._texts[0] != entry.id:
            texts = reversed([part for part in self._parts(entry) if isinstance(part, Text)])
            self._texts = entry.id, {place: rest for part in texts for place, rest in _places(part)}
        if locator not in self._texts[1]:
            raise UnreadableError(f"{entry.address}: decoding it again gives nothing at {locator}")
        return self._texts[1][locator]

    def _open(self, entry: FileEntry) -> Readable:
        if entry.origin != Origin.MEMBER:
            return self._context.opener(entry.exhibit).open(entry)
        if entry.flags == HIDDEN:
            return self._hidden(entry)
        for part in self._parts(self._file(entry.parent)):
            if isinstance(part, Member) and self._context.masker.mask(part.path) == entry.path:
                return BytesReadable(part.data)
        raise UnreadableError(f"{entry.address}: its container no longer holds it")

    def _hidden(self, entry: FileEntry) -> Readable:
        """Open a run of its parent's bytes, or of a text in it, again that was in another form."""
        parent = self._file(entry.parent)
        locator, _, place = entry.path.rpartition("/")
        text = self.text(parent, locator).encode("utf-8", "surrogatepass") if locator else None
        around = self.content(parent) if text is None else BytesReadable(text)
        data = reveal_hidden(around.read, place, self._context.case.limits.member_bytes)
        if data is None:
            raise UnreadableError(f"{entry.address}: its place is not written as this version writes it")
        return BytesReadable(data)

    def _parts(self, entry: FileEntry) -> Iterator[Decoded]:
        content, case = self.content(entry), self._context.case
        own = decoder_for(entry.type)
        if own is None or not own.streams:
            content = BytesReadable(content.read(0, min(content.size, entry.size)))
            own = decoder_for(entry.type, content.data)
        if own is None:
            raise UnreadableError(f"{entry.address}: no decoder for {entry.type}")
        passwords = self._context.passwords(entry.exhibit)
        yield from own.parts(content, bounds(case, whole_budget(case), passwords))


def _places(part: Text) -> Iterator[tuple[str, str]]:
    """Yield the places of a text with what begins there."""
    yield part.locator, part.text
    for start, locator in part.marks:
        yield locator, part.text[start:]
