"""Adding many tasks: in portions, each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gc3libs.exceptions import SaveError
from gc3libs.model import Task
from gc3libs.session._answers import Answers
from gc3libs.session._register import Register

_PORTION = 2000


def portions(tasks: Iterable[Any]) -> Iterator[list[Any]]:
    """Tasks in portions. If the next one cannot be had, those before it come first."""
    portion: list[Any] = []
    try:
        for task in tasks:
            portion.append(task)
            if len(portion) == _PORTION:
                yield portion
                portion = []
    except (Exception, KeyboardInterrupt):
        yield portion
        raise
    yield portion


class Adding:
    """One call of `add_many`.

    Attributes:
        ids: Of the tasks that were added so far.
    """

    def __init__(
        self, register: Register, answers: Answers, *, new_only: bool, flush: bool
    ) -> None:
        self._register = register
        self._answers = answers
        self._new_only = new_only
        self._flush = flush
        self.ids: list[str] = []
        self._known: set[str] = set()

    def add(self, tasks: Sequence[Any]) -> None:
        """Add a portion.

        Raises:
            SaveError: One of them cannot be kept; those before it are added.
        """
        if not tasks:
            return
        with self._register.changing():
            self._add(self._new(tasks) if self._new_only else tasks)

    def _add(self, tasks: Sequence[Any]) -> None:
        try:
            self.ids += self._register.add(tasks, flush=self._flush)
        except SaveError:
            if len(tasks) == 1:
                raise
            middle = len(tasks) // 2
            self._add(tasks[:middle])
            self._add(tasks[middle:])

    def _new(self, tasks: Sequence[Any]) -> list[Any]:
        """Without those whose work the session has, or an earlier one of them does."""
        digests = [self._digest(task) for task in tasks]
        self._look_up(frozenset(digests) - {""})
        new = []
        for task, digest in zip(tasks, digests, strict=True):
            if digest not in self._known:
                new.append(task)
            if digest:
                self._known.add(digest)
        return new

    def _digest(self, task: Any) -> str:
        if not isinstance(task, Task):
            return ""
        home = self._register.store.home
        if home is not None:
            task._set_home(home)  # paths of inputs count as seen from there
        return task.digest

    def _look_up(self, digests: frozenset[str]) -> None:
        if self._answers.can_look_up():
            self._known = self._answers.digests(digests)
        elif not self.ids:
            self._known = self._answers.digests(None) - {""}
