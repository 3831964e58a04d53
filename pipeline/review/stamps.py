"""Time stamps over the ledger: an authority outside the case says that a line, and all before it, was there by then.

What is stamped is the ``hash`` of a ledger line, its 32 bytes; the token (RFC 3161) lies under ``out/timestamps`` and a
later line of the ledger names both. ``openssl ts -verify`` checks a token without this program.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)  # fmt: skip

from pipeline.config import Case
from pipeline.custody import Ledger, read_ledger
from pipeline.errors import IntegrityError, SettingsError
from pipeline.review.der import with_sorted_certificates
from pipeline.store import file_digest, write_atomically

__all__ = ["check_stamps", "keep_token", "request_for", "stamp"]

_WAIT_S: Final = 20
_MOST_BYTES: Final = 1 << 20
_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256, "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}  # fmt: skip
"""SOURCE: RFC 5754 section 2."""
_TOLERANCE: Final = timedelta(minutes=5)
"""By how much the examiner's clock may run ahead of the authority's."""


def request_for(case: Case) -> bytes:
    """Return a request (DER) for a stamp over the ledger's last line, for an authority that is asked by hand.

    Raises:
        IntegrityError: the ledger cannot be read.
    """
    message = bytes.fromhex(str(_last(case)["hash"]))
    return TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()


def stamp(case: Case, ledger: Ledger) -> str:
    """Have the ledger's head stamped by the service that is set; returns what came of it, and the ledger holds it.

    An authority that cannot be reached, or answers otherwise, is a reason, not an error.
    """
    service = case.timestamp.service
    if not service:
        return "no time-stamp service is set"
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        request = urllib.request.Request(service, data=request_for(case), headers=headers)  # noqa: S310 - http by settings
        with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310
            token = answer.read(_MOST_BYTES)
        return keep_token(case, ledger, token)
    except (urllib.error.URLError, OSError, SettingsError) as error:
        reason = f"the head was not stamped: {error}"
        ledger.append("timestamp-skipped", {"service": service, "reason": reason})
        return reason


def keep_token(case: Case, ledger: Ledger, token: bytes) -> str:
    """Keep a token (DER response) of one of the ledger's lines; returns what it says.

    Raises:
        SettingsError: it is no token, or stamps nothing of this ledger, or is not signed by the authority that is set.
    """
    response = _decoded(token)
    lines = [entry for entry in read_ledger(case.out) if _imprints(response, entry)]
    if not lines:
        raise SettingsError(
            "the token stamps no line of this ledger; make its request with `akashi timestamp --request`"
        )
    if case.timestamp.authority:
        _check_signature(case, response, lines[-1], SettingsError)
    line, time = lines[-1], response.tst_info.gen_time
    name = f"timestamps/{line['seq']:06}.tsr"
    write_atomically(case.out / name, token)
    body = {"line": line["seq"], "stamped": line["hash"], "time": time.isoformat()}
    ledger.append("timestamp", {**body, "documents": {name: file_digest(case.out / name)}})
    return f"line {line['seq']} of the ledger is stamped: it was there at {time.isoformat()}"


def check_stamps(case: Case, ledger: Sequence[Mapping[str, Any]]) -> str:
    """Check every token that the ledger names.

    Raises:
        IntegrityError: one does not hold.
    """
    stamps = [entry for entry in ledger if entry["event"] == "timestamp"]
    skipped = sum(entry["event"] == "timestamp-skipped" for entry in ledger)
    for entry in stamps:
        (name,) = entry["documents"]
        line = ledger[entry["line"]]
        try:
            response = _decoded((case.out / name).read_bytes())
        except (OSError, SettingsError) as error:
            raise IntegrityError(f"{name}: cannot be read ({error})") from error
        if not _imprints(response, line) or line["hash"] != entry["stamped"]:
            raise IntegrityError(f"{name}: stamps another line than the ledger says")
        if case.timestamp.authority:
            _check_signature(case, response, line, IntegrityError)
        if response.tst_info.gen_time < datetime.fromisoformat(str(line["at"])) - _TOLERANCE:
            raise IntegrityError(f"{name}: the line says that it was written after it was stamped; a clock was wrong")
    if not stamps:
        return f"none; {skipped} times the authority was not reached" if skipped else "none; no authority is set"
    whose = "" if case.timestamp.authority else ", signatures not checked: no certificate of the authority is set"
    return f"{len(stamps)} stamps hold{whose}"


def _last(case: Case) -> Mapping[str, Any]:
    lines = read_ledger(case.out)
    if not lines:
        raise IntegrityError("the ledger is empty")
    return lines[-1]


def _decoded(token: bytes) -> TimeStampResponse:
    try:
        response = decode_timestamp_response(with_sorted_certificates(token))
        _ = response.tst_info.gen_time
    except ValueError as error:
        raise SettingsError(f"not a granted RFC 3161 response ({error})") from error
    return response


def _imprints(response: TimeStampResponse, line: Mapping[str, Any]) -> bool:
    imprint = response.tst_info.message_imprint
    function = _HASHES.get(imprint.hash_algorithm.dotted_string)
    return function is not None and imprint.message == function(bytes.fromhex(str(line["hash"]))).digest()


def _check_signature(
    case: Case, response: TimeStampResponse, line: Mapping[str, Any], wrong: type[IntegrityError | SettingsError]
) -> None:
    path = case.root / case.timestamp.authority
    try:
        certificates = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no certificates can be read ({error})") from error
    roots = [item for item in certificates if item.issuer == item.subject] or certificates
    between = [item for item in certificates if item not in roots]
    verifier = VerifierBuilder(roots=roots, intermediates=between).build()
    try:
        verifier.verify_message(response, bytes.fromhex(str(line["hash"])))
    except (VerificationError, ValueError) as error:
        raise wrong(f"the stamp of line {line['seq']} is not signed by the authority that is set ({error})") from error
