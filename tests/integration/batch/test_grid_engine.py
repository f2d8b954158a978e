"""The same promises hold with Grid Engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from gc3libs.config import SgeResource
from gc3libs.model import Signals

from ...services.sge import GridEngine
from .campaign import Campaign


@pytest.fixture
def campaign(grid_engine: GridEngine, make_campaign: Callable[..., Campaign]) -> Campaign:
    return make_campaign(SgeResource, queue=grid_engine.queue(slots=2))


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_the_engine_is_killed_around_a_submission(campaign: Campaign, moment: str) -> None:
    expected = {f"t{i}": i for i in range(3)}
    campaign.save(campaign.task(name, f"exit {i}") for name, i in expected.items())
    campaign.interfere(moment)
    assert os.WTERMSIG(campaign.wait(campaign.start_apart())) == signal.SIGKILL
    campaign.run()
    campaign.check(expected)


def test_the_answer_to_a_submission_is_lost(campaign: Campaign) -> None:
    campaign.save([campaign.task("t", "exit 3")])
    campaign.interfere("silent")
    campaign.run()
    campaign.check({"t": 3})
    assert campaign.submissions == 1


def test_jobs_are_cancelled_behind_our_back(grid_engine: GridEngine, campaign: Campaign) -> None:
    campaign.save(campaign.task(f"t{i}", "exec sleep 60") for i in range(4))
    engine = campaign.start_apart()
    campaign.until(lambda: len(campaign.names()) == 2)
    running = [line.split()[0] for line in grid_engine.jobs().splitlines() if " r " in line]
    assert running
    grid_engine.run("qdel", *set(running))
    assert campaign.wait(engine) == 0
    campaign.check(dict.fromkeys((f"t{i}" for i in range(4)), None))
    assert len(campaign.names()) == 2


def test_memory_and_time_are_in_the_records(campaign: Campaign) -> None:
    text = "import time; a = b'x' * 100_000_000; time.sleep(1)"
    campaign.save([campaign.task("t", f'exec python3 -c "{text}"')])
    campaign.run()
    campaign.check({"t": 0})
    run = campaign.tasks()["t"].execution
    assert run.max_used_memory is not None
    assert run.max_used_memory.in_bytes() > 100e6
    assert run.signal == 0
    assert Signals.Lost != run.signal
