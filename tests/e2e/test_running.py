"""The same bytes out: for any number of workers, on a cluster, and after any interruption."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Demo, akashi, digests, prepared

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def reference(demo: Demo) -> dict[str, str]:
    akashi("report", demo.case("demo-clean"), check=0)
    return digests(demo.case("demo-clean"))


def finished(folder: Path) -> dict[str, str]:
    for language in ("ja", "en"):
        akashi("report", folder, "--lang", language, check=0)
    return digests(folder)


def fresh(demo: Demo, tmp_path: Path) -> Path:
    return prepared("demo-clean", tmp_path, secrets=demo.case("demo-clean") / "secrets")


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(
    demo: Demo, tmp_path: Path, reference: dict[str, str], workers: int
) -> None:
    folder = fresh(demo, tmp_path)
    assert akashi("run", folder, "--workers", str(workers)).returncode in {0, 3}
    assert finished(folder) == reference


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_random_moments_change_nothing(
    demo: Demo, tmp_path: Path, reference: dict[str, str], seed: int
) -> None:
    """Kill the whole process group with SIGKILL again and again, a little later each time, then let it end."""
    folder = fresh(demo, tmp_path)
    chance = random.Random(seed)
    command = [sys.executable, "-m", "pipeline.cli", "run", str(folder), "--workers", "2"]
    kills = 0
    for _ in range(8):
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(timeout=chance.uniform(0.5, 9.0))
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
            time.sleep(1.0)
    assert kills >= 1
    assert akashi("run", folder).returncode in {0, 3}
    assert finished(folder) == reference
    events = [json.loads(line)["event"] for line in (folder / "out/custody.jsonl").read_text("utf-8").splitlines()]
    assert "run-interrupted" in events
    akashi("verify", folder, check=0)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A real Dask scheduler and two workers on loopback."""
    address_file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    started = [
        subprocess.Popen([*scheduler, "--no-dashboard", "--scheduler-file", str(address_file)], cwd=ROOT, **quiet)
    ]
    deadline = time.monotonic() + 60
    while not address_file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(address_file)]
    options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
    started += [subprocess.Popen([*worker, *options], cwd=ROOT, **quiet) for _ in range(2)]
    try:
        yield json.loads(address_file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)


def test_a_dask_cluster_gives_the_same(demo: Demo, tmp_path: Path, reference: dict[str, str], cluster: str) -> None:
    folder = fresh(demo, tmp_path)
    done = akashi("run", folder, "--cluster", cluster)
    assert done.returncode in {0, 3}, done.stderr
    assert finished(folder) == reference


def test_no_answer_from_a_cluster_is_said(demo: Demo, tmp_path: Path) -> None:
    folder = fresh(demo, tmp_path)
    done = akashi("run", folder, "--cluster", "tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert "no Dask scheduler answers" in done.stderr
