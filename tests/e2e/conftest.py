"""The demo cases, run once per worker through the command line, for tests that look at the outcome."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("demo-clean", "demo-leak")


def akashi(*arguments: str | Path, check: int | None = None, timeout_s: int = 600) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
    if check is not None:
        assert done.returncode == check, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of everything a run must give again, byte for byte."""
    wanted = [*folder.glob("out/tables/*.parquet"), folder / "out/verdict.json", *folder.glob("out/report/*")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(wanted)}


def prepared(name: str, target: Path, secrets: Path | None = None) -> Path:
    """Copy a committed demo case, give it keys, index its register."""
    folder = target / name
    shutil.copytree(ROOT / "cases" / name, folder, ignore=shutil.ignore_patterns("out", "secrets", "*.akr"))
    if secrets is not None:
        shutil.copytree(secrets, folder / "secrets")
    akashi("init", folder, check=0)
    register = folder / "registers/residents.csv"
    akashi("register", "build", register, "--dataset", "resident-register", "--case", folder, check=0)
    return folder


@dataclass(frozen=True)
class Demo:
    """Where the demo ran, and what it printed."""

    root: Path
    printed: str
    returncode: int

    def case(self, name: str) -> Path:
        return self.root / name


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """`akashi demo`, once."""
    root = tmp_path_factory.mktemp("demo")
    done = akashi("demo", root)
    return Demo(root, done.stdout + done.stderr, done.returncode)


@pytest.fixture
def copied(demo: Demo, tmp_path: Path) -> Callable[[str], Path]:
    """A finished demo case that a test may damage."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(demo.case(name), tmp_path / name))

    return copy
