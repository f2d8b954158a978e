"""What a script that is run again with other arguments means for the tasks of its session."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from gc3libs.model import State, Task
from gc3libs.persistence.record import Summary

if TYPE_CHECKING:
    from gc3libs.session import Session


class Known(NamedTuple):
    """A task that the session has."""

    id: str
    name: str
    digest: str
    done: bool
    in_flight: bool


class Plan:
    """Which of the tasks that a script makes are new to a session.

    A task is *known* if the session has one that does the same work (or, where that cannot be told,
    one of the same name), *changed* if it has one of the same name that does other work and that
    the script does not make any more, and *new* otherwise. What the script makes no more is
    *orphaned*.

    Attributes:
        new: Tasks to add.
        changed: Pairs of a task and the known one in whose place it would come.
        known: Tasks of the session that the script makes as they are.
        orphaned: Tasks of the session that it makes no more.
    """

    def __init__(self, present: Iterable[Known], made: Iterable[Task]) -> None:
        self.new: list[Task] = []
        self.changed: list[tuple[Task, Known]] = []
        self.known: list[Known] = []
        self.orphaned: list[Known] = []
        by_digest: defaultdict[str, list[Known]] = defaultdict(list)
        by_name: defaultdict[str, list[Known]] = defaultdict(list)
        left: dict[str, Known] = {}
        for each in present:
            left[each.id] = each
            by_name[each.name].append(each)
            if each.digest:
                by_digest[each.digest].append(each)
        fresh = []
        for task in made:
            digest = task.digest
            same = by_digest.get(digest) if digest else by_name.get(task["jobname"])
            if same:
                self.known += (each for each in same if left.pop(each.id, None))
            else:
                fresh.append(task)
        self._place(fresh, by_name, left)
        self.orphaned += left.values()

    def _place(
        self, fresh: Iterable[Task], by_name: Mapping[str, list[Known]], left: dict[str, Known]
    ) -> None:
        """Tell new tasks from changed ones, among those whose work is not known."""
        for task in fresh:
            same_name = by_name.get(task["jobname"], ())
            former = next((each for each in same_name if each.id in left), None)
            if former is None:
                self.new.append(task)
            else:
                del left[former.id]
                self.changed.append((task, former))

    def in_words(self, session: str) -> str:
        """How many of each there are, in a line.

        Args:
            session: As it would be named in a command.
        """
        done = sum(each.done for each in self.known)
        parts = [
            f"{len(self.new):,} new",
            f"{len(self.known):,} known" + (f" ({done:,} done)" if done else ""),
            f"{len(self.changed):,} changed",
        ]
        if self.orphaned:
            remove = f"gc3 rm {shlex.quote(session)} --orphaned"
            parts.append(f"{len(self.orphaned):,} no longer made (kept; {remove})")
        return "plan: " + " · ".join(parts)

    def replaceable(self) -> tuple[list[Task], list[str]]:
        """The changed tasks whose former ones do not run, and the IDs of those."""
        pairs = [(task, former.id) for task, former in self.changed if not former.in_flight]
        return [task for task, _ in pairs], [id_ for _, id_ in pairs]


def present_in(session: Session) -> Iterable[Known]:
    """The tasks of a session, without what they own; loads none."""
    return (
        Known(each.id, each.name, each.digest, each.ok, _is_in_flight(each))
        for each in session.summaries(tree=True)
        if each.id in session
    )


def _is_in_flight(summary: Summary) -> bool:
    return summary.state not in (State.NEW, State.TERMINATED)
