"""The examination of one listed stream: its bytes, and the contents inside it, to the bottom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline import address as addresses
from pipeline.access.interfaces import Readable
from pipeline.decoders import (
    CLOSED,
    UNREAD,
    Limits,
    Locked,
    Member,
    Spared,
    Text,
    Trouble,
    decoder_for,
    hidden_in_text,
    type_of,
)  # fmt: skip
from pipeline.detectors import Table, columns_of
from pipeline.errors import UnreadableError
from pipeline.records import NOT_CALLED_FOR, Content, FileEntry, Origin, Severity, diagnose, identify
from pipeline.stages.base import RowOf
from pipeline.stages.context import Context
from pipeline.stages.examine_findings import FindingMaker, in_own_bytes
from pipeline.stages.examine_hidden import HIDDEN, bounds, holds_archive, new_rows, peeked, searched, whole_budget
from pipeline.stages.examine_memory import MEMORY_KINDS, objects_in
from pipeline.stages.examine_noise import POSSIBLY_ENCRYPTED
from pipeline.stages.examine_pages import Pass, read_once
from pipeline.stages.examine_said import READ_KINDS, examination, is_gone, judged, not_read, overlap
from pipeline.stages.raw_space import MEMORY_FILES

__all__ = ["BytesReadable", "ContentExaminer"]

_VAGUE = ("unknown", "text")
"""Types that the bytes do not show by a signature; a carver that proved the object knows better."""


@dataclass(frozen=True, slots=True)
class BytesReadable:
    """Bytes in memory as a door gives them."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        """Return a slice."""
        return self.data[start : start + length]


class ContentExaminer:
    """Examines listed streams of one case."""

    stage = "examine"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tables: dict[tuple[str, str], Table | None] = {}
        self._budget = whole_budget(context.case)

    def examine(self, names: Sequence[FileEntry]) -> Iterator[RowOf]:
        """Yield the rows of one stream that has one or several names."""
        first = names[0]
        if first.kind not in READ_KINDS or not first.size or is_gone(first):
            yield from not_read(names)
            return
        content = self._context.opener(first.exhibit).open(first)
        done = self._pass(content, min(first.size, content.size))
        yield from self._short(first, done)
        yield from self._blank(first)
        yield from self._content(names, done, FindingMaker(self._context, first, runs=first.runs), depth=0)

    def _pass(self, content: Readable, size: int) -> Pass:
        keep, context = self._context.case.limits.decode_bytes, self._context
        return read_once(content, size, scanner=context.scanner, match=context.yara.scan, keep=keep)

    def _short(self, entry: FileEntry, done: Pass) -> Iterator[RowOf]:
        """Say when fewer bytes could be read than the listing promises."""
        if done.size >= entry.size:
            return
        message = f"{entry.address}: {done.size} of {entry.size} bytes have a place on the medium; the rest is gone"
        severity = Severity.LOSS if entry.origin == Origin.ALLOCATED else Severity.NOTE
        yield "diagnostics", diagnose(self.stage, entry.address, "content-short", message, severity)
        yield "examinations", examination(entry, "hashed", "partial", "bytes missing", entry.size - done.size)

    def _blank(self, entry: FileEntry) -> Iterator[RowOf]:
        """Say when part of a content could not be acquired: what was read in its place are zeros."""
        lost, position = 0, 0
        for run in entry.runs:
            used = min(run.length, entry.size - position)
            position += run.length
            if run.start >= 0 and used > 0:
                lost += overlap(self._context.unreadable(entry.exhibit), run.start, run.start + used)
        if lost:
            reason = f"{lost} bytes are unreadable sectors, which were read as zeros"
            yield (
                "diagnostics",
                diagnose(self.stage, entry.address, "content-unreadable", f"{entry.address}: {reason}", Severity.LOSS),
            )
            for examined_by in ("hashed", "decoded"):
                yield "examinations", examination(entry, examined_by, "partial", reason, entry.size)

    def _content(self, names: Sequence[FileEntry], done: Pass, maker: FindingMaker, *, depth: int) -> Iterator[RowOf]:
        """Yield the rows of one content and of what lies inside it."""
        first = names[0]
        kind = "efs" if "encrypted" in first.flags.split(",") else type_of(done.head, first.path)
        kind = first.type if first.type and kind in _VAGUE else kind
        sha256 = done.digests.sha256
        for entry in names:
            yield "files", replace(entry, content=sha256, type=kind)
        yield (
            "contents",
            Content(sha256=sha256, sha1=done.digests.sha1, md5=done.digests.md5, size=done.size, type=kind, known=None),
        )
        yield "examinations", examination(first, "hashed", "examined", "", done.size)
        seen: set[tuple[str, str]] = set()
        hidden, parts = peeked(self._searched(first, kind, done, depth))
        yield from self._found(done, maker, sha256, seen, wanted=hidden or decoder_for(kind) is not None)
        for match in done.matches:
            yield "detections", maker.from_yara(match, sha256)
        yield from self._detected(first, kind, done)
        yield from self._decoded(first, kind, done, maker, seen, sha256, depth)
        yield from self._hidden(parts, first, maker, seen, depth)

    def _found(
        self, done: Pass, maker: FindingMaker, sha256: str, seen: set[tuple[str, str]], *, wanted: bool
    ) -> Iterator[RowOf]:
        """Yield the findings in a content's own bytes, and note their values where decoded text is to come."""
        for page in done.found():
            for hit in page.hits if not page.columns else ():
                finding = maker.from_bytes(hit, sha256)
                seen.add((finding.kind, finding.value_tag))
                yield "detections", finding
            if page.columns:
                batch = maker.from_columns([*page.columns, *columns_of(page.hits)], sha256)
                if wanted:
                    seen.update(zip(batch["kind"].to_pylist(), batch["value_tag"].to_pylist(), strict=True))
                yield "detections", batch

    def _detected(self, entry: FileEntry, kind: str, done: Pass) -> Iterator[RowOf]:
        """Say that a content was searched; of one without a type that is all noise, that this shows nothing."""
        if kind != "unknown" or not done.noise.holds:
            yield "examinations", examination(entry, "detected", "examined", "", done.size)
            return
        like = "as an encrypted container would be" if done.size % 512 == 0 else "as encrypted data would be"
        message = (
            f"{entry.address}: {done.size} bytes without a signature that cannot be told from random, {like}: possibly "
            "encrypted; what it holds is not examined; find its key, or what made it"
        )
        yield "diagnostics", diagnose(self.stage, entry.address, "possibly-encrypted", message, Severity.LOSS)
        yield "examinations", examination(entry, "detected", "not-examined", POSSIBLY_ENCRYPTED, done.size)

    def _decoded(
        self, entry: FileEntry, kind: str, done: Pass, maker: FindingMaker, seen: set[tuple[str, str]], sha256: str,
        depth: int,
    ) -> Iterator[RowOf]:  # fmt: skip
        """Open a content; of a carved object, what its remains give is all there is, and its bytes were scanned raw."""
        decoder, limits = decoder_for(kind, done.data), self._context.case.limits
        if decoder is None:
            large = self._held(entry, done, depth)
            if large is not None and not re.match(MEMORY_FILES, entry.path) and holds_archive(large):
                reason = f"{kind}: it holds an archive and is larger than {limits.decode_bytes} bytes"
                yield from self._undecoded(entry, "limit", f"{reason}; raise the limit in case.toml", done.size)
            return
        content = self._held(entry, done, depth) if decoder.streams else None
        content = BytesReadable(done.data) if content is None and done.data is not None else content
        if content is None or depth >= limits.member_depth:
            reason = f"larger than {limits.decode_bytes} bytes" if done.data is None else "nested too deep"
            yield from self._undecoded(entry, "limit", f"{kind}: {reason}; raise the limit in case.toml", done.size)
            return
        trouble: list[str] = []
        for part in decoder.parts(content, self._bounds(entry.exhibit)):
            yield from self._part(part, entry, maker, seen, sha256, depth, trouble)
            if isinstance(part, Member) and kind in MEMORY_KINDS:
                yield from self._objects(part, entry, maker, seen, sha256, depth, trouble)
        outcome, reason = judged(trouble, remains=entry.origin == Origin.CARVED)
        yield "examinations", examination(entry, "decoded", outcome, reason, done.size)

    def _bounds(self, exhibit: str) -> Limits:
        passwords = self._context.passwords(exhibit)
        return bounds(self._context.case, self._budget, passwords)

    def _searched(self, entry: FileEntry, kind: str, done: Pass, depth: int) -> Iterator[Member | Trouble]:
        """Yield what is hidden in a content by a change of form; what cannot be told from random is left out."""
        if kind in CLOSED or (kind == "unknown" and done.noise.holds):
            return
        content = self._held(entry, done, depth) if done.data is None else BytesReadable(done.data)
        if content is None:
            yield Trouble("limit-hidden", "a member is too large to be searched for hidden streams")
            return
        yield from searched(content, self._bounds(entry.exhibit), kind)

    def _hidden(
        self, parts: Iterable[Member | Trouble], entry: FileEntry, maker: FindingMaker, seen: set[tuple[str, str]],
        depth: int,
    ) -> Iterator[RowOf]:  # fmt: skip
        """Yield the rows of what is hidden in a content, where it shows anything new."""
        for part in parts:
            if isinstance(part, Trouble):
                yield from self._undecoded(entry, part.code, part.message, entry.size)
            elif depth >= self._context.case.limits.member_depth:
                yield from self._undecoded(entry, "limit", "nested too deep; raise the limit in case.toml", entry.size)
                return
            else:
                yield from new_rows(self._member(part, entry, maker, depth, flags=HIDDEN), seen)

    def _held(self, entry: FileEntry, done: Pass, depth: int) -> Readable | None:
        """Return a listed content that is too large to keep, to be read piece by piece."""
        return self._context.opener(entry.exhibit).open(entry) if done.data is None and not depth else None

    def _objects(
        self, part: Member, entry: FileEntry, maker: FindingMaker, seen: set[tuple[str, str]], sha256: str, depth: int,
        trouble: list[str],
    ) -> Iterator[RowOf]:  # fmt: skip
        """Yield the rows of objects in pages of memory, but for their own bytes, which the pages were read for."""
        for one in objects_in(part, BytesReadable(part.data)):
            if isinstance(one, Trouble):
                yield from self._part(one, entry, maker, seen, sha256, depth, trouble)
                continue
            own = ""
            for table, row in self._member(one[0], entry, maker, depth, flags=one[1]):
                own = own or (row.id if table == "files" else "")
                if table != "detections" or not in_own_bytes(row, own):
                    yield table, row

    def _part(
        self, part: object, entry: FileEntry, maker: FindingMaker, seen: set[tuple[str, str]], sha256: str, depth: int,
        trouble: list[str],
    ) -> Iterator[RowOf]:  # fmt: skip
        """Yield the rows of one thing that a decoder gave."""
        if isinstance(part, Text):
            hits = self._context.scanner.scan_text(part.text, self._table_of(part, sha256))
            for finding in maker.from_text(hits, part, sha256):
                if (finding.kind, finding.value_tag) not in seen:
                    yield "detections", finding
            self._budget.pictures -= bool(part.marks)
            parts = () if part.marks else hidden_in_text(part, self._bounds(entry.exhibit))
            yield from self._hidden(parts, entry, maker, seen, depth)
        elif isinstance(part, Member):
            yield from self._member(part, entry, maker, depth)
        elif isinstance(part, Locked):
            trouble.append(f"locked: {part.reason}")
            place = addresses.join(entry.address, "member", part.path) if part.path else entry.address
            message = f"{self._context.masker.mask(place)}: encrypted ({part.reason}); add its password to passwords"
            yield "diagnostics", diagnose(self.stage, entry.address, "locked", message, Severity.LOSS)
            yield "examinations", examination(entry, "decoded", "not-examined", "locked", 0)
        elif isinstance(part, Spared):
            trouble.append(f"{NOT_CALLED_FOR}{part.reason}")
        elif isinstance(part, Trouble):
            trouble.append(f"{part.code}: {part.what}" if part.what else part.code)
            if part.code in UNREAD:
                return
            message = f"{entry.address}: {part.message}"
            severity = Severity.NOTE if entry.origin == Origin.CARVED else Severity.WARNING
            yield "diagnostics", diagnose(self.stage, entry.address, part.code, message, severity)

    def _table_of(self, part: Text, content: str) -> Table | None:
        """Return the layout of a sheet's rows: that of the first row of it."""
        sheet, separator, _ = part.locator.rpartition("!")
        if not separator:
            return None
        if (content, sheet) not in self._tables:
            self._tables[content, sheet] = self._context.scanner.table(part.text.encode("utf-8", "surrogatepass"))
        return self._tables[content, sheet]

    def _undecoded(self, entry: FileEntry, code: str, reason: str, size: int) -> Iterator[RowOf]:
        message = f"{entry.address}: {reason}"
        yield "diagnostics", diagnose(self.stage, entry.address, code, message, Severity.LOSS)
        yield "examinations", examination(entry, "decoded", "not-examined", reason, size)

    def _member(
        self, part: Member, parent: FileEntry, maker: FindingMaker, depth: int, *, flags: str = ""
    ) -> Iterator[RowOf]:
        """Yield the rows of a file inside a file."""
        self._budget.members -= flags != HIDDEN
        self._budget.total -= len(part.data)
        path = part.path if flags == HIDDEN else self._context.masker.mask(part.path)
        where = addresses.join(parent.address, "member", path)
        if path != part.path:
            where = f"{where}!entry:{self._budget.members}"
        entry = FileEntry(
            id=identify("file", where), exhibit=parent.exhibit, volume=parent.volume, address=where, path=path,
            stream="", kind="file", origin=Origin.MEMBER, meta=-1, parent=parent.id, size=len(part.data),
            initialised_size=len(part.data), modified=part.modified, modified_zone="local" if part.modified else "",
            reader="member", flags=flags,
        )  # fmt: skip
        try:
            done = self._pass(BytesReadable(part.data), len(part.data))
        except UnreadableError as error:
            yield from self._undecoded(entry, "member", str(error), len(part.data))
            return
        yield from self._content([entry], done, maker.for_member(entry, part.stored_offset), depth=depth + 1)
