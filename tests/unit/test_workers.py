"""A jail contains what happens inside it."""

import sys
from pathlib import Path

import pytest

from pipeline.nursery import nursery_for
from pipeline.workers import Jail, JailError

CHILD = """\
import os, signal, time

def handle(request):
    kind = request
    if kind == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "exit":
        os._exit(7)
    if kind == "hang":
        time.sleep(600)
    if kind == "grow":
        data = bytearray(8 << 30)
    if kind == "network":
        import socket
        try:
            socket.create_connection(("127.0.0.1", 1), timeout=1)
        except OSError as error:
            yield error.errno
            return
    yield ("pid", os.getpid())
    yield kind

def handler(arguments):
    return handle
"""


@pytest.fixture
def jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jail:
    (tmp_path / "jail_child_for_tests.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[2]}")
    made = Jail("jail_child_for_tests", [], memory=2 << 30)
    yield made  # type: ignore[misc]
    made.close()
    nursery_for("jail_child_for_tests").close()


def answer(jail: Jail, request: str, timeout_s: float = 30.0) -> list[object]:
    return list(jail.call(request, timeout_s=timeout_s))


def test_one_child_answers_many_requests(jail: Jail) -> None:
    first, second = answer(jail, "a"), answer(jail, "b")
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("a", "b")


@pytest.mark.parametrize(("request_", "reason"), [("die", "signal SIGSEGV"), ("exit", "exit code 7")])
def test_a_death_is_told_and_the_next_request_is_served(jail: Jail, request_: str, reason: str) -> None:
    with pytest.raises(JailError) as caught:
        answer(jail, request_)
    assert reason in caught.value.reason
    assert answer(jail, "after")[1] == "after"


def test_a_hang_ends_at_the_limit(jail: Jail) -> None:
    answer(jail, "warm")
    with pytest.raises(JailError, match="no answer within 1 s"):
        answer(jail, "hang", timeout_s=1.0)
    assert answer(jail, "after")[1] == "after"


def test_memory_is_bounded_and_the_child_lives_on(jail: Jail) -> None:
    before = answer(jail, "a")[0]
    with pytest.raises(JailError, match="more than 2048 MiB"):
        answer(jail, "grow")
    assert answer(jail, "b")[0] == before


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_a_jail_cannot_connect_anywhere(jail: Jail) -> None:
    (code,) = answer(jail, "network")
    assert code in {101, 99, 111}
