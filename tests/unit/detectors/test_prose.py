"""Names and addresses in running text: what is one, where it starts and ends."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

from pipeline.detectors import Scanner
from pipeline.detectors.prose import Found, first_apart
from pipeline.rules import load_rules

RULES = Path(__file__).parents[3] / "rules"


@cache
def scanner() -> Scanner:
    return Scanner(load_rules(RULES))


def found(kind: str, text: str) -> list[str]:
    return [text[hit.start : hit.start + hit.length] for hit in scanner().scan_text(text) if hit.kind == kind]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("担当は福祉課の山田太郎主事が引き継いだ。", ["山田太郎"]),
        ("昨日、髙橋一郎氏から電話があった。", ["髙橋一郎"]),
        ("尼崎市に住む藤井茂氏は不在だった。", ["藤井茂"]),
        ("世帯主の近藤陽翔は来月転居する。", ["近藤陽翔"]),
        ("通訳のマリア・サントスが同席した。", ["マリア・サントス"]),
        ("鈴木さんと面談した。", ["鈴木"]),
        ("山口市長が視察した。", []),
        ("江戸時代の石垣を東京大学が調べた。", []),
        ("データ・ファイルの名前を入れてください。", []),
        ("日本人観光客と中国人留学生が増えた。", []),
        ("石川県立図書館と松本市役所、中村橋駅前。", []),
        ("株式会社山田商店の福島支店に届けた。", []),
    ],
)
def test_names_in_prose(text: str, names: list[str]) -> None:
    assert found("name", text) == names


def test_noise_beside_a_name_takes_it_away() -> None:
    assert found("name", "山田太郎") == ["山田太郎"]
    assert found("name", "\ue012ｹ\x05山田太郎\x91ｱ") == []


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("住所は甲府市高室町155です。", ["甲府市高室町155"]),
        ("富山県中新川郡上市町大松8丁目2番12号", ["富山県中新川郡上市町大松8丁目2番12号"]),
        ("東京都千代田区霞ヶ関３－１－１", ["東京都千代田区霞ヶ関３－１－１"]),
        ("北海道旭川市東鷹栖４条2-12-3", ["北海道旭川市東鷹栖４条2-12-3"]),
        ("甲府市高室町2024年度の予算", []),
        ("尼崎市は9時から3人で受け付ける。", []),
    ],
)
def test_addresses_end_at_their_number(text: str, addresses: list[str]) -> None:
    assert found("address", text) == addresses


def test_a_marker_beside_an_address_alone_is_nobody() -> None:
    assert found("sensitive-marker", "児童虐待の相談は兵庫県尼崎市東七松町1丁目23-1へ") == []
    assert found("sensitive-marker", "山田太郎 生活保護 兵庫県尼崎市東七松町1丁目23-1") == ["生活保護"]


def one_by_one(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (-one.score, one.start, one.end)):
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


@pytest.mark.parametrize(("seed", "size"), [(seed, seed % 40) for seed in range(200)])
def test_names_apart_are_those_that_each_pair_leaves(seed: int, size: int) -> None:
    chance = random.Random(seed)
    places = [(chance.randrange(40), chance.randint(1, 6), float(chance.randint(0, 4))) for _ in range(size)]
    found = [Found(start, start + length, score) for start, length, score in places]
    assert first_apart(found) == one_by_one(found)


@pytest.mark.parametrize("text", ["鳥海山", "久住山に登った", "筑紫平野", "白根山", "御岳山"])
def test_mountains_and_plains_are_no_people(text: str) -> None:
    assert found("name", text) == []
    assert found("name", "申請者は田中岳です。") == ["田中岳"]
