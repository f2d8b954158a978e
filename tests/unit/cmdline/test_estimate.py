"""Rate and time left follow what is seen, and admit what is not known."""

from __future__ import annotations

import math

import pytest

from gc3libs.cmdline._estimate import ENOUGH, WINDOW, Estimator
from gc3libs.cmdline._messages import pace


def steady(rate: float, seconds: int, ended: int = 0) -> Estimator:
    """An estimator that has watched tasks end at one rate, once a second."""
    estimator = Estimator()
    for second in range(seconds + 1):
        estimator.observe(second, ended + round(rate * second))
    return estimator


def test_nothing_is_known_before_something_ends() -> None:
    estimator = Estimator()
    estimator.observe(0, 10)
    estimator.observe(60, 10)
    assert estimator.estimate(60, 5) is None
    assert pace(None) == ""


def test_a_steady_rate_is_found_and_the_truth_lies_in_the_range() -> None:
    estimate = steady(5, 60).estimate(60, 500)
    assert estimate is not None
    assert estimate.rate == pytest.approx(5)
    assert estimate.low < 100 < estimate.high
    assert estimate.left == pytest.approx(100)


def test_what_had_ended_before_does_not_count() -> None:
    resumed = steady(2, 10, ended=100_000).estimate(10, 20)
    assert resumed is not None
    assert resumed.rate == pytest.approx(2)


def test_a_new_pace_is_noticed_within_the_window() -> None:
    estimator = steady(10, 100)
    for second in range(1, int(WINDOW) + 6):
        estimator.observe(100 + second, 1000 + second)
    estimate = estimator.estimate(100 + WINDOW + 5, 100)
    assert estimate is not None
    assert estimate.rate == pytest.approx(1, rel=0.1)


def test_a_change_of_pace_widens_the_range() -> None:
    even = steady(10, 18).estimate(18, 100)
    uneven = steady(16, 9)
    for second in range(1, 10):
        uneven.observe(9 + second, 144 + 4 * second)
    changed = uneven.estimate(18, 100)
    assert even is not None and changed is not None
    assert changed.high / changed.low > 2 * even.high / even.low


def test_the_rate_sinks_while_nothing_ends() -> None:
    estimator = steady(10, 10)
    later = estimator.estimate(100, 10)
    assert later is not None
    assert later.rate == pytest.approx(1)


def test_long_tasks_are_judged_by_the_last_ones_however_long_ago() -> None:
    estimator = Estimator()
    for number in range(3 * ENOUGH):
        estimator.observe(600.0 * number, number)
    now = 600.0 * (3 * ENOUGH - 1)
    estimate = estimator.estimate(now, 6)
    assert estimate is not None
    assert estimate.left == pytest.approx(3600)


def test_one_end_says_little() -> None:
    estimator = Estimator()
    estimator.observe(0, 0)
    estimator.observe(10, 1)
    estimate = estimator.estimate(10, 9)
    assert estimate is not None
    assert math.isinf(estimate.high)
    assert pace(estimate) == "6/min · 1 min 30 s left (at least 45 s)"


def test_tasks_that_are_run_again_start_the_count_anew() -> None:
    estimator = steady(10, 10)
    estimator.observe(11, 50)
    assert estimator.estimate(11, 60) is None
    estimator.observe(12, 53)
    estimate = estimator.estimate(12, 57)
    assert estimate is not None
    assert estimate.rate == pytest.approx(3)


def test_memory_stays_bounded_at_high_rates() -> None:
    estimator = Estimator()
    for number in range(100_000):
        estimator.observe(number / 1000, number)
    assert len(estimator._seen) < 100
    estimate = estimator.estimate(100, 1000)
    assert estimate is not None
    assert estimate.rate == pytest.approx(1000, rel=0.01)
