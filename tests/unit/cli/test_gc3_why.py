"""Families of failures, by what tasks say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc3libs.backends.streams import last_line
from gc3libs.model.causes import family_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cannot read /a/b-1.dat", "cannot read /home/ann/x y/c.dat".replace("x y", "xy")),
        ("error 5 at 0x7f01", "error 12 at 0xdeadbeef"),
        ("step 1.5e-3 failed", "step 20 failed"),
        ("job 3f2504e0-4f89-41d3-9a0c-0305e82c3301", "job 00000000-4f89-41d3-9a0c-0305e82c3301"),
        ("at line 10,000", "at line 7"),
    ],
)
def test_numbers_paths_and_addresses_make_no_difference(one: str, other: str) -> None:
    assert family_of(one) == family_of(other)


def test_words_make_a_difference() -> None:
    assert family_of("ValueError: no beta") != family_of("ValueError: no gamma")


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    file = tmp_path / "stderr"
    file.write_bytes(b"x" * 100_000 + b"\nthe \xff end  \n\n  \n")
    assert last_line(file) == "the \ufffd end"
    file.write_bytes(b"it failed\n169\n-----\n")
    assert last_line(file) == "it failed"
    file.write_bytes(b"")
    assert last_line(file) == ""
    assert last_line(tmp_path / "none") == ""
