"""Numbers, ranges and sets of names of scripts, as `gc3libs.utils` offers them."""

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from gc3libs import utils


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ((1, 5), [1, 2, 3, 4]),
        ((1, 8, 3), [1, 4, 7]),
        ((1, 2, 0.5), [1.0, 1.5]),
        ((2, 0, -1), [2, 1]),
        ((1, 1), []),
        ((1, 0), []),
    ],
)
def test_irange(arguments, numbers):
    assert list(utils.irange(*arguments)) == numbers


def test_a_range_of_fractions_does_not_drift():
    assert list(utils.irange(0, 1, 0.1))[7] == 7 * 0.1


def test_a_range_without_step_never_starts():
    with pytest.raises(AssertionError, match="would never end"):
        utils.irange(1, 2, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:5", (1, 5, 1)),
        ("1:5:2", (1, 5, 2)),
        ("42", (42, 43, 1)),
        ("-3:3", (-3, 3, 1)),
        ("0:1:0.25", (0.0, 1.0, 0.25)),
        ("1.5:3", (1.5, 3.0, 1.0)),
    ],
)
def test_parse_range(text, expected):
    found = utils.parse_range(text)
    assert found == expected
    assert [type(number) for number in found] == [type(number) for number in expected]


@pytest.mark.parametrize("text", ["", "a", "1:", "1:2:3:4", "1:b"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="LOW:HIGH:STEP"):
        utils.parse_range(text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("true", True),
        ("Yes", True),
        (" ON ", True),
        ("1", True),
        ("no", False),
        ("", False),
        ("2", False),
    ],
)
def test_string_to_boolean(text, meaning):
    assert utils.string_to_boolean(text) is meaning


def test_first():
    assert utils.first([7, 8]) == 7
    assert utils.first(iter("xy")) == "x"
    with pytest.raises(ValueError, match="empty"):
        utils.first([])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1KiB", 1024),
        ("1 kb", 1000),
        ("2g", 2 * 10**9),
        ("1.5MiB", 1536 * 1024),
        ("7", 7),
        ("7B", 7),
        ("1YB", 10**24),
        ("3 Ti", 3 * 1024**4),
    ],
)
def test_to_bytes(text, number):
    assert utils.to_bytes(text) == number


@pytest.mark.parametrize("text", ["", "GB", "1XB", "1 iB", "-1k"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="no size"):
        utils.to_bytes(text)


def test_enum():
    state = utils.Enum("NEW", "DONE")
    assert state.NEW == "NEW"
    assert sorted(state) == ["DONE", "NEW"]
    assert "DONE" in state
    with pytest.raises(AttributeError, match="OLD"):
        _ = state.OLD
    with pytest.raises(SyntaxError):
        state.NEW = "x"
    with pytest.raises(SyntaxError):
        del state.NEW
    assert pickle.loads(pickle.dumps(state)) == state


def test_numbers_are_handed_out_once_to_everybody(tmp_path):
    path = tmp_path / "sub" / "next_id.txt"
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda _: utils.progressive_number(5, path), range(20)))
    assert all(block == list(range(block[0], block[0] + 5)) for block in blocks)
    assert sorted(itertools.chain(*blocks)) == list(range(1, 101))
    assert utils.progressive_number(id_filename=path) == 101
    assert int(path.read_text(), 16) == 101


def test_the_counter_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("GC3PIE_ID_FILE", str(tmp_path / "ids"))
    (tmp_path / "ids").write_text("ff\n")
    assert utils.progressive_number() == 256
    monkeypatch.delenv("GC3PIE_ID_FILE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert utils.progressive_number() == 1
    assert (tmp_path / ".gc3" / "next_id.txt").read_text() == "1\n"


def test_a_damaged_counter_is_left_alone(tmp_path):
    path = tmp_path / "ids"
    path.write_text("not a number")
    with pytest.raises(ValueError, match="ids holds 'not a number'"):
        utils.progressive_number(id_filename=path)
    with pytest.raises(ValueError, match="one at least"):
        utils.progressive_number(0, path)
    assert path.read_text() == "not a number"
