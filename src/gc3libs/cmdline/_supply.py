"""Whether a script makes its tasks, and which of them its session gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gc3libs.cmdline._memo import Memo, read_memo, write_memo
from gc3libs.cmdline._messages import as_typed
from gc3libs.cmdline._plan import Plan, present_in
from gc3libs.model import Task

if TYPE_CHECKING:
    from gc3libs.session import Session


class Supply:
    """Brings the tasks that a script makes into its session.

    A session without tasks gets all of them. One that has some is left alone if it was made with
    the same arguments; otherwise it gets those that are new to it.

    Args:
        program: Path of the script.
        arguments: Those that decide which tasks there are.
        update: Have tasks made even if the arguments are the same.
        rerun_changed: Replace tasks that are made differently now, and have not started or are
            over.
        dry_run: Add none.
        say: Is told what the plan is.
    """

    def __init__(
        self,
        session: Session,
        program: str,
        arguments: Mapping[str, Any],
        *,
        update: bool,
        rerun_changed: bool,
        dry_run: bool,
        say: Callable[[str], None],
    ) -> None:
        self._session = session
        self._memo = read_memo(session.path)
        self._next = Memo(program=program, arguments=dict(arguments))
        self._asked = update or rerun_changed or dry_run
        self._rerun_changed = rerun_changed
        self._dry_run = dry_run
        self._say = say

    @property
    def is_first(self) -> bool:
        """The session has no tasks."""
        return not len(self._session)

    @property
    def has_others(self) -> bool:
        """The session was made with other arguments, or was not made to its end."""
        memo = self._memo
        if memo is None:
            return False
        return not memo.complete or memo.arguments != self._next.arguments

    @property
    def is_wanted(self) -> bool:
        """The script has to make its tasks."""
        return self.is_first or self._asked or self.has_others

    def take(self, tasks: Iterable[Task]) -> None:
        """Add tasks, made one by one as they are wanted, as far as the session lacks them."""
        if self.is_first and not self._dry_run:
            self._session.add_many(tasks)
            return
        plan = Plan(present_in(self._session), tasks)
        self._say(plan.in_words(as_typed(self._session.path)))
        if self._dry_run:
            return
        new = plan.new
        if self._rerun_changed:
            changed, former = plan.replaceable()
            self._session.remove_many(former)
            new = [*new, *changed]
        self._session.add_many(new)
        self._say_what_is_kept(len(plan.changed) - (len(new) - len(plan.new)))
        self._next = replace(self._next, orphaned=tuple(each.id for each in plan.orphaned))

    def _say_what_is_kept(self, count: int) -> None:
        if count and self._rerun_changed:
            self._say(f"  {count:,} changed: kept as they were, because they are in flight")
        elif count:
            self._say(f"  {count:,} changed: kept as they were; --rerun-changed runs them anew")

    def begin(self) -> None:
        """Take note that tasks are being made."""
        if not self._dry_run:
            write_memo(self._session.path, self._next)

    def end(self) -> None:
        """Take note that all tasks were made and added."""
        if not self._dry_run:
            write_memo(self._session.path, replace(self._next, complete=True))
