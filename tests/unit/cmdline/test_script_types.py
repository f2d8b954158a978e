"""Types of arguments."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

import pytest

from gc3libs.cmdline import (
    executable_file,
    existing_directory,
    existing_file,
    nonnegative_int,
    positive_int,
    valid_directory,
)


@pytest.mark.parametrize("kind", [existing_file, executable_file, existing_directory])
def test_a_directory_passes_as_anything_that_is_there(kind, tmp_path):
    assert kind(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("kind", [existing_file, executable_file, existing_directory])
def test_what_is_not_there_is_refused(kind, tmp_path):
    with pytest.raises(ArgumentTypeError, match="cannot access"):
        kind(str(tmp_path / "missing"))


def test_a_file(tmp_path):
    path = tmp_path / "file"
    path.touch()
    assert existing_file(str(path)) == str(path)
    with pytest.raises(ArgumentTypeError, match="cannot be executed"):
        executable_file(str(path))
    path.chmod(0o755)
    assert executable_file(str(path)) == str(path)
    for kind in (existing_directory, valid_directory):
        with pytest.raises(ArgumentTypeError, match="not a directory"):
            kind(str(path))


def test_a_directory_that_is_still_to_be_made(tmp_path):
    path = str(tmp_path / "new")
    assert valid_directory(path) == path
    assert not os.path.exists(path)


def test_whole_numbers():
    assert positive_int("3") == positive_int(3.14) == 3
    assert nonnegative_int("0") == 0
    for wrong in ("0", "-1", "x", "", float("inf"), float("nan")):
        with pytest.raises(ArgumentTypeError, match="not a positive integer"):
            positive_int(wrong)
    with pytest.raises(ArgumentTypeError, match="not a non-negative integer"):
        nonnegative_int("-1")
