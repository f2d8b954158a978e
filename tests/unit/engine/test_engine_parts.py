"""The parts of an engine, one by one."""

import itertools
import logging

import pytest

from gc3libs.backends.base import JobSpec, JobState
from gc3libs.backends.scripted import Outcome
from gc3libs.engine.evidence import examine
from gc3libs.engine.intake import BATCH, Intake
from gc3libs.engine.jobs import make_token, split_token
from gc3libs.engine.patience import GIVE_UP, LONGEST, Patience
from gc3libs.engine.places import default_workdir
from gc3libs.exceptions import DirectoryInUse, RecoverableError, StoreError, StoreUnavailable
from gc3libs.model import State, Task
from gc3libs.testing import VirtualClock

# tokens and places


@pytest.mark.parametrize("token", ["Application.7.1", "a_b.0.12", "Application-1a2b3c4d.5.1"])
def test_tokens_lead_back(token):
    id_, attempt = split_token(token)
    assert make_token(id_, attempt) == token


@pytest.mark.parametrize("token", ["", "strange", "A.1.x"])
def test_strange_tokens_are_no_attempts(token):
    assert split_token(token)[1] == 0


def test_each_store_has_a_directory_of_its_own():
    one = default_workdir("sqlite:///a.db")
    assert one == default_workdir("sqlite:///a.db") != default_workdir("sqlite:///b.db")


# the intake


@pytest.fixture
def tasks():
    return {f"T.{number}": Task(number=number) for number in range(3 * BATCH)}


def take_all(intake):
    taken = []
    while (task := intake.take()) is not None:
        taken.append(task)
    return taken


def test_given_tasks_come_before_fed_ones(tasks):
    intake = Intake(lambda ids, parent: [tasks[id_] for id_ in ids])
    intake.feed(list(tasks)[:5], None)
    given = [Task(), Task()]
    for task in given:
        intake.put(task)
    assert take_all(intake) == [*given, *list(tasks.values())[:5]]
    assert not intake


def test_a_feed_is_read_as_far_as_it_is_wanted(tasks):
    read = []
    intake = Intake(lambda ids, parent: [tasks[id_] for id_ in ids])
    intake.feed((read.append(id_) or id_ for id_ in tasks), None)
    assert intake
    assert read == []
    intake.take()
    assert len(read) == BATCH
    assert len(take_all(intake)) == len(tasks) - 1


def test_tasks_that_were_put_back_are_the_next_ones():
    intake = Intake(lambda ids, parent: [])
    given = [Task() for _ in range(4)]
    for task in given:
        intake.put(task)
    intake.put_back([intake.take(), intake.take()])
    intake.discard(given[2])
    assert take_all(intake) == [given[0], given[1], given[3]]


def test_a_batch_that_cannot_be_loaded_is_asked_for_again(tasks):
    trouble = [StoreUnavailable("full")]

    def load(ids, parent):
        if trouble:
            raise trouble.pop()
        return [tasks[id_] for id_ in ids]

    intake = Intake(load)
    intake.feed(iter(tasks), None)
    with pytest.raises(StoreUnavailable):
        intake.take()
    assert take_all(intake) == list(tasks.values())


def test_a_feed_that_broke_off_is_not_taken_for_its_end():
    def feed():
        raise StoreUnavailable("gone")
        yield

    intake = Intake(lambda ids, parent: [])
    intake.feed(feed(), None)
    with pytest.raises(StoreError, match="broke off"):
        intake.take()


def test_loading_stops_where_others_have_to_go_on_first(tasks):
    asked = []

    def load(ids, parent):
        asked.append((ids, parent))

    intake = Intake(load)
    intake.feed(iter(tasks), "parent")
    assert intake.take() is None
    assert [(len(ids), parent) for ids, parent in asked] == [(BATCH, "parent")]
    assert intake


# patience


def test_patience_waits_longer_and_longer_and_ends():
    clock = VirtualClock()
    patience = Patience(clock)
    moments = []
    with pytest.raises(RecoverableError, match="busy"):
        while True:
            patience.bear(RecoverableError("busy"))
            moments.append(clock.monotonic())
    pauses = [round(after - before, 6) for before, after in itertools.pairwise(moments)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST
    assert GIVE_UP <= clock.monotonic() <= GIVE_UP + LONGEST


def test_patience_is_regained():
    clock = VirtualClock()
    patience = Patience(clock)
    for _ in range(3):
        for _ in range(500):
            patience.bear(RecoverableError("busy"))
        patience.regain()
    assert clock.monotonic() > GIVE_UP


def test_the_same_trouble_is_told_once(caplog):
    patience = Patience(VirtualClock())
    with caplog.at_level(logging.WARNING):
        for text in ("full", "full", "no answer"):
            patience.bear(RecoverableError(text))
    assert [record.message.partition(";")[0] for record in caplog.records] == ["full", "no answer"]


def test_a_directory_in_use_is_not_waited_for():
    clock = VirtualClock()
    with pytest.raises(DirectoryInUse):
        Patience(clock).bear(DirectoryInUse("/run", "process 7 is using it"))
    assert clock.monotonic() == 0


# evidence


def submit(world, token, **outcome):
    world.outcomes[token] = Outcome(**outcome)
    assert world.backend.submit([JobSpec(token=token, argv=(token,))]) == [None]


def saved(world, state, attempt):
    task = world.app()
    run = task.execution
    run.attempt = attempt
    world.store.save(task)
    run.details.token = make_token(task.persistent_id, attempt) if attempt else ""
    run.state = state
    world.store.save(task)
    return task


def examined(world):
    findings = examine(world.backend, world.store)
    return set(findings.to_follow), set(findings.to_end), set(findings.to_free)


@pytest.mark.parametrize(
    ("state", "attempt", "found"),
    [
        (State.SUBMITTED, 1, ((), (), ())),
        (State.RUNNING, 1, ((), (), ())),
        (State.TERMINATING, 1, ((), (), ())),
        (State.TERMINATED, 1, ((), ("Application.1.1",), ())),
        (State.NEW, 1, ((), ("Application.1.1",), ())),
        (State.NEW, 0, (("Application.1.1",), (), ())),
    ],
)
def test_what_a_running_job_means(world, state, attempt, found):
    saved(world, state, attempt)
    submit(world, "Application.1.1", duration=50.0)
    assert examined(world) == tuple(map(set, found))


@pytest.mark.parametrize(
    ("state", "attempt", "found"),
    [
        (State.RUNNING, 1, ((), (), ())),
        (State.TERMINATED, 1, ((), (), ("Application.1.1",))),
        (State.RUNNING, 2, ((), (), ("Application.1.1",))),
        (State.TERMINATED, 0, (("Application.1.1",), (), ())),
    ],
)
def test_what_an_ended_job_means(world, state, attempt, found):
    saved(world, state, attempt)
    submit(world, "Application.1.1", duration=0.0)
    assert examined(world) == tuple(map(set, found))


def test_jobs_of_tasks_that_are_not_in_the_store(world):
    submit(world, "Application.8.1", duration=0.0)
    submit(world, "Application.9.1", duration=50.0)
    assert examined(world) == (set(), set(), {"Application.8.1"})
    assert world.backend.adopt(["Application.9.1"])["Application.9.1"].state is JobState.RUNNING
    without_store = examine(world.backend, None)
    assert (without_store.to_end, set(without_store.to_free)) == (
        ["Application.9.1"],
        {"Application.8.1"},
    )


def test_jobs_whose_tokens_are_strange_are_nobodys(world):
    submit(world, "strange", duration=0.0)
    assert examined(world) == (set(), set(), {"strange"})
