"""A large session: 100,000 tasks, or a million with GC3_FAULTS=long."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ._large import make_large
from .conftest import Gc3

COUNT = 1_000_000 if os.environ.get("GC3_FAULTS") == "long" else 100_000
FAILED, WAITING = COUNT // 1000, COUNT // 10


@pytest.fixture(scope="module")
def large(tmp_path_factory: Any) -> Any:
    gc3 = Gc3(tmp_path_factory.mktemp("large"))
    make_large(gc3.path("s"), COUNT)
    return gc3


def test_status_is_exact(large: Any) -> None:
    status = large("status", "s", "--json").json
    assert status["counts"] == {
        "total": COUNT,
        "done": COUNT - FAILED - WAITING,
        "failed": FAILED,
        "running": 0,
        "waiting": WAITING,
        "held": 0,
        "over": COUNT - WAITING,
    }
    used = 2.0 * (COUNT - WAITING)
    assert status["core_seconds"] == {"used": used, "to_go": 2.0 * WAITING}
    lines = large("status", "s", env={"COLUMNS": "80"}).lines
    assert lines[0] == f"s · {COUNT:,} tasks · nobody runs it"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--limit", "3"], [1, 2, 3]),
        (["--reverse", "--limit", "2"], [COUNT, COUNT - 1]),
        (["--sort", "half", "--reverse", "--limit", "2"], [COUNT, COUNT - 1]),
        (["--sort", "duration", "--limit", "2"], [50, 100]),
        (["--where", f"x > {COUNT - 2}"], [COUNT - 1, COUNT]),
        (["--where", "half < 3 and state == 'done'"], [2, 3, 4, 5]),
        (["--failed", "--limit", "2"], [7, 1007]),
        (["--name", f"x={COUNT - 1}*"], [COUNT - 1]),
        (["--since", "1s", "--limit", "1"], []),
        (["17-19"], [17, 18, 19]),
    ],
)
def test_few_of_many_are_found(large: Any, words: list[str], expected: list[int]) -> None:
    found = large("ls", "s", *words, "--ids").lines
    assert found == [f"Application.{number}" for number in expected]


def test_one_of_many_is_shown(large: Any) -> None:
    assert large("show", "s", f"x={COUNT}", "--json").json["task"]["number"] == COUNT
    assert large("history", "s", str(COUNT)).code == 0


def test_failures_of_many_are_one_family(large: Any) -> None:
    (family,) = large("failures", "s", "--json").json["families"]
    assert family["count"] == FAILED
    assert f"{FAILED:,} tasks" in large("retry", "s", "--family", "F1", "-n").err


def test_all_of_many_are_written(large: Any) -> None:
    assert large("results", "s", "--done", "-o", "s.jsonl").code == 0
    with large.path("s.jsonl").open() as file:
        assert sum(1 for _ in file) == COUNT - FAILED - WAITING


def test_a_tag_on_many_can_be_taken_back(large: Any) -> None:
    large("tag", "s", "--waiting", "--add", "later")
    assert large("ls", "s", "--tag", "later", "--ids").out.count("\n") == WAITING
    large("undo", "s")
    assert large("ls", "s", "--tag", "later", "--ids").out == ""


def test_nothing_is_wrong_with_many(large: Any) -> None:
    assert large("check", "s", "--json").json["tasks"] == COUNT
