"""Candidates over bytes."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.artefacts import Candidate


@dataclass(frozen=True)
class Held:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def candidate(data: bytes, path: str = "/x", **companions: bytes) -> Candidate:
    beside = {f"-{suffix}": Held(raw) for suffix, raw in companions.items()}
    return Candidate(path=path, content=Held(data), companions=beside)
