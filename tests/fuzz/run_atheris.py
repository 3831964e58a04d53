"""Fuzzes one reader, guided by coverage: ``python tests/fuzz/run_atheris.py TARGET --seconds N``; ``--list``: which.

Needs the extra ``fuzz`` (atheris). Inputs that crash, take over a second or too much memory are written to
``tests/fuzz/crashes/TARGET-<digest>``, where ``test_targets.py`` replays them for good. The corpus is kept in
``--corpus`` (a temporary folder by default); a later run goes on from it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOW = 3.0
"""Seconds of processor time: one, and what the tracing of coverage takes."""
CRASHES = ROOT / "tests" / "fuzz" / "crashes"


def main() -> None:
    """Read the command line and hand over to the fuzzer, which ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--memory", type=int, default=700, help="most MiB that the process may take")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if chosen.list or not chosen.target:
        from tests.fuzz.targets import TARGETS

        print("\n".join(TARGETS))
        return
    _fuzz(chosen)


def _fuzz(chosen: argparse.Namespace) -> None:
    import atheris

    with atheris.instrument_imports(include=["pipeline.access"]):
        from tests.fuzz.targets import LIMIT, TARGETS, refused

    target = TARGETS[chosen.target]
    corpus = chosen.corpus or Path(tempfile.mkdtemp(prefix=f"{chosen.target}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed[:LIMIT])
    CRASHES.mkdir(exist_ok=True)
    options = [
        sys.argv[0], f"-max_total_time={chosen.seconds}", "-timeout=30", f"-rss_limit_mb={chosen.memory}",
        f"-max_len={LIMIT}", f"-artifact_prefix={CRASHES}/{chosen.target}-", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip

    def one(raw: bytes) -> None:
        start = time.process_time()
        refused(target, raw)
        assert time.process_time() - start < SLOW, "too slow"

    atheris.Setup(options, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
