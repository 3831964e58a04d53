"""The self-scan sees a personal value wherever the program could have written it, and nothing where there is none."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.detectors import Masker, Scanner
from pipeline.errors import IntegrityError
from pipeline.exporters.words import fixed_texts
from pipeline.flow.privacy import SelfScan
from pipeline.register import Register, build_register
from pipeline.rules import load_rules
from tests.builders.people import generate, my_number

ROOT: Final = Path(__file__).resolve().parents[3]
KEY: Final = b"k" * 32
PERSON: Final = generate(1, seed=7)[0]
PLAIN: Final = ["0123456789abcdef01234567", "EX-01!part:p2!fs:/文書/一覧.csv!bytes:123456789018+16", "AAAA@AAA.AA"]


@pytest.fixture(scope="module")
def masker() -> Masker:
    return Masker(Scanner(load_rules(ROOT / "rules")), KEY)


@pytest.fixture
def scan(masker: Masker, tmp_path: Path) -> SelfScan:
    settings = tmp_path / "case.toml"
    settings.write_text('[case]\nid = "x"\ntitle = "鈴木一郎の件"\n', encoding="utf-8")
    return SelfScan(masker=masker, settings=settings)


def table(path: Path, column: pa.Array, name: str = "text") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: column}), path, compression="zstd")


def arrow(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    data = pa.table({"text": pa.array([[text]])})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, data.schema) as writer:
        writer.write_table(data)


def written(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


PLANTS: Final[dict[str, Callable[[Path, str], None]]] = {
    "column": lambda out, text: table(out / "tables/a.parquet", pa.array([*PLAIN, text])),
    "list": lambda out, text: table(out / "tables/a.parquet", pa.array([[*PLAIN], [text]])),
    "structure": lambda out, text: table(out / "tables/a.parquet", pa.array([{"inner": text}])),
    "dictionary": lambda out, text: table(out / "tables/a.parquet", pa.array([text]).dictionary_encode()),
    "part": lambda out, text: arrow(out / "work/people/final/a.arrow", text),
    "json": lambda out, text: written(out / "verdict.json", json.dumps({"a": [{"b": text}]}).encode()),
    "json key": lambda out, text: written(out / "verdict.json", json.dumps({text: 1}).encode()),
    "log": lambda out, text: written(out / "run.log", (json.dumps({"message": text}) + "\nnot json\n").encode()),
    "no json": lambda out, text: written(out / "run.log", f"{{broken {text}\n".encode()),
    "page": lambda out, text: written(
        out / "report/a.html", "".join(f"&#{ord(one)};" for one in f"<p>{text}</p>").encode()
    ),
    "packed": lambda out, text: written(out / "report/a.gz", gzip.compress(text.encode())),
    "utf-16": lambda out, text: written(out / "other.bin", text.encode("utf-16-le")),
}


@pytest.mark.parametrize("way", sorted(PLANTS))
def test_a_planted_value_is_seen_and_not_repeated(scan: SelfScan, tmp_path: Path, way: str) -> None:
    PLANTS[way](tmp_path / "out", f"氏名：{PERSON.name} 電話：{PERSON.phone}")
    with pytest.raises(IntegrityError) as error:
        scan.check(tmp_path / "out")
    assert "name" in str(error.value)
    assert PERSON.name not in str(error.value)
    assert PERSON.phone not in str(error.value)


@pytest.mark.parametrize("way", sorted(PLANTS))
def test_text_without_a_value_passes(scan: SelfScan, tmp_path: Path, way: str) -> None:
    PLANTS[way](tmp_path / "out", "調査した範囲では検出なし。領域は123456789018バイト目から。")
    assert scan.check(tmp_path / "out") > 0


def test_a_name_alone_in_a_path_is_seen(scan: SelfScan, tmp_path: Path) -> None:
    table(tmp_path / "out/tables/files.parquet", pa.array([*PLAIN, f"/文書/{PERSON.name}.csv"]), "path")
    with pytest.raises(IntegrityError, match=r"tables/files\.parquet:path \(name\)"):
        scan.check(tmp_path / "out")


def test_a_value_alone_is_seen_where_a_register_has_it(scan: SelfScan, masker: Masker, tmp_path: Path) -> None:
    number = my_number("31415926535")
    texts = [f"read {number} of", f"{PERSON.name}の内容", f"<td>{PERSON.kana}</td>"]
    table(tmp_path / "out/tables/a.parquet", pa.array(texts[:1]))
    assert scan.check(tmp_path / "out") == 1
    source, index = tmp_path / "r.csv", tmp_path / "r.akr"
    source.write_text(f"個人番号,氏名,氏名カナ\n{number},{PERSON.name},{PERSON.kana}\n", encoding="utf-8")
    build_register(source, "residents", KEY, index)
    known = SelfScan(masker=masker, settings=scan.settings, registers={"residents": Register.open(index, KEY)})
    for text, kind in zip(texts, ("my-number", "name", "name-kana"), strict=True):
        table(tmp_path / "out/tables/a.parquet", pa.array([text]))
        with pytest.raises(IntegrityError, match=kind):
            known.check(tmp_path / "out")


def test_the_analysts_own_words_are_allowed(scan: SelfScan, tmp_path: Path) -> None:
    table(tmp_path / "out/tables/a.parquet", pa.array(["鈴木一郎の件"]), "label")
    assert scan.check(tmp_path / "out") == 1
    table(tmp_path / "out/tables/a.parquet", pa.array(["鈴木一郎"]), "label")
    with pytest.raises(IntegrityError):
        scan.check(tmp_path / "out")


def test_a_half_written_part_is_passed_over(scan: SelfScan, tmp_path: Path) -> None:
    written(tmp_path / "out/work/examine/.unit.1.part/a.arrow", b"half")
    assert scan.check(tmp_path / "out") == 0


def test_a_document_is_refused_before_it_is_written(scan: SelfScan) -> None:
    scan.check_document("report/a.html", "<p>検出なし</p>")
    with pytest.raises(IntegrityError, match=r"report/a\.html"):
        scan.check_document("report/a.html", f"<p>氏名：{PERSON.name} 電話：{PERSON.phone}</p>")


def test_words_that_are_also_names_are_no_values_in_prose(scan: SelfScan, tmp_path: Path) -> None:
    said = [
        "内容は示さない。",
        "保護対象のデータがあるか。",
        "持ち出しの準備。",
        "所在が失われてから回収される",
        "内包の項目。",
    ]
    written(tmp_path / "out/report/a.html", "\n".join(said).encode())
    assert scan.check(tmp_path / "out") == len(said)


def test_the_programs_own_sentences_are_no_findings(masker: Masker, scan: SelfScan, tmp_path: Path) -> None:
    sentence = f"氏名：{PERSON.name} 電話：{PERSON.phone}"
    written(tmp_path / "out/report/a.html", sentence.encode())
    SelfScan(masker=masker, settings=scan.settings, vocabulary=sentence).check(tmp_path / "out")
    with pytest.raises(IntegrityError):
        scan.check(tmp_path / "out")
    assert "確認されなかった" in fixed_texts()


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_table_that_cannot_be_read_is_said_whatever_is_damaged(scan: SelfScan, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / name
    texts = pa.array([f"text {number}" for number in range(300)])
    if name.endswith(".arrow"):
        path.parent.mkdir()
        with pa.ipc.new_file(path, pa.schema([("text", pa.string())])) as sink:
            sink.write_table(pa.table({"text": texts}))
    else:
        table(path, texts)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            scan.check(tmp_path / "out")
        except IntegrityError:
            refused += 1
    assert refused
