"""A task that owns others: keeping them, and knowing how they stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import Any, ClassVar

from gc3libs.model import State, Task
from gc3libs.persistence.children import Children, Unavailable
from gc3libs.persistence.naming import class_name
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import Query
from gc3libs.workflow._roll import Roll, entries, in_memory

BATCH = 256
"""How many children that are only in the store are looked at together."""

_NAMED = 3
"""How many children that cannot be loaded are named."""

_set = object.__setattr__


class Owner(Task):
    """A task that owns others.

    Its children are kept as a relation, one record each. What happens to one of them reaches it
    through `_child_changed`.
    """

    __slots__ = ("_handed_over", "_own_change", "_owned_tasks", "_roll", "_size_seen")

    _leaf = False

    _transient: ClassVar[frozenset[str]] = frozenset(__slots__)
    """Slots that are not kept."""

    _owned_tasks: MutableSequence[Any]
    _own_change: bool
    _roll: Roll | None
    _size_seen: int
    _handed_over: bool
    """The children were handed to the present controller."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        _set(self, "_owned_tasks", [])
        _set(self, "_roll", None)
        _set(self, "_handed_over", False)
        return self

    @property
    def changed(self) -> bool:
        """It, or any task that it owns, differs from what the store has, as far as is known."""
        waiting: deque[Task] = deque((self,))
        while waiting:
            task = waiting.popleft()
            if not isinstance(task, Owner):
                if task.changed:
                    return True
            elif task._own_change:
                return True
            else:
                waiting.extend(task._owned_in_memory())
        return False

    @changed.setter
    def changed(self, value: bool) -> None:
        _set(self, "_own_change", value)

    def _owned(self) -> Sequence[Persistable] | None:
        return self._owned_tasks

    def _set_owned(self, children: Sequence[Persistable]) -> None:
        _set(self, "_owned_tasks", children)

    def _set_home(self, home: str) -> None:
        if home != self._home:
            super()._set_home(home)
            for child in self._owned_in_memory():
                child._set_home(home)

    def _owned_in_memory(self) -> Iterator[Task]:
        """The children that are in memory and can be used."""
        yield from in_memory(self._owned_tasks)
        if self._roll is not None:
            yield from self._roll.present

    def _usable(self) -> Iterator[Task]:
        """All children that can be loaded."""
        return (each for each in self._owned_tasks if not isinstance(each, Unavailable))

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        if isinstance(state, tuple):
            attributes, slots = state
            slots = {name: slots[name] for name in slots if name not in self._transient}
            return (attributes, slots) if slots else attributes
        return state

    def _identity(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        """Its own parameters, and what all tasks below it would do."""
        below: list[Any] = []
        waiting: deque[Task] = deque(self._usable())
        while waiting:
            task = waiting.popleft()
            if isinstance(task, Owner):
                below.append((class_name(type(task)), task._parameters(), len(task._owned_tasks)))
                waiting.extend(task._usable())
            else:
                below.append(task.digest)
        if "" in below:
            raise TypeError("one of its tasks has no digest")
        return (*super()._identity(parameters), below)

    # following the children

    def _watched(self) -> Roll:
        """The roll of all children, each of which reports its changes from now on."""
        if self._roll is None:
            _set(self, "_roll", self._called(link=True))
        assert self._roll is not None
        return self._roll

    def _note_missing(self) -> None:
        """Have the history say which children cannot be loaded."""
        missing = self._watched().missing
        if missing:
            more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
            names = ", ".join(missing[:_NAMED]) + more
            self.execution.history.append(
                f"cannot read {names}: gc3 check says why; gc3 kill ends this one without"
            )

    def _called(self, *, link: bool) -> Roll:
        """Call the roll: of those in memory by asking them, of the others from their records."""
        roll = Roll()
        ids: dict[str, None] = {}
        listed: dict[int, Any] = {}
        for each in entries(self._owned_tasks):
            if isinstance(each, str):
                ids[each] = None
            else:
                listed[id(each)] = each
        for each in listed.values():
            if not isinstance(each, Unavailable):
                self._count(each, roll, link=link)
            elif self._saved is None:
                roll.count_missing(str(each))
            else:
                ids[str(each)] = None  # its record may say how it stands
        if ids:
            self._call_stored(ids, roll, link=link)
        roll.size = len(self._owned_tasks)
        return roll

    def _call_stored(self, ids: dict[str, None], roll: Roll, *, link: bool) -> None:
        assert self._saved is not None
        store = self._saved.store
        for held in store.in_use():
            if not isinstance(held, Task) or isinstance(held, Unavailable):
                continue
            if held.persistent_id in ids:
                self._count(held, roll, link=link, listed=False)
                del ids[held.persistent_id]
        wanted = list(ids)
        for at in range(0, len(wanted), BATCH):
            for summary in store.summaries(Query(ids=tuple(wanted[at : at + BATCH]))):
                roll.count_record(summary)
                del ids[summary.id]
        for id_ in ids:
            roll.count_missing(id_)

    def _count(self, child: Task, roll: Roll, *, link: bool, listed: bool = True) -> None:
        if link:
            child._add_parent(self)
        roll.count(child, listed=listed)

    def _load_apart(self, ids: Sequence[str]) -> Iterator[Task]:
        """Load children, a batch at a time, that are only in the store."""
        for at in range(0, len(ids), BATCH):
            assert self._saved is not None
            for child in self._saved.store.load_available(ids[at : at + BATCH]).values():
                if not isinstance(child, Unavailable):
                    self._child_loaded(child)
                    yield child
                elif self._roll is not None:
                    self._roll.lose(str(child))

    def _note_news(self) -> None:
        """Something has happened to a child."""

    # told by others

    def _child_changed(self, child: Task, before: State, after: State) -> None:
        if self._roll is not None:
            self._roll.moved(child, before, after)
        self._note_news()

    def _child_loaded(self, child: Task) -> None:
        """An engine has loaded a child whose ID it was fed with."""
        child._add_parent(self)
        if self._roll is not None and self._roll.meet(child):
            self._note_news()


def mutable(tasks: Iterable[Task]) -> MutableSequence[Any]:
    """The same list if it is one, else a new one."""
    return tasks if isinstance(tasks, list | Children) else list(tasks)
