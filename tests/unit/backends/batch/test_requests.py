"""Which jobs go together, and how much their element asks for."""

from __future__ import annotations

from gc3libs.backends.base import JobSpec
from gc3libs.backends.batch.book import Note
from gc3libs.backends.batch.requests import group, of_an_element, plan
from gc3libs.backends.batch.scheduler import Request
from gc3libs.config import SlurmResource


def job(number: int, **options: object) -> JobSpec:
    return JobSpec(token=f"T.{number}", argv=("true",), **options)  # type: ignore[arg-type]


def tokens(members: list[JobSpec]) -> list[str]:
    return [each.token for each in members]


def test_equal_requests_go_together_in_the_order_in_which_they_came() -> None:
    jobs = [job(0), job(1, cores=2), job(2), job(3, cores=2), job(4, gpus=1)]
    groups = group(jobs, SlurmResource(), array_size=1000)
    assert [tokens(members) for _, members in groups] == [["T.0", "T.2"], ["T.1", "T.3"], ["T.4"]]
    assert [(request.cores, request.gpus) for request, _ in groups] == [(1, 0), (2, 0), (1, 1)]


def test_no_group_is_larger_than_an_array() -> None:
    jobs = [job(number) for number in range(7)]
    assert [len(members) for _, members in group(jobs, SlurmResource(), 3)] == [3, 3, 1]
    assert [len(members) for _, members in group(jobs, SlurmResource(pack=2), 3)] == [6, 1]


def test_a_task_overrules_its_resource() -> None:
    settings = SlurmResource(queue="main", account="a", qos="low", options=("--nice",))
    ((mine, _), (theirs, _)) = group([job(0, queue="gpu"), job(1)], settings, 1000)
    assert (mine.queue, mine.account, mine.qos, mine.options) == ("gpu", "a", "low", ("--nice",))
    assert theirs.queue == "main"


def test_an_element_has_time_for_all_of_its_jobs_and_some_to_spare() -> None:
    notes = [Note(f"T.{i}", "", "", 30.0, 0) for i in range(3)]
    packed = plan(Request(walltime=30.0), notes, 2)
    assert of_an_element(packed).walltime == 120.0
    assert of_an_element(plan(Request(walltime=30.0), notes[:1], 50)).walltime == 90.0
    assert of_an_element(plan(Request(), notes, 2)).walltime is None
