"""Patterns mean what they mean to the shell, in every language that they are put into."""

import fnmatch
import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.persistence.query import (
    glob,
    glob_to_regex,
    glob_to_sqlite,
    matches,
    order_key,
    same_value,
    select,
)
from gc3libs.persistence.record import Query, Summary

SPECIAL = st.text("ab]^[*?.\\-! \n☃", max_size=8)


@given(pattern=SPECIAL, name=SPECIAL)
def test_a_pattern_means_what_it_means_to_the_shell(pattern, name):
    if re.search(r"\[[^]]*-", pattern):  # ranges are tested below
        return
    expected = fnmatch.fnmatchcase(name, pattern)
    assert glob(pattern)(name) is expected
    in_sqlite = glob_to_sqlite(pattern)
    with sqlite3.connect(":memory:") as connection:
        row = connection.execute("SELECT ? GLOB ?", (name, in_sqlite)).fetchone()
    connection.close()
    assert (in_sqlite is not None and row == (1,)) is expected


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("[a-c]x", "bx", "dx"),
        ("[!a-c]x", "dx", "bx"),
        ("[]-]x", "-x", "ax"),
        ("[a-]", "-", "b"),
        ("[+--]", ",", "."),
        ("[a-cx-z]", "y", "d"),
    ],
)
def test_sets_may_have_ranges(pattern, yes, no):
    connection = sqlite3.connect(":memory:")
    for name, expected in ((yes, True), (no, False)):
        assert glob(pattern)(name) is expected
        row = connection.execute("SELECT ? GLOB ?", (name, glob_to_sqlite(pattern))).fetchone()
        assert row == (int(expected),)
    connection.close()


def test_an_empty_range_fits_nothing():
    assert glob_to_regex("a[z-a]") is glob_to_sqlite("a[z-a]") is None
    assert not glob("a[z-a]")("aa")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, None, True),
        (None, 0, False),
        ("1", 1, False),
        (True, True, True),
        (float("nan"), float("nan"), False),
    ],
)
def test_values_are_compared_as_json_compares(one, other, same):
    assert same_value(one, other) is same


def test_what_a_task_lacks_it_does_not_fit():
    task = Summary(id="Thing.1", cls="m:Thing", parameters_json='{"a": null}')
    assert matches(task, Query(parameters={"a": None}))
    assert not matches(task, Query(parameters={"b": None}))


def test_those_without_position_come_last():
    summaries = [
        Summary(id="Thing.1", cls="m:Thing"),
        Summary(id="Thing.2", cls="m:Thing", position=5),
        Summary(id="Thing.3", cls="m:Thing", position=4),
    ]
    found = select(summaries, Query())
    assert [each.id for each in found] == ["Thing.3", "Thing.2", "Thing.1"]
    assert select(summaries, Query(after=order_key(found[0]), limit=1)) == [found[1]]
