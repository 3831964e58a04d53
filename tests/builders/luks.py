"""LUKS volumes whose headers and payloads QEMU and cryptsetup write: nothing of ours takes part."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.builders.file_systems import run, tool


def luks1(folder: Path, clear: Path, password: str, *options: str) -> Path:
    """Return a LUKS1 volume of a clear one, written by QEMU; ``options`` are those of its luks driver."""
    target = folder / "luks1.img"
    secret = f"secret,id=key,data={password}"
    size = clear.stat().st_size
    settings = ",".join(["key-secret=key", "iter-time=10", *options])
    _create("qemu-img", "create", "-q", "-f", "luks", "--object", secret, "-o", settings, target, str(size))
    place = f"driver=luks,file.filename={target},key-secret=key"
    run("qemu-img", "convert", "-n", "--object", secret, "-f", "raw", clear, "--target-image-opts", place)
    return target


def _create(name: str, *arguments: str | Path) -> None:
    """Run QEMU until its measure of the key derivation succeeds: one in some forty meets a clock that did not move."""
    for _ in range(9):
        done = subprocess.run([tool(name), *map(str, arguments)], check=False, capture_output=True)
        if b"accurate CPU usage" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def luks2(folder: Path, clear: Path, password: str, *options: str) -> Path:
    """Return a LUKS2 volume of a clear one, encrypted in place by cryptsetup; it ends as much behind as it begins."""
    target = folder / "luks2.img"
    data = clear.read_bytes()
    target.write_bytes(data + bytes(32 << 20))
    arguments = [
        tool("cryptsetup"), "reencrypt", "--encrypt", "--type", "luks2", "--reduce-device-size", "32M", "-q",
        "--key-file", "-", *options, str(target),
    ]  # fmt: skip
    subprocess.run(arguments, input=password.encode(), check=True, capture_output=True)
    return target
