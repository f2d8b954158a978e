"""Whatever dies, every task is accounted for, and none runs twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from gc3libs.model import Signals

from ...services.slurm import Slurm
from .campaign import Campaign

MakeCampaign = Callable[..., Campaign]


def numbered(campaign: Campaign, count: int, script: str = "exit {}", **extra: object):
    """Tasks that end with their numbers, and what is to come of them."""
    expected = {f"t{i}": i for i in range(count)}
    campaign.save(campaign.task(name, script.format(i), **extra) for name, i in expected.items())
    return expected


@pytest.mark.parametrize("pack", [1, 3])
@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_the_engine_is_killed_around_a_submission(
    slurm: Slurm, make_campaign: MakeCampaign, moment: str, pack: int
) -> None:
    campaign = make_campaign(pack=pack)
    expected = numbered(campaign, 5)
    campaign.interfere(moment)
    assert os.WTERMSIG(campaign.wait(campaign.start_apart())) == signal.SIGKILL
    campaign.run()
    campaign.check(expected)


@pytest.mark.parametrize("mode", ["silent", "timed-out", "nothing"])
def test_the_answer_to_a_submission_is_lost(
    slurm: Slurm, make_campaign: MakeCampaign, mode: str
) -> None:
    campaign = make_campaign()
    expected = numbered(campaign, 4)
    campaign.interfere(mode)
    campaign.run()
    campaign.check(expected)
    assert campaign.submissions == (2 if mode == "nothing" else 1)


def test_the_engine_is_killed_while_jobs_run(slurm: Slurm, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign()
    expected = numbered(campaign, 6, "sleep 1; exit {}")
    for _ in range(3):
        engine = campaign.start_apart()
        before = len(campaign.names())
        campaign.until(lambda before=before: len(campaign.names()) > before or before == 6)
        campaign.kill(engine)
    campaign.run()
    campaign.check(expected)
    assert campaign.submissions == 1


def test_the_controller_is_killed_and_comes_back(
    own_slurm: Slurm, make_campaign: MakeCampaign
) -> None:
    campaign = make_campaign()
    expected = numbered(campaign, 8, "sleep 2; exit {}")
    engine = campaign.start_apart()
    campaign.until(campaign.names)
    own_slurm.stop_controller(signal.SIGKILL)
    campaign.until(lambda: len(campaign.names()) >= 4)
    own_slurm.start_controller()
    with own_slurm.resumed():
        assert campaign.wait(engine) == 0
    campaign.check(expected, some_are_ended=True)  # Slurm ends jobs of which it does not know
    assert len(campaign.names()) == 8


def test_jobs_are_submitted_while_the_controller_is_away(
    own_slurm: Slurm, make_campaign: MakeCampaign
) -> None:
    campaign = make_campaign()
    expected = numbered(campaign, 3)
    own_slurm.stop_controller(signal.SIGKILL)
    engine = campaign.start_apart()
    campaign.until(lambda: campaign.submissions)
    own_slurm.start_controller()
    assert campaign.wait(engine) == 0
    campaign.check(expected)


def test_jobs_are_cancelled_behind_our_back(slurm: Slurm, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(queue="two")
    campaign.save(campaign.task(f"t{i}", "exec sleep 60") for i in range(4))
    engine = campaign.start_apart()
    campaign.until(lambda: len(campaign.names()) == 2)
    slurm.run("scancel", "--me")
    assert campaign.wait(engine) == 0
    campaign.check(dict.fromkeys((f"t{i}" for i in range(4)), None))
    assert len(campaign.names()) == 2
    codes = {task.execution.signal for task in campaign.tasks().values()}
    assert codes == {Signals.Cancelled}


def test_jobs_end_and_are_purged_while_nobody_looks(
    own_slurm: Slurm, make_campaign: MakeCampaign
) -> None:
    campaign = make_campaign(queue="two")
    expected: dict[str, int | None] = dict(numbered(campaign, 4))
    campaign.save([campaign.task("killed", "exec sleep 60")])
    expected["killed"] = None
    engine = campaign.start_apart()
    campaign.until(lambda: "killed" in campaign.names())
    campaign.kill(engine)
    own_slurm.kill_scripts()
    forget(campaign, own_slurm)
    campaign.run()
    campaign.check(expected)
    lost = campaign.tasks()["killed"].execution
    assert lost.signal == Signals.Lost
    assert "exit status" in lost.details.reason


def test_waiting_jobs_that_were_cancelled_and_purged_are_submitted_again(
    own_slurm: Slurm, make_campaign: MakeCampaign
) -> None:
    campaign = make_campaign(queue="two")
    own_slurm.run("scontrol", "update", "PartitionName=two", "State=DOWN")
    expected = numbered(campaign, 3)
    engine = campaign.start_apart()
    campaign.until(own_slurm.queue)
    campaign.kill(engine)
    own_slurm.run("scancel", "--me")
    forget(campaign, own_slurm)
    own_slurm.run("scontrol", "update", "PartitionName=two", "State=UP")
    campaign.run()
    campaign.check(expected)
    assert campaign.submissions == 2


def test_a_job_of_several_tasks_is_killed(own_slurm: Slurm, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(pack=4)
    scripts = {"done": "exit 3", "runs": "exec sleep 60", "waits": "", "waits-too": ""}
    campaign.save(campaign.task(name, script) for name, script in scripts.items())
    engine = campaign.start_apart()
    campaign.until(lambda: "runs" in campaign.names())
    own_slurm.kill_scripts()
    assert campaign.wait(engine) == 0
    campaign.check({"done": 3, "runs": None, "waits": 0, "waits-too": 0})
    assert campaign.tasks()["runs"].execution.signal == Signals.Lost
    assert campaign.submissions == 2


def test_a_node_goes_down(own_slurm: Slurm, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(queue="two")
    campaign.save(campaign.task(name, "sleep 60") for name in ("a", "b"))
    campaign.save(campaign.task(name) for name in ("c", "d"))
    engine = campaign.start_apart()
    campaign.until(lambda: len(campaign.names()) == 2)
    own_slurm.stop_node()
    campaign.until(lambda: "down" in own_slurm.run("sinfo", "-h", "-o", "%t", "-p", "two").stdout)
    own_slurm.start_node()
    assert campaign.wait(engine) == 0
    campaign.check({"a": None, "b": None, "c": 0, "d": 0})
    tasks = campaign.tasks()
    assert {tasks[name].execution.signal for name in "ab"} == {Signals.Lost}


def forget(campaign: Campaign, slurm: Slurm) -> None:
    """Wait until the controller does not know any job any more."""
    campaign.until(lambda: not slurm.run("squeue", "-h", "--states=all").stdout.strip())
