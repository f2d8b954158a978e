"""What is remembered of submissions survives whatever interrupts its writing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.backends.base import JobState, Report
from gc3libs.backends.batch.book import Book, Note, Plan
from gc3libs.backends.batch.scheduler import Request
from gc3libs.exceptions import DirectoryInUse, NewerFormat


def plan(key: str, *tokens: str, pack: int = 1) -> Plan:
    jobs = tuple(Note(token, f"/{token}.out", f"/{token}.err", None, 0) for token in tokens)
    return Plan(key=key, name=f"{tokens[0]}-{key}", pack=pack, request=Request(), jobs=jobs)


def ended(token: str, exitcode: int = 0) -> Report:
    return Report(token=token, state=JobState.ENDED, exitcode=exitcode)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(tmp_path)
    book.own()
    yield book
    book.close()


def reread(book: Book, tmp_path: Path) -> Book:
    """What the next process finds."""
    book.close()
    book.own()
    return book


def test_everything_is_found_again(book: Book, tmp_path: Path) -> None:
    batch = book.add(plan("g1", "T.0", "T.1", "T.2", pack=2))
    batch.mark_sent()
    batch.mark_id("12")
    batch.mark_cancelled([2])
    batch.add_reports({0: ended("T.0", 3)}, durable=True)
    assert book.free(["T.0"]) == []
    reread(book, tmp_path)
    assert book.tokens() == {"T.1", "T.2"}
    found, number = book.find("T.2") or (None, 0)
    assert found is not None
    assert found is not batch
    assert (found.sent, found.id, found.cancelled, number) == (True, "12", {2}, 2)
    assert found.reports == {0: ended("T.0", 3)}
    assert found.open == [1, 2]
    assert found.plan.elements == 2
    assert [list(found.plan.numbers(element)) for element in (0, 1)] == [[0, 1], [2]]


def test_a_line_that_was_not_written_to_its_end_is_left_out(book: Book, tmp_path: Path) -> None:
    batch = book.add(plan("g1", "T.0", "T.1"))
    batch.add_reports({0: ended("T.0", 3)}, durable=False)
    with (batch.directory / "reports").open("ab") as file:
        file.write(b'[1, {"token": "T.1", "sta')
    reread(book, tmp_path)
    batch = book.batches["g1"]
    assert batch.reports == {0: ended("T.0", 3)}
    batch.add_reports({1: ended("T.1", 4)}, durable=False)
    assert reread(book, tmp_path).batches["g1"].reports == {
        0: ended("T.0", 3),
        1: ended("T.1", 4),
    }


def test_a_submission_without_a_plan_never_was(book: Book, tmp_path: Path) -> None:
    left = tmp_path / "batches" / "g1"
    left.mkdir()
    (left / "script").write_text("#!/bin/sh\n")
    reread(book, tmp_path)
    assert book.tokens() == set()
    assert not left.exists()


def test_a_token_belongs_to_its_last_submission(book: Book, tmp_path: Path) -> None:
    book.add(plan("g1", "T.0", "T.1"))
    second = book.add(plan("g2", "T.1"))
    assert book.find("T.1") == (second, 0)
    reread(book, tmp_path)
    found = book.find("T.1")
    assert found is not None
    assert found[0].plan.key == "g2"
    assert [each.plan.key for each in book.free(["T.0"])] == ["g1"]


def test_one_process_writes_and_others_read(book: Book, tmp_path: Path) -> None:
    book.add(plan("g1", "T.0"))
    other = Book(tmp_path)
    with pytest.raises(DirectoryInUse, match="another engine"):
        other.own()
    other.load()
    assert other.tokens() == {"T.0"}


def test_a_later_format_is_refused_by_name(book: Book, tmp_path: Path) -> None:
    path = book.add(plan("g1", "T.0")).directory / "plan"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(NewerFormat, match="99"):
        reread(book, tmp_path)
