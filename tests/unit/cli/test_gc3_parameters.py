"""Values of parameters, and templates."""

from __future__ import annotations

import pytest

from gc3libs.cli._exits import UsageError
from gc3libs.cli._parameters import Grid, Template, over
from gc3libs.cli._parser import with_last_unit


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=0:1:0.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("x=1:3", [1, 2, 3]),
        ("x=3:1:-1", [3, 2, 1]),
        ("x=0:1:0.3", [0.0, 0.3, 0.6, 0.9]),
        ("x=1e3:2e3:5e2", [1000, 1500, 2000]),
        ("x=a:b", ["a:b"]),
        ("x=1,2.5", [1.0, 2.5]),
        ("x=1,b", ["1", "b"]),
        ("x=", [""]),
        ("x=a=b", ["a=b"]),
    ],
)
def test_values(text: str, values: list[object]) -> None:
    name, found = over(text)
    assert name == "x"
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize("text", ["x", "=3", "1=2", "x=1:2:0", "x=2:1", "x=0:inf", "x y=1"])
def test_what_gives_no_values(text: str) -> None:
    with pytest.raises(UsageError):
        over(text)


def test_a_grid_counts_without_being_made() -> None:
    grid = Grid([("x", [1, 2, 3]), ("y", [4, 5])], [[{"a": 1, "b": 2}]], zipped=False)
    assert (len(grid), grid.names) == (6, ["x", "y", "a", "b"])
    assert len(list(grid)) == 6
    assert next(iter(grid)) == {"x": 1, "y": 4, "a": 1, "b": 2}
    assert list(Grid([], [], zipped=False)) == [{}]
    assert (len(Grid([], [[]], zipped=False)), list(Grid([], [[]], zipped=False))) == (0, [])


@pytest.mark.parametrize(
    ("text", "filled", "names"),
    [
        ("{x}", "1", {"x"}),
        ("a{x}b{y}c", "a1b0.5c", {"x", "y"}),
        ("{{x}}", "{x}", set()),
        ("{}", "{}", set()),
        ("{x y}", "{x y}", set()),
        ("awk '{print $1}'", "awk '{print $1}'", set()),
        ("{{{x}}}", "{1}", {"x"}),
    ],
)
def test_templates(text: str, filled: str, names: set[str]) -> None:
    template = Template(text)
    assert template.filled({"x": 1, "y": 0.5}) == filled
    assert template.names == names


@pytest.mark.parametrize(
    ("text", "full"), [("1h30", "1h30m"), ("2d12", "2d12h"), ("5m30", "5m30s"), ("10s", "10s")]
)
def test_the_last_unit_follows_from_the_one_before(text: str, full: str) -> None:
    assert with_last_unit(text) == full
