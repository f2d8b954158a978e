"""Several resources at once: where tasks go, limits, and resources that fail."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest

from gc3libs import events
from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.config import DaskResource, Limits, LocalResource, SlurmResource
from gc3libs.engine import Engine
from gc3libs.engine.jobs import job_spec
from gc3libs.engine.resource import Resource
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Application, Signals, State, Task
from gc3libs.persistence.memory import MemoryStore
from gc3libs.quantity import GB, hours
from gc3libs.testing import VirtualClock


class Shaky(ScriptedBackend):
    """Does not answer while it is `down`."""

    down = False
    asked = 0

    def _ask(self):
        self.asked += 1
        if self.down:
            raise RecoverableError(f"{self.name} is down")

    def submit(self, jobs):
        self._ask()
        return super().submit(jobs)

    def poll(self, tokens, timeout=0.0):
        self._ask()
        return super().poll(tokens, timeout)

    def adopt(self, tokens):
        self._ask()
        return super().adopt(tokens)

    def tokens(self):
        self._ask()
        return super().tokens()

    def cancel(self, tokens):
        self._ask()
        super().cancel(tokens)

    def fetch(self, requests):
        self._ask()
        return super().fetch(requests)

    def free(self, tokens, *, keep_directory=False):
        self._ask()
        super().free(tokens, keep_directory=keep_directory)

    def describe(self):
        self._ask()
        return {}


class Place:
    """Resources on scripted backends, a store, and a clock."""

    def __init__(self, directory):
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.outcomes = {}
        self.backends = {}
        self._directory = directory

    def resource(self, name, *, cores=4, window=8, enabled=True, **limits):
        backend = Shaky(
            lambda job: self.outcomes.get(job.argv[0], Outcome(duration=10.0)),
            clock=self.clock,
            cores=cores,
            window=window,
            directory=self._directory / name,
            name=name,
        )
        self.backends[name] = backend
        return Resource(name, Limits(**limits), backend, enabled=enabled)

    def engine(self, resources, tasks=(), **options):
        return Engine(resources, tasks, self.store, clock=self.clock, **options)

    def again(self, resources):
        """The same resources as another process opens them."""
        for backend in self.backends.values():
            backend.close()
        return [self.resource(each.name, cores=each.backend.capacity.cores) for each in resources]

    def starts(self):
        """How often each token was started anywhere."""
        total = Counter()
        for backend in self.backends.values():
            total += backend.starts
        return total

    def close(self):
        for backend in self.backends.values():
            backend.close()
        self.store.close()


@pytest.fixture
def place(tmp_path):
    there = Place(tmp_path)
    yield there
    there.close()


def jobs(count, name="job", **extra):
    return [Application([name], [], [], None, number=number, **extra) for number in range(count)]


def go_on(engine, clock, seconds):
    """Let an engine do what it can for a while."""
    for _ in range(seconds):
        with contextlib.suppress(RecoverableError):
            engine.progress()
        clock.sleep(1.0)


def where(tasks):
    return Counter(task.execution.details.resource for task in tasks)


def all_ended_once(place, tasks):
    assert [task.execution.returncode for task in tasks] == [0] * len(tasks)
    assert set(place.starts().values()) == {1}
    assert place.starts().total() == len(tasks)


# where tasks go


def test_free_slots_are_filled_first_then_the_shortest_queue(place):
    small, large = place.resource("small", cores=2), place.resource("large", cores=6, window=9)
    tasks = jobs(12)
    engine = place.engine([small, large], tasks)
    engine.progress()
    assert where(tasks) == {"small": 3, "large": 9}
    engine.run()
    engine.close()
    all_ended_once(place, tasks)


@pytest.mark.parametrize(
    ("requests", "limits", "said"),
    [
        (
            {"requested_cores": 4},
            {"max_cores_per_job": 2},
            "small: 4 cores: max_cores_per_job is 2",
        ),
        ({"requested_cores": 4}, {"max_cores": 3}, "small: 4 cores: max_cores is 3"),
        (
            {"requested_memory": 3 * GB},
            {"max_memory_per_core": 2 * GB},
            "small: 3.0 GB of memory: max_memory_per_core is 2.0 GB",
        ),
        (
            {"requested_walltime": 3 * hours},
            {"max_walltime": 2 * hours},
            "small: 3 h: max_walltime is 2 h",
        ),
        (
            {"requested_architecture": "x86_64"},
            {"architecture": "aarch64"},
            "small: architecture x86_64: it has aarch64",
        ),
    ],
)
def test_a_task_goes_where_it_fits_and_is_refused_where_it_fits_nowhere(
    place, requests, limits, said
):
    small, large = place.resource("small", **limits), place.resource("large")
    (task,) = tasks = jobs(1, **requests)
    engine = place.engine([small, large], tasks)
    engine.run()
    assert (task.execution.returncode, task.execution.details.resource) == (0, "large")
    (other,) = jobs(1, **requests)
    large.enabled = False
    engine.add(other)
    engine.run()
    engine.close()
    assert other.execution.signal == Signals.SubmissionFailed
    assert said in other.execution.details.reason
    assert place.starts().total() == 1


def test_a_task_that_fits_nowhere_is_told_the_limit_of_each_resource(place):
    resources = [
        place.resource("one", max_cores_per_job=2),
        place.resource("two", max_walltime=1 * hours),
        place.resource("three", cores=1),
    ]
    (task,) = tasks = jobs(1, requested_cores=3, requested_walltime=2 * hours)
    engine = place.engine(resources, tasks)
    engine.run()
    engine.close()
    assert task.execution.details.reason == (
        "one: 3 cores: max_cores_per_job is 2; two: 2 h: max_walltime is 1 h;"
        " three: 3 cores: it has 1"
    )
    assert place.starts().total() == 0


def test_tags_that_resources_have_are_requests_and_others_are_not(place):
    plain, gpu = place.resource("plain"), place.resource("gpu", tags=("gpu", "big"))
    (wants, other) = tasks = [*jobs(1, tags=["gpu", "monday"]), *jobs(1, tags=["monday"])]
    gpu.enabled = True
    engine = place.engine([plain, gpu], tasks)
    engine.run()
    engine.close()
    assert wants.execution.details.resource == "gpu"
    assert other.execution.returncode == 0


def test_a_task_that_has_to_wait_is_overtaken(place):
    """The first ones need a resource that is full; those behind them go elsewhere."""
    wide, narrow = place.resource("wide", cores=4, window=1), place.resource("narrow", cores=1)
    large, little = jobs(5, requested_cores=4), jobs(3)
    engine = place.engine([wide, narrow], [*large, *little])
    engine.progress()
    assert where(little)["narrow"] == 3
    assert where(large) == {"wide": 1, "": 4}
    engine.run()
    engine.close()
    all_ended_once(place, [*large, *little])
    assert [each.execution.timestamp["SUBMITTED"] for each in large] == sorted(
        each.execution.timestamp["SUBMITTED"] for each in large
    )


def test_a_resource_that_refuses_a_task_is_not_the_last_word(place):
    picky, other = place.resource("picky", cores=4), place.resource("other", cores=1)
    place.backends["picky"]._script = lambda job: Outcome(refusal="no such queue")
    tasks = jobs(3)
    engine = place.engine([picky, other], tasks)
    engine.run()
    assert where(tasks) == {"other": 3}
    all_ended_once(place, tasks)
    other.enabled = False
    (late,) = jobs(1)
    engine.add(late)
    engine.run()
    engine.close()
    assert late.execution.details.reason == "picky: no such queue"
    assert late.execution.signal == Signals.SubmissionFailed


class Homesick(Application):
    """Has an opinion of its own."""

    def compatible_resources(self, resources):
        return [each for each in resources if each.name != "far"]

    def rank_resources(self, resources):
        return sorted(resources, key=lambda each: each.name, reverse=True)


def test_a_class_may_have_an_opinion(place):
    resources = [place.resource(name) for name in ("a", "b", "far")]
    tasks = [Homesick(["job"], [], [], None) for _ in range(3)]
    engine = place.engine(resources, tasks)
    engine.progress()
    assert where(tasks) == {"b": 3}
    engine.run()
    engine.close()


class Lost(Application):
    def compatible_resources(self, resources):
        raise KeyError("which one?")


def test_a_class_whose_opinion_raises_ends_its_task_only(place):
    resources = [place.resource("a"), place.resource("b")]
    bad, (good,) = Lost(["job"], [], [], None), jobs(1)
    engine = place.engine(resources, [bad, good])
    engine.run()
    engine.close()
    assert "which one?" in bad.execution.details.reason
    assert good.execution.returncode == 0


def test_what_is_not_enabled_gets_nothing_and_goes_on_with_what_it_has(place):
    first, second = place.resource("first"), place.resource("second")
    tasks = jobs(4)
    engine = place.engine([first, second], tasks[:2])
    assert engine.select_resource("first") == 1
    engine.progress()
    assert engine.select_resource(lambda each: each.name == "second") == 0
    engine.add(tasks[2])
    engine.progress()
    assert tasks[2].execution.state is State.NEW
    second.enabled = True
    engine.add(tasks[3])
    engine.run()
    engine.close()
    assert where(tasks) == {"first": 2, "second": 2}
    all_ended_once(place, tasks)


def test_what_scripts_are_told_of_resources(place):
    resource = place.resource("here", cores=4, max_cores_per_job=2, max_walltime=2 * hours)
    engine = place.engine([resource], jobs(6))
    engine.progress()
    engine.progress()
    told = engine.resources["here"]
    assert (told.free_slots, told.user_run, told.user_queued) == (0, 4, 2)
    assert (told.max_cores_per_job, told.max_walltime) == (2, 2 * hours)
    suits = Application(["job"], [], [], None, requested_cores=2, requested_walltime=1 * hours)
    assert suits.compatible_resources([told]) == [told]
    engine.run()
    engine.close()


@pytest.mark.parametrize("settings", [LocalResource(), SlurmResource(), DaskResource()])
def test_a_resource_without_limits_suits_every_task_that_says_what_it_needs(settings):
    resource = Resource("one", settings)
    task = Application(
        ["job"], [], [], None, requested_walltime=1000 * hours, requested_architecture="x86_64"
    )
    assert task.compatible_resources([resource]) == [resource]


# limits


def most_at_a_time(engine, clock, measure):
    """The most of something, over a whole run."""
    most = 0

    def look(_):
        nonlocal most
        most = max(most, measure())

    engine.run(each=look)
    return most


def test_no_more_jobs_than_the_limit(place):
    resource = place.resource("one", cores=8, max_jobs=3)
    tasks = jobs(10)
    engine = place.engine([resource], tasks)
    busy = most_at_a_time(
        engine,
        place.clock,
        lambda: sum(t.execution.state in ("SUBMITTED", "RUNNING") for t in tasks),
    )
    engine.close()
    assert busy == 3
    all_ended_once(place, tasks)


def test_no_more_cores_than_the_limit(place):
    resource = place.resource("one", cores=8, max_cores=5)
    tasks = [*jobs(4, requested_cores=3), *jobs(4, requested_cores=2)]
    engine = place.engine([resource], tasks)

    def cores():
        going = [t for t in tasks if t.execution.state in ("SUBMITTED", "RUNNING")]
        return sum(t.requested_cores for t in going)

    assert most_at_a_time(engine, place.clock, cores) == 5
    engine.close()
    all_ended_once(place, tasks)


def test_no_more_submissions_a_minute_than_the_limit(place):
    resource = place.resource("one", cores=1, window=2, submissions_per_minute=3)
    place.outcomes["job"] = Outcome(duration=0.5)
    tasks = jobs(20)
    submissions = []
    submit = place.backends["one"].submit

    def counted(specs):
        submissions.append(place.clock.now())
        return submit(specs)

    place.backends["one"].submit = counted
    engine = place.engine([resource], tasks)
    engine.run()
    engine.close()
    all_ended_once(place, tasks)
    assert len(submissions) > 6
    for first, fourth in zip(submissions, submissions[3:], strict=False):
        assert fourth - first >= 60


def test_a_limit_of_nothing_else_is_no_limit_of_the_other_resources(place):
    one, two = place.resource("one", max_jobs=1), place.resource("two", cores=2, window=4)
    tasks = jobs(5)
    engine = place.engine([one, two], tasks)
    engine.progress()
    assert where(tasks) == {"one": 1, "two": 4}
    engine.run()
    engine.close()


# resources that fail


@pytest.fixture
def told():
    heard = []
    unsubscribe = events.publisher.subscribe(
        heard.append, events.ResourceSetAside, events.ResourceBack
    )
    yield heard
    unsubscribe()


def test_a_resource_that_fails_is_set_aside_and_the_rest_goes_elsewhere(place, told, caplog):
    good, bad = place.resource("good", cores=1), place.resource("bad", cores=4)
    place.backends["bad"].down = True
    tasks = jobs(6)
    engine = place.engine([good, bad], tasks)
    engine.run()
    engine.close()
    assert where(tasks) == {"good": 6}
    all_ended_once(place, tasks)
    assert {event.resource for event in told} == {"bad"}
    pauses = [event.until - event.time for event in told]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] <= 900
    assert caplog.text.count("bad is set aside: bad is down") == 1


def test_one_that_is_set_aside_is_left_alone_meanwhile(place, told):
    good, bad = place.resource("good", cores=1), place.resource("bad")
    place.backends["bad"].down = True
    engine = place.engine([good, bad], jobs(3))
    engine.progress()
    asked = place.backends["bad"].asked
    for _ in range(20):
        engine.progress()
    assert place.backends["bad"].asked == asked
    place.clock.sleep(told[-1].until - place.clock.now())
    engine.progress()
    assert place.backends["bad"].asked > asked
    place.backends["bad"].down = False
    engine.run()
    engine.close()


def test_jobs_at_a_resource_that_fails_stay_there(place, told):
    """Nobody knows whether they have started; and they do not keep the others waiting."""
    good, bad = place.resource("good", cores=2), place.resource("bad", cores=2)
    tasks = jobs(8)
    engine = place.engine([good, bad], tasks)
    engine.progress()
    engine.progress()
    before = {id(t): t.execution.details.resource for t in tasks}
    assert where(tasks) == {"good": 4, "bad": 4}
    place.backends["bad"].down = True
    go_on(engine, place.clock, 30)
    ended = [t for t in tasks if t.execution.state is State.TERMINATED]
    assert where(ended) == {"good": 4}
    place.backends["bad"].down = False
    engine.run()
    engine.close()
    assert {id(t): t.execution.details.resource for t in tasks} == before
    all_ended_once(place, tasks)
    assert isinstance(told[-1], events.ResourceBack)


def test_a_hand_over_without_an_answer_is_not_made_elsewhere(place):
    good, bad = place.resource("good", cores=1), place.resource("bad", cores=8)
    tasks = jobs(4)
    engine = place.engine([good, bad], tasks)
    place.backends["bad"].lose_answers()
    engine.run()
    engine.close()
    all_ended_once(place, tasks)
    assert where(tasks)["bad"] >= 3


def test_what_was_to_go_to_a_resource_that_fails_goes_elsewhere(place):
    """It was chosen, and saved as such; but the resource has not heard of it."""
    good, bad = place.resource("good", cores=1, window=2), place.resource("bad", cores=8)
    tasks = jobs(4)
    engine = place.engine([good, bad], tasks)
    hand_over, engine._dispatcher.hand_over = engine._dispatcher.hand_over, lambda: False
    engine.progress()
    assert where(tasks)["bad"] == 3
    engine._dispatcher.hand_over = hand_over
    place.backends["bad"].down = True
    engine._fleet.sites[1].set_aside(RecoverableError("down"))
    engine.run()
    engine.close()
    assert where(tasks) == {"good": 4}
    all_ended_once(place, tasks)


def test_jobs_that_come_back_unstarted_go_elsewhere_if_their_resource_is_not_enabled(place):
    first, second = place.resource("first", cores=1), place.resource("second", cores=4)
    second.enabled = False
    tasks = jobs(3)
    engine = place.engine([first, second], tasks)
    engine.progress()
    backend = place.backends["first"]
    backend._return_waiting()
    for job in backend._state.jobs.values():
        backend._news[job.report.token] = None
    first.enabled, second.enabled = False, True
    engine.run()
    engine.close()
    all_ended_once(place, tasks)
    assert where(tasks) == {"first": 1, "second": 2}


def test_the_next_engine_asks_where_a_task_is(place):
    """With one of the resources down: its tasks wait, and are run nowhere else."""
    resources = [place.resource("one", cores=2), place.resource("two", cores=2)]
    tasks = jobs(8)
    place.store.save_many(tasks)
    ids = [task.persistent_id for task in tasks]
    engine = place.engine(resources, tasks)
    engine.progress()
    engine.flush()
    for task in tasks:
        engine.remove(task)
    place.store.invalidate_cache()
    resources = place.again(resources)
    place.backends["two"].down = True
    engine = place.engine(resources)
    engine.feed(ids)
    go_on(engine, place.clock, 30)
    states = Counter(
        (summary.resource, summary.state) for summary in place.store.summaries() if summary.leaf
    )
    assert states["one", "TERMINATED"] == 4
    assert states["two", "TERMINATED"] == 0
    place.backends["two"].down = False
    engine.run()
    engine.close()
    assert set(place.starts().values()) == {1}
    assert place.starts().total() == 8
    counts = Counter(summary.returncode for summary in place.store.summaries())
    assert counts == {0: 8}


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_that_know_a_job_the_one_that_has_it_is_believed(place, order):
    """It came back unstarted from one, and was handed over to the other; nobody noted where."""
    resources = [place.resource("one", cores=1), place.resource("two", cores=1)]
    tasks = jobs(2)
    task = tasks[1]
    engine = place.engine(resources[:1], tasks)
    engine.progress()
    task.execution.details.resource = ""
    place.store.save_many(tasks)
    place.backends["one"]._return_waiting()
    place.backends["two"].submit([job_spec(task, place.store)])
    for each in tasks:
        engine.remove(each)
    engine = place.engine(resources[::order], tasks)
    engine.run()
    engine.close()
    assert [each.execution.details.resource for each in tasks] == ["one", "two"]
    all_ended_once(place, tasks)


def test_all_resources_down_is_trouble_that_is_borne_for_a_while_only(place):
    resources = [place.resource("one"), place.resource("two")]
    for backend in place.backends.values():
        backend.down = True
    engine = place.engine(resources, jobs(2))
    began = place.clock.monotonic()
    with pytest.raises(RecoverableError, match="is down"):
        engine.run()
    assert 3600 <= place.clock.monotonic() - began < 7200
    for backend in place.backends.values():
        backend.down = False
    place.clock.sleep(1000)
    engine.run()
    engine.close()
    assert place.starts().total() == 2


def test_a_killed_task_at_a_resource_that_is_down_is_ended_when_it_is_back(place):
    good, bad = place.resource("good", cores=1), place.resource("bad", cores=1)
    place.outcomes["job"] = Outcome(duration=1000.0)
    tasks = jobs(2)
    engine = place.engine([good, bad], tasks)
    engine.progress()
    place.backends["bad"].down = True
    for task in tasks:
        engine.kill(task)
    go_on(engine, place.clock, 10)
    states = {t.execution.details.resource: t.execution.state for t in tasks}
    assert states == {"good": State.TERMINATED, "bad": State.RUNNING} or states == {
        "good": State.TERMINATED,
        "bad": State.SUBMITTED,
    }
    place.backends["bad"].down = False
    engine.run()
    engine.close()
    assert {task.execution.signal for task in tasks} == {Signals.Cancelled}


def test_a_plain_task_has_no_requests(place):
    resources = [place.resource("one"), place.resource("two")]
    task = Task()
    engine = place.engine(resources, [task])
    engine.run()
    engine.close()
    assert "nothing to run" in task.execution.details.reason


# so many tasks


def test_so_many_tasks_more_are_started(place):
    tasks = jobs(6)
    engine = place.engine([place.resource("one"), place.resource("two")], tasks)
    engine.to_start = 2
    go_on(engine, place.clock, 30)
    assert Counter(t.execution.state for t in tasks) == {State.TERMINATED: 2, State.NEW: 4}
    engine.to_start = None
    engine.run()
    engine.close()
    all_ended_once(place, tasks)
