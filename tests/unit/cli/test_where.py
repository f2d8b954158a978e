"""Conditions: what they mean, and that nothing else gets in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.cli._exits import UsageError
from gc3libs.cli._where import Condition

VALUES: dict[str, Any] = {
    "x": 4,
    "f": 0.5,
    "name": "fit-1",
    "none": None,
    "ok": True,
    "tags": ("a", "b"),
    "memory": 2_000_000_000,
    "duration": 90.0,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("x > 3", True),
        ("3 < x < 4", False),
        ("x == 4.0", True),
        ("x % 2 == 0 and f * 2 == 1", True),
        ("-x < 0", True),
        ("not x", False),
        ("name == 'fit-1'", True),
        ("'fit' in name", True),
        ("'b' in tags", True),
        ("x in (1, 4)", True),
        ("x not in [1, 4]", False),
        ("ok", True),
        ("memory >= '2GB'", True),
        ("'1GiB' < memory < '2GiB'", True),
        ("duration == '1m31s'", False),
        ("duration == '90s'", True),
        ("duration in ('1m30s', 5)", True),
        ("none == 3", False),
        ("none != 3", True),
        ("none > 3", False),
        ("missing < 3", False),
        ("name > 3", False),
        ("x / 0 > 1", False),
        ("name + 1 == 2", False),
    ],
)
def test_what_conditions_mean(text: str, holds: bool) -> None:
    assert Condition(text)(VALUES.get) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x >",
        "x = 3",
        "f(x)",
        "x.real",
        "x[0]",
        "lambda: x",
        "[y for y in x]",
        "x if x else x",
        "x ** 9",
        "x is None",
        "f'{x}'",
        "b'x'",
        "(y := 3)",
        "memory > 'much'",
        "(" * 500 + "x" + ")" * 500,
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(UsageError):
        Condition(text)


@given(st.text(alphabet="xf ()<>=!+-*/%andornt1.'[],", max_size=40))
def test_any_text_is_a_condition_or_a_usage_error(text: str) -> None:
    try:
        condition = Condition(text)
    except UsageError:
        return
    assert condition(VALUES.get) in (True, False)
