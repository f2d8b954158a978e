"""Limits that all who use a resource share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gc3libs.config import Limits
from gc3libs.engine.slots import Slots, holdings

LIMITS = Limits(max_jobs=10, max_cores=20, submissions_per_minute=3)


@pytest.fixture
def make(tmp_path):
    made = []

    def one(limits=LIMITS, directory=tmp_path / "slots", holder="me"):
        made.append(Slots(limits, directory, holder))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_what_is_free_is_what_nobody_has(make):
    mine, yours = make(), make()
    assert mine.grab(0, 0) == (10, 20)
    mine.keep(4, 8)
    assert yours.grab(0, 0) == (6, 12)
    yours.keep(6, 6)
    assert mine.grab(4, 8) == (0, 6)
    yours.keep(1, 1)
    assert mine.grab(4, 8) == (5, 11)


def test_what_is_grabbed_is_nobody_elses_until_it_is_given_back(make):
    mine, yours = make(), make()
    mine.grab(0, 0)
    assert yours.grab(0, 0) == (0, 0)
    mine.keep(3, 3)
    assert yours.grab(0, 0) == (7, 17)


def test_more_than_the_limit_is_no_less_than_nothing(make):
    """Jobs that were taken up again may be more than are allowed by now."""
    mine = make()
    assert mine.grab(30, 30) == (0, 0)


@pytest.mark.parametrize(
    ("limits", "more"),
    [(Limits(max_jobs=3), (3, "any")), (Limits(max_cores=3), ("any", 3)), (Limits(), ("any",) * 2)],
)
def test_what_is_not_limited_is_free(make, limits, more):
    found = make(limits).grab(0, 0)
    assert tuple("any" if number > 10**9 else number for number in found) == more


def test_holders_are_told_of(make, tmp_path):
    mine = make(holder="flu")
    mine.grab(0, 0)
    mine.keep(2, 4)
    (found,) = holdings(tmp_path / "slots")
    assert (found.holder, found.pid, found.jobs, found.cores) == ("flu", os.getpid(), 2, 4)
    mine.close()
    assert holdings(tmp_path / "slots") == []
    assert holdings(tmp_path / "nowhere") == []


def test_submissions_are_counted_together(make):
    mine, yours = make(), make()
    moments = [0.0, 1.0, 2.0, 3.0, 59.0, 60.5, 61.5, 62.5, 63.5]
    taken = [(mine, yours)[n % 2].take_submission(now) for n, now in enumerate(moments)]
    assert taken == [True, True, True, False, False, True, True, True, False]


def test_a_clock_that_was_set_back_blocks_nobody(make):
    mine = make()
    assert [mine.take_submission(1e9) for _ in range(4)] == [True, True, True, False]
    assert mine.take_submission(5e8)


HOLD = """
import sys, time
from pathlib import Path
from gc3libs.config import Limits
from gc3libs.engine.slots import Slots
slots = Slots(Limits(max_jobs=10), Path(sys.argv[1]), "another")
slots.grab(0, 0)
slots.keep(7, 7)
print("held", flush=True)
time.sleep(600)
"""


def test_whoever_is_killed_has_nothing_any_more(make, tmp_path):
    directory = tmp_path / "slots"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        mine = make()
        assert mine.grab(0, 0)[0] == 3
        mine.keep(0, 0)
        os.kill(other.pid, signal.SIGSTOP)
        assert mine.grab(0, 0)[0] == 3, "one that is stopped lives"
        mine.keep(0, 0)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert mine.grab(0, 0)[0] == 10
    mine.close()
    assert [path.name for path in directory.glob("*.slots")] == []


COMPETE = """
import os, sys, time
from pathlib import Path
from gc3libs.config import Limits
from gc3libs.engine.slots import Slots, holdings
directory = Path(sys.argv[1])
slots = Slots(Limits(max_jobs=5), directory, "one of many")
slots.grab(0, 0)
slots.keep(0, 0)
(directory / f"here.{os.getpid()}").touch()
while len(list(directory.glob("here.*"))) < 3:
    time.sleep(0.01)
most = have = 0
for _ in range(300):
    more, _ = slots.grab(have, have)
    have = min(have + more, 4)
    slots.keep(have, have)
    most = max(most, sum(each.jobs for each in holdings(directory)))
    have = max(0, have - 2)
    slots.keep(have, have)
slots.close()
print(most)
"""


def test_however_many_compete_there_are_never_more(tmp_path):
    command = [sys.executable, "-c", COMPETE, str(tmp_path / "slots")]
    many = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    most = [int(each.communicate(timeout=120)[0]) for each in many]
    assert max(most) == 5


def test_where_nothing_can_be_written_limits_hold_for_oneself(make, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    mine = make(directory=tmp_path / "file" / "slots")
    assert mine.grab(4, 4) == (6, 16)
    mine.keep(5, 5)
    assert "limits hold for this session alone" in caplog.text
    assert [mine.take_submission(1.0) for _ in range(4)] == [True, True, True, False]


def test_damaged_files_harm_nobody(make, tmp_path):
    mine = make()
    mine.grab(0, 0)
    mine.keep(1, 1)
    directory = tmp_path / "slots"
    (directory / "left.slots").write_bytes(b"")
    (directory / "submissions").write_bytes(b"nonsense")
    assert make().grab(0, 0) == (9, 19)
    assert mine.take_submission(1.0)
    assert not (directory / "left.slots").exists()
