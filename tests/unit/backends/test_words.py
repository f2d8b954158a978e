"""Quantities read as people write them."""

import pytest

from gc3libs.backends.local.supervisor.words import duration, memory


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.25 s"),
        (10, "10 s"),
        (60, "1 min"),
        (90, "90 s"),
        (300, "5 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (86400, "1 d"),
        (259200, "3 d"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (100, "100 B"),
        (500_000_000, "500 MB"),
        (2**31, "2 GiB"),
        (1_500_000_000, "1500 MB"),
        (25_276_510_208, "25.3 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_memory(size, text):
    assert memory(size) == text
