"""The scripted backend does what a test tells it, and counts."""

import pytest

from gc3libs.backends.base import JobState
from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.exceptions import InvalidOperation, RecoverableError
from gc3libs.testing._backends import job, run, submit, wait
from gc3libs.testing._clock import VirtualClock


@pytest.fixture
def clock():
    return VirtualClock(now=1000.0)


def names_seconds(spec):
    return Outcome(duration=float(spec.argv[1]), cpu_time=0.5, max_memory=7)


def test_time_is_the_clocks(clock):
    backend = ScriptedBackend(names_seconds, clock=clock)
    submit(
        backend,
        job("T.1", ("sleep", "30")),
        job("T.2", ("sleep", "10")),
        job("T.3", ("sleep", "5")),
    )
    reports = wait(backend, ["T.1", "T.2", "T.3"])
    times = {token: (report.started, report.ended) for token, report in reports.items()}
    assert times == {"T.1": (1000, 1030), "T.2": (1000, 1010), "T.3": (1010, 1015)}
    assert (reports["T.1"].cpu_time, reports["T.1"].max_memory) == (0.5, 7)
    assert clock.now() == 1030
    assert backend.starts == {"T.1": 1, "T.2": 1, "T.3": 1}


def test_a_poll_waits_no_longer_than_it_may(clock):
    backend = ScriptedBackend(names_seconds, clock=clock)
    submit(backend, job("T.1", ("sleep", "30")))
    assert [report.state for report in backend.poll(["T.1"], 5)] == [JobState.RUNNING]
    assert backend.poll(["T.1"], 5) == []
    assert clock.now() == 1005


def test_an_answer_can_be_lost(clock):
    backend = ScriptedBackend(clock=clock)
    backend.lose_answers()
    with pytest.raises(RecoverableError):
        submit(backend, job("T.1", ("true",)))
    assert backend.adopt(["T.1"])["T.1"].state is JobState.RUNNING
    assert submit(backend, job("T.1", ("true",))) == [None]
    assert wait(backend, ["T.1"])["T.1"].exitcode == 0
    assert backend.starts["T.1"] == 1


def test_a_poll_can_fail(clock):
    backend = ScriptedBackend(clock=clock)
    submit(backend, job("T.1", ("true",)))
    backend.fail_polls(2)
    for _ in range(2):
        with pytest.raises(RecoverableError):
            backend.poll(["T.1"])
    assert wait(backend, ["T.1"])["T.1"].exitcode == 0


def test_jobs_can_be_refused_lost_and_dropped(clock):
    outcomes = {
        ("refuse",): Outcome(refusal="no such queue"),
        ("lose",): Outcome(loss="its node died"),
        ("long",): Outcome(duration=100),
    }
    backend = ScriptedBackend(lambda spec: outcomes[spec.argv], clock=clock, cores=4)
    (refusal,) = submit(backend, job("T.1", ("refuse",)))
    assert refusal.reason == "no such queue"
    lost = run(backend, "T.2", ("lose",))
    assert (lost.state, lost.reason) == (JobState.LOST, "its node died")
    submit(backend, job("T.3", ("long",)), job("T.4", ("long",)))
    backend.lose("T.3", "gone")
    assert wait(backend, ["T.3"])["T.3"].reason == "gone"
    backend.drop("T.4")
    assert backend.tokens() == {"T.2", "T.3"}


def test_another_process_finds_its_jobs(clock, tmp_path):
    first = ScriptedBackend(names_seconds, clock=clock, directory=tmp_path)
    jobs = [job(f"T.{number}", ("sleep", "30")) for number in range(3)]
    submit(first, *jobs)
    second = ScriptedBackend(names_seconds, clock=clock, directory=tmp_path)
    known = second.adopt(["T.0", "T.2"])
    assert [known[token].state for token in known] == [JobState.RUNNING, JobState.RETURNED]
    submit(second, jobs[2])
    assert wait(second, ["T.0", "T.2"])["T.2"].ended == 1060
    assert second.starts == {"T.0": 1, "T.1": 1, "T.2": 1}


def test_living_jobs_are_not_freed_and_closed_backends_not_used(clock):
    backend = ScriptedBackend(clock=clock)
    submit(backend, job("T.1", ("true",)))
    with pytest.raises(InvalidOperation, match=r"T\.1"):
        backend.free(["T.1"])
    backend.close()
    with pytest.raises(InvalidOperation, match="closed"):
        backend.poll(["T.1"])
