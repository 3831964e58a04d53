"""Proofs checked by the stand-alone verifier in an interpreter of its own: no image, no package, no site folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.config import Case
from pipeline.keys import open_keys
from pipeline.review import verify_proof
from pipeline.review.verify import Check

__all__ = ["verify_proofs"]

_LONGEST_S: Final = 600


def verify_proofs(case: Case, proofs: Sequence[str]) -> Iterator[Check]:
    """Yield a check per proof, against the root that the case's signed ledger holds.

    Raises:
        SettingsError: the case has no keys.
    """
    key = open_keys(case.keys_directory).public_hex
    ledger = ["--ledger", str(case.out / "custody.jsonl"), "--key", key]
    for proof in proofs:
        command = [sys.executable, "-I", "-S", str(Path(verify_proof.__file__)), proof, *ledger]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and file
                command, capture_output=True, text=True, check=False, timeout=_LONGEST_S
            )
        except subprocess.TimeoutExpired:
            yield Check(name=f"proof {proof}", detail="does not hold", error=f"{proof}: not checked in {_LONGEST_S} s")
            continue
        said = (done.stdout + done.stderr).strip().splitlines()
        last = said[-1] if said else f"exit code {done.returncode}"
        error = None if done.returncode == 0 else f"{proof}: {last}"
        yield Check(name=f"proof {proof}", detail=last if error is None else "does not hold", error=error)
