"""`gc3libs.run`, as a scientist's script calls it: stopped, killed, run again."""

from __future__ import annotations

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
from gc3libs.exceptions import InvalidOperation, InvalidType, InvalidValue, SessionInUse
from gc3libs.session import Session

SCRIPT = """
import sys
import gc3libs
from gc3libs.session import Session

def runs(count, seconds):
    for number in range(count):
        command = (f"echo {number} >> {sys.argv[1]}/ran; sleep {seconds};"
                   f" echo {number}; exit {number % 4}")
        yield gc3libs.Application(["/bin/sh", "-c", command], [], [], output_dir=f"out/{number}",
                                  stdout="answer", jobname=f"run-{number}", number=number)

if __name__ == "__main__":
    with Session("campaign", store_or_url=sys.argv[4]) as session:
        session.add_many(runs(int(sys.argv[2]), sys.argv[3]), new_only=True)
        gc3libs.run(session, cores=2)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "campaign script.py"
    path.write_text(SCRIPT)
    return path


def start(script: Path, count: int, seconds: float, store: str = "sqlite") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script.name, str(script.parent), str(count), str(seconds), store],
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and what was said on standard error."""
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def ran(script: Path) -> Counter[str]:
    """How often each run was started."""
    file = script.parent / "ran"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def wait_for_runs(script: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while ran(script).total() < count:
        assert time.monotonic() < deadline, "nothing runs"
        time.sleep(0.005)


def check_all_ended_as_they_should(script: Path, count: int) -> None:
    session = Session(script.parent / "campaign", create=False)
    tasks = list(session)
    assert len(tasks) == count
    for task in tasks:
        assert (task.execution.state, task.execution.exitcode) == ("TERMINATED", task.number % 4)
        assert (task.output_path / "answer").read_text() == f"{task.number}\n"
        assert task.execution.used_cpu_time.in_seconds() >= 0
    session.close()
    assert ran(script) == {str(number): 1 for number in range(count)}


def test_a_run_says_what_came_of_it_and_the_next_that_there_is_nothing_to_do(script):
    status, said = finish(start(script, 8, 0))
    assert status == 0
    assert "campaign: 2 done, 6 failed" in said
    check_all_ended_as_they_should(script, 8)
    status, said = finish(start(script, 8, 0))
    assert status == 0
    assert "all 8 tasks were over already: 2 done, 6 failed" in said
    check_all_ended_as_they_should(script, 8)


def test_more_inputs_are_added_to_what_is_there(script):
    finish(start(script, 4, 0))
    finish(start(script, 10, 0))
    check_all_ended_as_they_should(script, 10)


@pytest.mark.parametrize("store", ["sqlite", "file"])
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_everything_runs_once(script, store, seed):
    chance = random.Random(seed)
    count, kills = 60, 0
    process = start(script, count, 0.01, store)
    while kills < 12 and process.poll() is None:
        time.sleep(chance.uniform(0.15, 0.6))
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
        kills += 1
        process = start(script, count, 0.01, store)
    assert finish(process)[0] == 0
    assert kills > 0
    check_all_ended_as_they_should(script, count)


def test_ctrl_c_stops_and_says_how_to_go_on(script):
    process = start(script, 16, 0.2)
    wait_for_runs(script, 3)
    os.kill(process.pid, signal.SIGINT)
    status, said = finish(process)
    assert status == 130 or status == -signal.SIGINT
    assert "Stopped." in said and "nothing is lost" in said and "go on:" in said
    assert 3 <= ran(script).total() < 16
    assert finish(start(script, 16, 0.2))[0] == 0
    check_all_ended_as_they_should(script, 16)


def test_a_second_run_is_told_who_holds_the_session(script):
    process = start(script, 4, 1)
    wait_for_runs(script, 1)
    with Session(script.parent / "campaign", create=False) as session:
        with pytest.raises(SessionInUse, match=f"process {process.pid}"):
            gc3libs.run(session, quiet=True)
        assert session.holder().pid == process.pid
    session.close()
    assert finish(process)[0] == 0
    check_all_ended_as_they_should(script, 4)


def test_a_session_that_is_moved_between_two_runs_goes_on(script, tmp_path):
    process = start(script, 12, 0.2)
    wait_for_runs(script, 2)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "campaign").rename(moved / "campaign")
    with Session(moved / "campaign", create=False) as session:
        counts = gc3libs.run(session, cores=2, quiet=True)
        assert (counts.total, counts["TERMINATED"]) == (12, 12)
    session.close()
    assert ran(script) == {str(number): 1 for number in range(12)}


def test_the_supervisor_killed_its_jobs_are_lost_by_name_and_the_rest_goes_on(script):
    process = start(script, 6, 0.5)
    wait_for_runs(script, 2)
    supervisor = next(
        int(each.name)
        for each in Path("/proc").iterdir()
        if each.name.isdigit() and _is_supervisor_of(each, script.parent / "campaign" / "run")
    )
    os.kill(supervisor, signal.SIGKILL)
    assert finish(process)[0] == 0
    with Session(script.parent / "campaign", create=False) as session:
        lost = [task for task in session if task.execution.signal == gc3libs.Run.Signals.Lost]
        others = [task for task in session if task not in lost]
        assert 1 <= len(lost) <= 2
        assert all("lost" in task.execution.info for task in lost) or all(
            "supervisor" in str(task.execution.history) for task in lost
        )
        assert all(task.execution.exitcode == task.number % 4 for task in others)
    session.close()
    assert max(ran(script).values()) == 1


def _is_supervisor_of(process: Path, workdir: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"supervisor" in command and os.fsencode(workdir) in command


def test_run_inside_a_job_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GC3_JOB", "Application.1.1")
    with (
        Session(tmp_path / "s") as session,
        pytest.raises(InvalidOperation, match="inside the job"),
    ):
        gc3libs.run(session)
    session.close()


def test_what_makes_no_sense_is_said_at_once(tmp_path):
    with pytest.raises(InvalidType, match="takes a Session"):
        gc3libs.run("flu")
    with Session(tmp_path / "s") as session, pytest.raises(InvalidValue, match="max_in_flight=-1"):
        gc3libs.run(session, max_in_flight=-1)
    session.close()


def test_functions_and_their_results(tmp_path):
    @gc3libs.task
    def misfit(beta, gamma):
        return {"sum": beta + gamma, "ratio": beta / gamma}

    with Session(tmp_path / "s", store_or_url="sqlite") as session:
        session.add_many(misfit.over(beta=[1.0, 2.0], gamma=[0.5, 0.0]), new_only=True)
        counts = gc3libs.run(session, quiet=True)
        assert (counts["ok"], counts["failed"]) == (2, 2)
        found = {(task.beta, task.gamma): task for task in session}
        assert found[2.0, 0.5].result == {"sum": 2.5, "ratio": 4.0}
        assert "ZeroDivisionError" in found[1.0, 0.0].execution.details.reason
        table = session.to_pandas()
        assert len(table) == 4
    session.close()
