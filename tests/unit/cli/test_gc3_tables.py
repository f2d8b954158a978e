"""Tables that fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gc3libs.cli._tables import Cell, Column, cells, cut, write_table

COLUMNS = [
    Column("ID", right=True),
    Column("NAME", shrinks=True),
    Column("MORE", optional=True),
]


def table(capsys: Any, rows: list[Any], **options: Any) -> list[str]:
    write_table(COLUMNS, rows, **options)
    return capsys.readouterr().out.splitlines()


def test_columns_are_as_wide_as_they_must_be(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [["1", "one", "x"], ["20", Cell("twenty-one" * 20, "red"), ""]]
    assert table(capsys, rows) == [
        "ID  NAME" + " " * 198 + "MORE",
        " 1  one" + " " * 199 + "x",
        "20  " + "twenty-one" * 20,
    ]


def test_where_there_is_no_room_texts_are_cut_and_columns_left_out(
    capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    rows = [["1", "a name of some length", "more"]]
    assert table(capsys, rows) == ["ID  NAME", " 1  a name of some …"]


@pytest.mark.parametrize("text", ["日本語のなまえ", "e\u0301" * 20, "plain text", "🧪🧪🧪🧪"])
@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_wide_characters_take_two_columns(text: str, size: int) -> None:
    short = cut(text, size)
    assert cells(short) <= size
    assert short == text or short.endswith("…")


def test_rows_are_printed_as_they_come(capsys: Any) -> None:
    def rows() -> Iterator[Any]:
        for number in range(2000):
            if number == 1500:
                assert capsys.readouterr().out.count("\n") > 900
            yield [str(number), "name", ""]

    assert write_table(COLUMNS, rows()) == 2000


def test_an_empty_table_is_nothing(capsys: Any) -> None:
    assert table(capsys, []) == []
    assert table(capsys, [["1", "one", "x"]], header=False) == ["1  one  x"]
