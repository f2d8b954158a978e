"""Quantities: what they are made from, how they calculate, and how they look."""

import ast
import copy
import datetime
import fractions
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs import _struct, quantity, url
from gc3libs.quantity import (
    GB,
    MB,
    B,
    Duration,
    GiB,
    Memory,
    MiB,
    d,
    days,
    format_bytes,
    format_seconds,
    h,
    hours,
    kB,
    m,
    minutes,
    s,
    seconds,
)

memory_units = st.sampled_from([B, kB, MB, GB, MiB, GiB])
duration_units = st.sampled_from([Duration.ms, s, minutes, hours, d, Duration.weeks])
small_numbers = st.integers(0, 1000)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("512 kB", 512_000),
        ("2GB", 2_000_000_000),
        ("1.5 GB", 1_500_000_000),
        ("  7\tMB ", 7_000_000),
        ("3PB", 3 * 10**15),
        ("1KiB", 1024),
        (".5 MiB", 512 * 1024),
        ("2e3B", 2000),
        ("1PiB", 1024**5),
    ],
)
def test_memory_from_text(text, size):
    assert Memory(text).in_bytes() == size


@pytest.mark.parametrize(
    "text",
    ["", "512", "2G", "2gb", "GB", "2 GB 3 MB", "1,5GB", "-1GB", "two GB", "nan GB", "1e999GB"],
)
def test_text_that_is_no_memory_is_refused_by_name(text):
    with pytest.raises(ValueError) as caught:
        Memory(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("8 hours", 8 * 3600),
        ("8hours", 8 * 3600),
        ("1.5 hours", 5400),
        ("2hours 30minutes", 9000),
        ("2 Hours 30 MINUTES", 9000),
        ("2h30m", 9000),
        ("1d 4h", 28 * 3600),
        ("1 day 4 hours 5 minutes 6 secs", 86400 + 4 * 3600 + 306),
        ("2w 1d", 15 * 86400),
        ("1m 1.5s", 61.5),
        ("250ms", 0.25),
        ("1s500ms", 1.5),
        ("01:02:03", 3723),
        ("100:00:00", 360_000),
        ("2:01:02:03", 2 * 86400 + 3723),
        ("3 wk", 3 * 7 * 86400),
    ],
)
def test_duration_from_text(text, length):
    assert Duration(text).in_seconds() == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "hours",
        "12:30",
        "1:2:3:4:5",
        "00:60:00",
        "1:24:00:00",
        "1 day 2 weeks",
        "1h 2 hours",
        "2h30",
        "1.5h 3m",
        "2h and 3m",
        "-1h",
        "5 months",
    ],
)
def test_text_that_is_no_duration_is_refused_by_name_and_with_an_example(text):
    with pytest.raises(ValueError) as caught:
        Duration(text)
    assert repr(text) in str(caught.value)
    assert "2 hours 30 minutes" in str(caught.value)


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (datetime.timedelta(minutes=90), "90m"),
        (datetime.timedelta(days=1), "1d"),
        (datetime.timedelta(seconds=1.5), "1500ms"),
        (datetime.timedelta(microseconds=7), "7us"),
        (datetime.timedelta(0), "0s"),
        (datetime.timedelta(hours=-2), "-2h"),
    ],
)
def test_duration_from_and_to_timedelta(length, shown):
    assert str(Duration(length)) == shown
    assert Duration(length).to_timedelta() == length


def test_every_unit_is_an_attribute_of_its_class():
    for cls, names in (
        (Memory, "B kB MB GB TB PB KiB MiB GiB TiB PiB"),
        (
            Duration,
            "ns nanosec nanosecond nanoseconds us microsec microseconds ms millisec milliseconds"
            " s sec secs second seconds m min mins minute minutes h hr hrs hour hours d day days"
            " w wk week weeks",
        ),
    ):
        for name in names.split():
            unit = getattr(cls, name)
            assert isinstance(unit, cls)
            assert cls(f"3 {name}") == 3 * unit


def test_the_module_has_the_units_that_scripts_import():
    sizes = "B byte bytes kB MB GB TB KiB MiB GiB TiB"
    times = "s secs seconds m mins minutes h hrs hours d days"
    for name in f"{sizes} {times}".split():
        unit = getattr(quantity, name)
        assert unit.amount() == 1
        assert unit.unit is unit


def test_importing_everything_does_not_hide_the_builtin_bytes():
    assert "bytes" not in quantity.__all__
    assert set(quantity.__all__) < set(dir(quantity))


def test_a_unit_knows_its_name_and_its_base():
    assert (5 * GB).unit is GB
    assert (5 * GB).name == GB.name == "GB"
    assert GiB.base is B
    assert hours.base is Duration.ns


@pytest.mark.parametrize(
    "made",
    [
        lambda: Memory(3),
        lambda: Memory(3, "GB"),
        lambda: Memory(3, hours),
        lambda: Memory(None),
        lambda: Memory([1]),
        lambda: Duration(GB),
        lambda: Duration(5),
        lambda: GB + hours,
        lambda: GB - 1,
        lambda: 1 + GB,
        lambda: sum([GB], 1),
        lambda: GB == 2,
        lambda: GB == None,  # noqa: E711
        lambda: GB != hours,  # noqa: SIM300
        lambda: GB < 2,
        lambda: GB >= hours,  # noqa: SIM300
        lambda: GB // 2,
        lambda: GB / hours,
        lambda: GB.amount(hours),
        lambda: Memory(float("nan"), GB) and False,
    ],
)
def test_what_makes_no_sense_is_an_assertion_error(made):
    with pytest.raises(AssertionError):
        made()


@pytest.mark.parametrize(
    "made",
    [
        lambda: GB * GB,
        lambda: GB * "x",
        lambda: 2 / GB,
        lambda: int(GB),
        lambda: hash(GB),
        lambda: {GB: 1},
    ],
)
def test_what_no_quantity_can_do_is_a_type_error(made):
    with pytest.raises(TypeError):
        made()


def test_a_quantity_is_always_true():
    assert 0 * GB
    assert Duration("0 s")


@pytest.mark.parametrize(
    ("value", "shown", "repr_"),
    [
        (2 * GB, "2GB", "Memory(2, unit=GB)"),
        (GB * 2, "2GB", "Memory(2, unit=GB)"),
        (1.5 * GB, "1.5GB", "Memory(1.5, unit=GB)"),
        (Memory("2GB"), "2GB", "Memory(2.0, unit=GB)"),
        (Memory(1500, MB), "1500MB", "Memory(1500, unit=MB)"),
        (Memory(3, 2 * GB), "6GB", "Memory(6, unit=GB)"),
        (Memory(2 * GB), "2GB", "Memory(2, unit=GB)"),
        (8 * h, "8h", "Duration(8, unit=h)"),
        (Duration("8 hour"), "8hour", "Duration(8.0, unit=hour)"),
        (np.int64(3) * GB, "3GB", "Memory(3, unit=GB)"),
        (GB * np.float64(0.5), "0.5GB", "Memory(0.5, unit=GB)"),
        (fractions.Fraction(1, 4) * GB, "0.25GB", "Memory(0.25, unit=GB)"),
        (1 * GB + 500 * MB, "1500MB", "Memory(1500, unit=MB)"),
        (500 * MB + 1 * GB, "1500MB", "Memory(1500, unit=MB)"),
        (2 * hours - 30 * minutes, "90minute", "Duration(90, unit=minute)"),
        (1 * d - 36 * h, "-12h", "Duration(-12, unit=h)"),
        (sum([1 * GB, 2 * GB, 500 * MB]), "3500MB", "Memory(3500, unit=MB)"),
        (1 * GB / 2, "500MB", "Memory(500.0, unit=MB)"),
        (3 * GB / 2, "1.5GB", "Memory(1.5, unit=GB)"),
        (3 * GiB / 4, "768MiB", "Memory(768.0, unit=MiB)"),
        (10 * hours / 4, "2.5h", "Duration(2.5, unit=h)"),
        (0 * s / 4, "0ns", "Duration(0.0, unit=ns)"),
    ],
)
def test_how_results_look(value, shown, repr_):
    assert str(value) == shown
    assert repr(value) == repr_


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((1500 * MB).amount(GB), 1),
        ((1500 * MB).amount(GB, conv=float), 1.5),
        ((1500 * MB).amount(), 1500),
        (Memory("2GB").amount(MB), 2000.0),
        (Memory("2GB").amount(MB, conv=int), 2000),
        (Memory("2.7GB").amount(conv=int), 2),
        ((2 * GB).amount(kB), 2_000_000),
        (3 * GB / (2 * GB), 1.5),
        (3 * GB // (2 * GB), 1),
        (Memory("3GB") // GB, 3),
    ],
)
def test_amounts_stay_whole_where_all_is_whole(found, expected):
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("fmt", "unit", "shown"),
    [
        ("%d [%s]", None, "1500 [MB]"),
        ("%g%s", GB, "1GB"),
        ("%d", None, "1500MB"),
        ("%d%% of %s", None, "1500% of MB"),
        ("%.1f ", kB, "1500000.0 kB"),
    ],
)
def test_to_str(fmt, unit, shown):
    assert (1500 * MB).to_str(fmt, unit) == shown


def test_to_str_converts_before_it_counts():
    assert (1500 * MB).to_str("%.1f %s", unit=GB, conv=float) == "1.5 GB"


@pytest.mark.parametrize("fmt", ["", "GB", "%d %d %s"])
def test_to_str_refuses_a_format_that_does_not_fit(fmt):
    with pytest.raises(ValueError, match="%g%s"):
        GB.to_str(fmt)


def test_comparison_counts_whole_base_units():
    assert 1000 * MB == 1 * GB
    assert 1 * GiB > 1 * GB >= 1000 * MB
    assert 59 * seconds < 1 * m <= 60 * s
    assert 0.1 * s + 0.2 * s == 0.3 * s
    assert 1.1 * B == 1 * B
    assert 2 * B != 1 * B
    assert sorted([1 * GB, 2 * kB, 3 * MB])[0] is not None
    assert max(1 * GB, 1 * GiB) == GiB


def test_seconds_both_ways():
    assert Duration.from_seconds(90) == 1.5 * minutes
    assert str(Duration.from_seconds(0.25)) == "0.25s"
    assert (1 * days).in_seconds() == 86400.0


@given(st.integers(0, 10**9) | st.floats(0, 1e15), memory_units)
def test_printed_memory_can_be_read(amount, unit):
    value = amount * unit
    assert Memory(str(value)) == value


@given(st.integers(0, 10**6) | st.floats(0, 1e6), duration_units)
def test_printed_durations_can_be_read(amount, unit):
    value = amount * unit
    assert Duration(str(value)) == value


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False), memory_units)
def test_pickles_and_copies_are_exact(amount, unit):
    value = amount * unit
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert repr(twin) == repr(value)
        assert type(twin.amount()) is type(value.amount())


@given(small_numbers, memory_units, small_numbers, memory_units)
def test_sums_and_differences_are_those_of_the_bytes(first, unit, second, other):
    left, right = first * unit, second * other
    assert (left + right).in_bytes() == left.in_bytes() + right.in_bytes()
    assert (left - right).in_bytes() == left.in_bytes() - right.in_bytes()
    assert (left < right) == (left.in_bytes() < right.in_bytes())


@given(small_numbers, small_numbers, small_numbers)
def test_compounds_are_the_sum_of_their_terms(number_of_days, number_of_hours, number_of_minutes):
    text = f"{number_of_days}d {number_of_hours}h{number_of_minutes}m"
    assert Duration(text) == number_of_days * d + number_of_hours * h + number_of_minutes * m


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_value_error(text):
    for cls in (Memory, Duration):
        try:
            value = cls(text)
        except ValueError as err:
            assert repr(text) in str(err)
        else:
            assert cls(str(value)) == value


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (14_000_000, "14 MB"),
        (999_499, "999 kB"),
        (999_501, "1.0 MB"),
        (1_540_000_000, "1.5 GB"),
        (3 * 10**18, "3000 PB"),
    ],
)
def test_sizes_for_people(number, shown):
    assert format_bytes(number) == shown


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (0, "0.0 s"),
        (0.21, "0.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (300, "5 min"),
        (320, "5 min 20 s"),
        (3599.6, "1 h"),
        (5400, "1 h 30 min"),
        (86399, "1 d"),
        (86400 + 7200, "1 d 2 h"),
        (86400 * 2 - 1, "2 d"),
    ],
)
def test_lengths_of_time_for_people(length, shown):
    assert format_seconds(length) == shown


@pytest.mark.parametrize("module", [quantity, url, _struct], ids=lambda module: module.__name__)
def test_what_lies_lowest_imports_only_errors_and_the_standard_library(module):
    imported = set()
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign <= {"gc3libs.exceptions"}
