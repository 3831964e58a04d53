"""Lines and records a second of CPU that readers of logs take in: ``python -m tests.benchmarks.bench_logs``."""

from __future__ import annotations

import gzip
import json
import random
import struct
import time
from typing import Final

from pipeline.artefacts import ARTEFACTS, Audit, Candidate
from tests.builders.journal import journal
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.test_logs import MODIFIED

LINES: Final = 200_000
START: Final = 1655816400


def access() -> bytes:
    chance = random.Random(1)
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/102"
    lines = []
    for number in range(LINES):
        at = number // 20
        stamp = f"21/Jun/2022:{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02} +0900"
        size = chance.choice((1234, 9_999_999)) if number % 1000 == 0 else 4321
        lines.append(f'203.0.113.{number % 250} - - [{stamp}] "GET /p/{number}?x HTTP/1.1" 200 {size} "-" "{agent}"')
    return "\n".join(lines).encode() + b"\n"


def syslog() -> bytes:
    form = "2022-06-21T{:02}:{:02}:{:02}.123456+09:00 srv {}[{}]: {}\n"
    says = (("app", "did something of no note"), ("sshd", "Accepted password for op from 203.0.113.9 port 5 ssh2"))
    rows = ((_at := number // 10, *says[number % 50 == 0]) for number in range(LINES))
    return "".join(
        form.format(at // 3600 % 24, at // 60 % 60, at % 60, who, 7, what) for at, who, what in rows
    ).encode()


def iis() -> bytes:
    head = "#Fields: date time s-ip cs-method cs-uri-stem s-port c-ip sc-status sc-bytes cs-bytes\n"
    row = "2022-06-21 {:02}:{:02}:{:02} 192.0.2.1 GET /a/{} 443 203.0.113.9 200 4321 300\n"
    times = ((number // 20, number) for number in range(LINES))
    return (head + "".join(row.format(at // 3600 % 24, at // 60 % 60, at % 60, n) for at, n in times)).encode()


def zeek() -> bytes:
    row = {"id.orig_h": "192.0.2.7", "id.resp_h": "203.0.113.9", "id.resp_p": 443, "orig_bytes": 7, "resp_bytes": 5}
    return "".join(json.dumps({"ts": START + n / 10, **row}) + "\n" for n in range(LINES // 4)).encode()


def wtmp() -> bytes:
    form = struct.Struct("<hxxi32s4s32s256s4xiii16s20x")
    rows = (form.pack(7, 7, b"pts/0", b"", b"op", b"pc", 0, START + n, 0, bytes(16)) for n in range(LINES // 4))
    return b"".join(rows)


def entries() -> bytes:
    said = (("app", "nothing of note"), ("sshd", "Accepted password for op from 203.0.113.9 port 5 ssh2"))
    rows = (said[number % 50 == 0] for number in range(LINES // 4))
    return journal([
        ((START + n) * 10**6, {"_PID": str(n % 90), "SYSLOG_IDENTIFIER": who, "MESSAGE": f"{what} {n}", "_UID": "0"})
        for n, (who, what) in enumerate(rows)
    ])  # fmt: skip


def main() -> None:
    """Print a row a reader."""
    plain = access()
    samples = {
        "web-access-log": plain, "web-access-log, gzip": gzip.compress(plain, 6), "system-log": syslog(), "iis-log": iis(),  # noqa: E501
        "zeek-log": zeek(), "login-records": wtmp(), "systemd-journal": entries(),
    }  # fmt: skip
    for title, data in samples.items():
        (artefact,) = (known for known in ARTEFACTS if known.name == title.partition(",")[0])
        path = "/zeek/conn.log" if "zeek" in title else "/x"
        before = time.process_time()
        found = list(artefact.read(Candidate(path=path, content=Held(data), modified=MODIFIED)))
        spent = time.process_time() - before
        (audit,) = (fact for fact in found if isinstance(fact, Audit))
        print(
            f"{title:22} {len(data) / 1e6:7.1f} MB {audit.records:8} records {audit.records / spent:10.0f} a second {audit.status}"  # noqa: E501
        )


if __name__ == "__main__":
    main()
