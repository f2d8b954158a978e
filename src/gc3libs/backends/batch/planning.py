"""Writing down what is to be submitted, and what it will run, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence

from gc3libs.backends.base import JobSpec
from gc3libs.backends.batch import script
from gc3libs.backends.batch.book import Book, Note, Plan
from gc3libs.backends.batch.place import Place
from gc3libs.backends.batch.requests import group, plan
from gc3libs.backends.batch.scheduler import Scheduler
from gc3libs.config import BatchResource


class Planner:
    """Makes submissions of jobs."""

    def __init__(self, book: Book, scheduler: Scheduler, settings: BatchResource) -> None:
        self._book = book
        self._scheduler = scheduler
        self._pack = settings.pack
        self._settings = settings
        self._site = script.Site(
            modules=settings.modules, prologue=settings.prologue, epilogue=settings.epilogue
        )

    def plan(self, jobs: Sequence[JobSpec], place: Place) -> None:
        """Have jobs, whose files are in place, submitted as soon as that can be."""
        for request, members in group(jobs, self._settings, self._scheduler.array_size):
            planned = plan(request, [self._note(place.root, job) for job in members], self._pack)
            texts = [
                self._text(planned, element, members, place.root)
                for element in range(planned.elements)
            ]
            head = script.head(place.root, planned.key, self._scheduler.index)
            place.write(planned.key, head, texts)
            self._book.add(planned)

    def _text(self, planned: Plan, element: int, members: Sequence[JobSpec], root: str) -> bytes:
        """What an element runs; it looks for wishes where it runs several jobs."""
        numbers = planned.numbers(element)
        numbered = [(number, members[number]) for number in numbers]
        return script.element(root, numbered, self._site, heed=len(numbers) > 1)

    def _note(self, root: str, job: JobSpec) -> Note:
        stdout = script.stream(root, job, "stdout")
        stderr = stdout if script.joins(job) else script.stream(root, job, "stderr")
        found = self._book.find(job.token)
        tries = 0
        if found is not None:
            batch, number = found
            tries = batch.plan.jobs[number].tries + (batch.id is not None)
        return Note(job.token, stdout, stderr, job.walltime, tries)
