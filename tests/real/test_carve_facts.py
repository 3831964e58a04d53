"""What the field's own images hold in raw space."""

from __future__ import annotations

from pipeline.decoders import Limits, Text, decoder_for
from tests.contract.test_carvers import Bytes, carved
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
