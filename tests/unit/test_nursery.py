"""A nursery forks jails from one clean state, and ends with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.flow.executors import processes
from pipeline.flow.units import JAILED
from pipeline.nursery import ENVIRONMENT, nursery_for
from pipeline.workers import Jail

ROOT = Path(__file__).resolve().parents[2]
CHILD = """\
import os, time

def handle(request):
    if request == "descriptors":
        yield len([name for name in os.listdir("/proc/self/fd") if int(name) > 2]) - 1  # one to list them
    if request == "family":
        yield os.getpid(), os.getppid()
    if request == "network":
        yield os.readlink("/proc/self/ns/net")
    if request == "sleep":
        print(os.getpid(), os.getppid(), file=open("born", "w"), flush=True)
        time.sleep(600)

def handler(arguments):
    return handle
"""
AS_NOBODY = """\
import os, sys, ctypes
import nursery_child_for_tests
from pipeline.workers import Jail
os.setgroups([]); os.setgid(65534); os.setuid(65534)
if os.fork() == 0:
    os._exit(ctypes.CDLL(None).unshare(0x50000000) != 0)
if os.wait()[1]:
    print("refused")
else:
    print(next(Jail("nursery_child_for_tests", [], memory=4 << 30).call("network", timeout_s=60)))
"""
IN_A_WORKER = """\
from pipeline.flow.executors import processes
from pipeline.workers import Jail

def sleep():
    list(Jail("nursery_child_for_tests", [], memory=4 << 30).call("sleep", timeout_s=600))

if __name__ == "__main__":
    with processes(1)() as pool:
        pool.submit(sleep).result()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "nursery_child_for_tests.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    yield tmp_path
    nursery_for("nursery_child_for_tests").close()


def gone(pid: int) -> bool:
    """Tell whether a process has ended, also if nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ends(*pids: int, within_s: float = 15.0) -> bool:
    deadline = time.monotonic() + within_s
    while not all(map(gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return all(map(gone, pids))


def worker_state() -> tuple[bool, int, dict[str, str | None]]:
    forked = nursery_for(JAILED)._process is None and nursery_for(JAILED)._channel is not None
    return forked, sys.flags.hash_randomization, {name: os.environ.get(name) for name in ENVIRONMENT}


def test_a_worker_is_warm_and_its_nursery_is_a_fork_of_it() -> None:
    with processes(1)() as pool:
        assert pool.submit(worker_state).result() == (True, 0, ENVIRONMENT)


def test_starting_workers_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    with processes(1)():
        assert (os.environ["TZ"], "PYTHONHASHSEED" in os.environ) == ("Asia/Tokyo", False)


@pytest.mark.usefixtures("folder")
def test_a_jail_holds_its_own_pipes_and_nothing_of_other_jails() -> None:
    first, second = (Jail("nursery_child_for_tests", [], memory=4 << 30) for _ in range(2))
    assert next(first.call("family", timeout_s=60))[1] == next(second.call("family", timeout_s=60))[1]
    (held,) = second.call("descriptors", timeout_s=60)
    assert held == 2
    first.close()
    second.close()


@pytest.mark.usefixtures("folder")
def test_a_dead_nursery_takes_its_jails_along_and_is_replaced() -> None:
    jail = Jail("nursery_child_for_tests", [], memory=4 << 30)
    ((pid, parent),) = jail.call("family", timeout_s=60)
    os.kill(parent, signal.SIGKILL)
    assert ends(pid)
    ((after, above),) = jail.call("family", timeout_s=60)
    assert (after != pid, above != parent) == (True, True)
    jail.close()
    assert ends(after)


def test_a_killed_run_leaves_no_process_behind(folder: Path) -> None:
    (folder / "in_a_worker.py").write_text(IN_A_WORKER)
    run = subprocess.Popen([sys.executable, "in_a_worker.py"], cwd=folder)
    born = folder / "born"
    while not (born.exists() and born.read_text().endswith("\n")):
        assert run.poll() is None
        time.sleep(0.05)
    jail, nursery = map(int, born.read_text().split())
    worker = int(Path(f"/proc/{nursery}/stat").read_text().rpartition(")")[2].split()[1])
    server = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    assert len({run.pid, jail, nursery, worker, server}) == 5
    run.kill()
    run.wait()
    assert ends(jail, nursery, worker, server)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="left out: only root can become nobody")
def test_a_jail_without_privileges_has_no_network_either(folder: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], cwd=folder, check=True, capture_output=True, text=True,
        env={**os.environ, **ENVIRONMENT},
    ).stdout.strip()  # fmt: skip
    if told == "refused":
        pytest.skip("left out: the kernel gives no user namespace to a process without privileges")
    assert told.startswith("net:[")
    assert told != str(Path("/proc/self/ns/net").readlink())
