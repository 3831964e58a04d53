"""A time-stamp authority of our own, made by openssl and answering over http.

SOURCE: RFC 3161 section 2.3 (the certificate's key usage), openssl-ts(1).
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["answered", "make_authority", "serving"]

SETTINGS = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
[usage]
extendedKeyUsage = critical,timeStamping
"""


def _openssl(*arguments: object) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


def make_authority(folder: Path) -> Path:
    """Make a root and a signer in a folder; returns the root's certificate."""
    folder.mkdir(parents=True)
    (folder / "tsa.cnf").write_text(SETTINGS.format(folder=folder), encoding="ascii")
    (folder / "serial").write_text("01\n", encoding="ascii")
    root, key, wish = folder / "root.pem", folder / "tsa.key", folder / "tsa.csr"
    days = ("-days", "30", "-nodes", "-newkey", "rsa:2048", "-subj")
    _openssl("req", "-x509", *days, "/CN=Test Root", "-keyout", folder / "root.key", "-out", root)
    _openssl("req", "-new", *days[2:], "/CN=Test Authority", "-keyout", key, "-out", wish)
    signed = ("-CA", root, "-CAkey", folder / "root.key", "-CAcreateserial", "-days", "30")
    usage = ("-extfile", folder / "tsa.cnf", "-extensions", "usage")
    _openssl("x509", "-req", "-in", wish, *signed, *usage, "-out", folder / "tsa.pem")
    return root


def answered(folder: Path, request: bytes) -> bytes:
    """Return the authority's answer to a request."""
    query = folder / "query.tsq"
    query.write_bytes(request)
    signer = ("-signer", folder / "tsa.pem", "-inkey", folder / "tsa.key", "-chain", folder / "root.pem")
    out = folder / "answer.tsr"
    _openssl("ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", query, *signer, "-out", out)
    return out.read_bytes()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Answer over http on this machine; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = answered(folder, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
