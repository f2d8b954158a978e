"""Whole sessions on Dask, whose engine, workers and scheduler are killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import gc3libs
from gc3libs.exceptions import NoResult
from gc3libs.model import Signals

PROGRAM = Path(__file__).with_name("campaign.py")
COUNT = 90
PATIENCE = 120


class Campaign:
    def __init__(self, home, count=COUNT):
        self.home = home
        self.count = count
        self.ledger = home / "ledger"
        self.session = home / "session"
        self._engines = []

    def start(self, address, **environment):
        arguments = [str(self.session), str(self.ledger), str(self.count), address]
        engine = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            cwd=self.home,
            env={**os.environ, **environment},
        )
        self._engines.append(engine)
        return engine

    def run(self, address):
        assert self.start(address).wait(PATIENCE) == 0

    @property
    def runs(self):
        return Counter(self.ledger.read_text().split()) if self.ledger.exists() else Counter()

    def wait_for(self, runs, engine):
        """Until so many jobs have run; the engine must not end before."""
        while sum(self.runs.values()) < runs:
            assert engine.poll() is None
            time.sleep(0.01)

    def check(self, most_lost=0):
        """Every task is over, none ran twice, and each has the end that it had."""
        lost = 0
        with gc3libs.Session(self.session) as session:
            assert session.counts()["TERMINATED"] == self.count
            for number, task in enumerate(session):
                run = task.execution
                assert run.attempt == 1
                if run.signal == Signals.Lost:
                    lost += 1
                elif number % 3:
                    assert task.result == number * number
                else:
                    assert run.exitcode == number % 2
                    assert (task.output_path / "result").read_text() == f"{number}\n"
        session.close()
        assert lost <= most_lost
        assert set(self.runs.values()) == {1}
        assert len(self.runs) >= self.count - lost

    def clear(self):
        for engine in self._engines:
            engine.kill()
            engine.wait()


@pytest.fixture
def campaign(tmp_path):
    there = Campaign(tmp_path)
    yield there
    there.clear()


def test_an_engine_that_is_killed_again_and_again_loses_nothing(campaign, shared):
    chance = random.Random(5)
    done = 0
    for _ in range(5):
        engine = campaign.start(shared.address)
        done = min(done + chance.randrange(1, 25), COUNT - 1)
        campaign.wait_for(done, engine)
        engine.kill()
        engine.wait()
        done = sum(campaign.runs.values())
    campaign.run(shared.address)
    campaign.check()


STEPS = (
    "Book.add before",
    "Book.add after",
    "Link.submit before",
    "Link.submit after",
    "Book.free after",
    "Book.remove after",
    "Link.forget after",
)


@pytest.mark.parametrize("step", STEPS)
def test_an_engine_that_is_killed_at_a_step_loses_nothing(tmp_path, shared, step):
    campaign = Campaign(tmp_path, count=9)
    try:
        engine = campaign.start(shared.address, GC3_TEST_FATE=step)
        assert engine.wait(PATIENCE) == -signal.SIGKILL
        campaign.run(shared.address)
        campaign.check()
    finally:
        campaign.clear()


def test_killed_workers_cost_what_ran_there(campaign, cluster):
    cluster.start(workers=2, threads=1)
    engine = campaign.start(cluster.address)
    for kills in range(1, 3):
        campaign.wait_for(20 * kills, engine)
        cluster.kill(cluster.workers[0])
        cluster.start_worker(threads=1)
    assert engine.wait(PATIENCE) == 0
    campaign.check(most_lost=2)


def test_a_killed_scheduler_costs_what_ran(campaign, cluster):
    cluster.start(workers=2, threads=1)
    engine = campaign.start(cluster.address)
    campaign.wait_for(20, engine)
    cluster.kill(cluster.scheduler)
    cluster.start_scheduler()
    for _ in range(2):
        cluster.start_worker(threads=1)
    assert engine.wait(PATIENCE) == 0
    campaign.check(most_lost=2)


def test_a_cluster_of_its_own_outlives_the_engine(campaign):
    for done in (10, 30):
        engine = campaign.start("")
        campaign.wait_for(done, engine)
        engine.kill()
        engine.wait()
    campaign.run("")
    campaign.check()


def test_interrupted_it_says_so_and_goes_on(campaign, shared):
    engine = campaign.start(shared.address)
    campaign.wait_for(10, engine)
    engine.send_signal(signal.SIGINT)
    assert engine.wait(PATIENCE) != 0
    assert not (campaign.session / "over").exists()
    campaign.run(shared.address)
    campaign.check()


def test_a_function_that_raises_says_what_and_where(tmp_path, place, shared):
    def invert(x):
        return 1 / x

    with gc3libs.Session(tmp_path / "session", store_or_url="sqlite") as session:
        session.add_many(gc3libs.FunctionTask(invert, x) for x in (0, 4))
        gc3libs.run(session, backend=place.on(shared), quiet=True)
        failed, good = session
        assert good.result == 0.25
        with pytest.raises(NoResult, match="ZeroDivisionError"):
            failed.result  # noqa: B018
        assert "in invert" in failed.execution.details.error.traceback
    session.close()
