"""What the field's own images hold in raw space."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.decoders import Limits, Text, decoder_for
from pipeline.store import Store
from tests.contract.test_carvers import Bytes, carved
from tests.e2e.conftest import akashi
from tests.real_data import real_path


def test_documents_in_raw_mail_image_are_carved_and_read() -> None:
    data = real_path("bulk_extractor/src/tests/nps-2010-emails.100k.raw").read_bytes()
    found = carved(data)
    others = [(63488, "gzip"), (91136, "rtf")]
    assert [(item.start, item.type) for item in found if item.type != "pdf"] == others
    found = [item for item in found if item.type == "pdf"]
    assert [item.start for item in found] == [70656, 81920, 92160]
    decoder = decoder_for("pdf")
    assert decoder is not None
    texts = []
    for item in found:
        content = Bytes(data[item.start : item.start + item.length])
        texts.append("".join(part.text for part in decoder.decode(content, Limits()) if isinstance(part, Text)))
    for text, name in zip(texts, ("plain_text_pdf", "rtf_text_pdf", "plain_utf16_pdf"), strict=True):
        assert f"{name}@textedit.com" in text


def test_addresses_in_documents_of_the_mail_image_are_findings_of_the_case(tmp_path: Path) -> None:
    source = real_path("bulk_extractor/src/tests/nps-2010-emails.100k.raw")
    folder = tmp_path / "case"
    akashi("init", folder, check=0)
    shutil.copy(source, folder / "disk.raw")
    settings = folder / "case.toml"
    exhibit = '\n[[exhibit]]\nlabel = "EX-01"\nrole = "recovered-media"\nimage = "disk.raw"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "examine", "--workers", "1", check=3)
    rows = Store(folder / "out").mapped("examine", "detections").to_pylist()
    mails = {(row["address"].partition("fs:/")[2], row["image_offset"]) for row in rows if row["kind"] == "email"}
    assert ("document1.txt!bytes:0+23", 80896) in mails
    for name in ("document1.pdf!at:page 1!bytes:0+27", "document2.pdf!at:page 1!bytes:0+25"):
        assert (name, None) in mails
    assert ("document3.pdf!at:page 1!bytes:0+28", None) in mails
