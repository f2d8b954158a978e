"""The example in the style of old scripts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples/gc3pie_style"


@pytest.fixture
def example(desk):
    for name in ("gpi.py", "throw_darts.py"):
        shutil.copy(EXAMPLE / name, desk.directory)
    return desk


def test_it_estimates_pi_and_goes_on(example):
    first = example.run("gpi.py", 4, "--darts", 1000, "-C", 1)
    assert first.code == 0, first
    assert first.states() == {"TERMINATED": 4, "ok": 4, "failed": 0, "total": 4}
    assert "pi is about 3.1" in first.out
    assert "by 4,000 darts of 4 tasks" in first.out
    more = example.run("gpi.py", 6, "--darts", 1000, "-C", 1)
    assert "plan: 2 new · 4 known (4 done) · 0 changed\n" in more.out
    assert "by 6,000 darts of 6 tasks" in more.out


def test_a_try_that_fails_is_repeated_with_another_seed(example):
    text = (example.directory / "throw_darts.py").read_text()
    broken = text.replace(
        "    generator =", "    seed < 1000 and sys.exit('no luck')\n    generator ="
    )
    (example.directory / "throw_darts.py").write_text(broken)
    ran = example.run("gpi.py", 2, "--darts", 10, "-C", 1)
    assert ran.code == 0, ran
    session = example.session("gpi")
    assert {each.attempt for each in session.summaries()} == {2}
    session.close()
    assert "no luck" in example.read("seed-0.~1~/errors.txt")
