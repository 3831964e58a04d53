"""The ledger's head stamped by an authority of our own."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import SYSTEM_CLOCK
from pipeline.config import Case, Timestamp
from pipeline.custody import Ledger, read_ledger, verify_ledger
from pipeline.errors import IntegrityError, SettingsError
from pipeline.keys import open_keys
from pipeline.review.der import with_sorted_certificates
from pipeline.review.stamps import check_stamps, keep_token, request_for, stamp
from tests.builders.authority import answered, make_authority, serving
from tests.builders.cases import make_case

pytestmark = pytest.mark.tools("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "one"
    make_authority(folder)
    return folder


@pytest.fixture
def case(tmp_path: Path, authority: Path) -> Case:
    (tmp_path / "disk.raw").write_bytes(bytes(512))
    made = make_case(tmp_path, "disk.raw")
    return replace(made, timestamp=Timestamp(authority=str(authority / "root.pem")))


@pytest.fixture
def ledger(case: Case) -> Ledger:
    made = Ledger(case.out, open_keys(case.keys_directory), SYSTEM_CLOCK, "test")
    made.append("run-finished", {"ran": []})
    return made


def lines(case: Case) -> list[dict[str, object]]:
    return verify_ledger(case.out, open_keys(case.keys_directory).public_hex)


def test_a_service_stamps_the_head_and_openssl_agrees(case: Case, ledger: Ledger, authority: Path) -> None:
    with serving(authority) as address:
        asked = replace(case, timestamp=replace(case.timestamp, service=address))
        assert "line 0 of the ledger is stamped" in stamp(asked, ledger)
    assert check_stamps(case, lines(case)) == "1 stamps hold"
    message = case.root / "head"
    message.write_bytes(bytes.fromhex(str(lines(case)[0]["hash"])))
    token = case.out / "timestamps/000000.tsr"
    command = ["openssl", "ts", "-verify", "-data", message, "-in", token, "-CAfile", authority / "root.pem"]
    assert b"Verification: OK" in subprocess.run(command, check=True, capture_output=True).stdout


def test_an_authority_that_is_not_reached_is_a_reason(case: Case, ledger: Ledger) -> None:
    asked = replace(case, timestamp=Timestamp(service="http://127.0.0.1:9/"))
    assert "the head was not stamped" in stamp(asked, ledger)
    assert read_ledger(case.out)[-1]["event"] == "timestamp-skipped"
    assert check_stamps(case, lines(case)) == "none; 1 times the authority was not reached"
    assert stamp(case, ledger) == "no time-stamp service is set"


def test_a_token_made_by_hand_is_kept(case: Case, ledger: Ledger, authority: Path) -> None:
    token = answered(authority, request_for(case))
    ledger.append("reveal", {})
    assert keep_token(case, ledger, token).startswith("line 0 ")
    for wrong in (b"", b"\x30\x00", token[:-30], request_for(case)):
        with pytest.raises(SettingsError, match="RFC 3161"):
            keep_token(case, ledger, wrong)


def test_a_token_of_another_ledger_or_authority_is_refused(
    case: Case, ledger: Ledger, authority: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_authority(other)
    with pytest.raises(SettingsError, match="not signed by the authority"):
        keep_token(case, ledger, answered(other, request_for(case)))
    (tmp_path / "second").mkdir()
    second = make_case(tmp_path / "second", "disk.raw")
    Ledger(second.out, open_keys(second.keys_directory), SYSTEM_CLOCK, "test").append("run-finished", {"ran": [1]})
    with pytest.raises(SettingsError, match="stamps no line"):
        keep_token(case, ledger, answered(authority, request_for(second)))


def test_a_stamp_that_does_not_hold_is_found(case: Case, ledger: Ledger, authority: Path) -> None:
    keep_token(case, ledger, answered(authority, request_for(case)))
    path = case.out / "timestamps/000000.tsr"
    token = path.read_bytes()
    path.write_bytes(token[:-1] + bytes([token[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="not signed"):
        check_stamps(case, lines(case))
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        check_stamps(case, lines(case))
    path.write_bytes(token)
    unsigned = replace(case, timestamp=Timestamp())
    assert "signatures not checked" in check_stamps(unsigned, lines(case))


@given(data=st.binary(max_size=200))
def test_what_is_no_token_stays_as_it_is(data: bytes) -> None:
    assert len(with_sorted_certificates(data)) == len(data)
    assert with_sorted_certificates(with_sorted_certificates(data)) == with_sorted_certificates(data)
