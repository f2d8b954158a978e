"""`Task`: a unit of work that has a state, is kept in a store, and is moved on by an engine."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from gc3libs._struct import Struct
from gc3libs.model._plain import Kept, kept_in, same, shown
from gc3libs.model.control import Controlled, Controller
from gc3libs.model.details import RunDetails
from gc3libs.model.parameters import as_json, digest_of
from gc3libs.model.run import Run
from gc3libs.model.state import State
from gc3libs.persistence.instances import check_attributes
from gc3libs.persistence.naming import class_name
from gc3libs.persistence.persistable import Persistable, own_slots
from gc3libs.persistence.record import Summary

logger = logging.getLogger(__name__)

_set = object.__setattr__

_RUN = "_run"
"""Key of the execution's free attributes in a task's state."""

_NO_DETAILS = RunDetails()


class Parent(Protocol):
    """What is told of its children's changes."""

    def _child_changed(self, child: Task, before: State, after: State) -> None: ...


def as_tags(words: str | Iterable[str]) -> list[str]:
    """Words; a single one may be given as it is."""
    return [words] if isinstance(words, str) else [str(word) for word in words]


class Task(Controlled, Persistable, Struct):
    """A unit of work.

    A task is a `Struct`: whatever keywords it is made with become attributes, any other can be
    added later, and they can be read as items, too. Numbers, strings, booleans and None among them
    are the task's *parameters*, by which it can be found in a session.

    A class of its own may define what is done on each change of state, by methods called `new`,
    `submitted`, `running`, `stopped`, `terminating`, `terminated` and `unknown`. They run once a
    change, before `execution.state` shows the new state; what they return is ignored.

    Attributes:
        execution: State, return code, history; a `Run`.
        would_output: There are files to be fetched when it is over.
        tags: Words of the user's.
        jobname: Absent unless it was given.

    >>> task = Task(beta=1.5, jobname="first")
    >>> task.beta, task["beta"], "gamma" in task, str(task.execution.state)
    (1.5, 1.5, False, 'NEW')
    """

    __slots__ = ("_controller", "_digest", "_home", "_made", "_parents")

    would_output = False

    _leaf: ClassVar[bool] = True
    """It runs by itself (it is no collection of others)."""

    _controller: Controller | None
    _digest: str | None
    _home: str | None
    _made: Run | tuple[Summary, bytes] | None
    """The execution; until it is looked at, the summary and details of a saved one, or None."""
    _parents: tuple[weakref.ref[Any], ...]

    tags: Kept[list[str]] = Kept(list, same, list, as_tags, list)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        _set(self, "_controller", None)
        _set(self, "_digest", None)
        _set(self, "_home", None)
        _set(self, "_parents", ())
        _set(self, "_made", None)
        return self

    def __init__(self, **extra: Any) -> None:
        if extra:
            self._take(extra)

    def _take(self, extra: dict[str, Any]) -> None:
        """Make attributes of keywords."""
        special = _special_names(type(self))
        if special.isdisjoint(extra):
            self.__dict__.update(extra)
        else:
            for name, value in extra.items():
                setattr(self, name, value)
        if extra.get("output_dir") is not None and "_base" not in self.__dict__:
            self._remember_base()

    @property
    def execution(self) -> Run:
        """State, return code, history of this task."""
        made = self._made
        if made is None or type(made) is tuple:
            made = Run(attach=self) if made is None else Run.of_record(self, *made)
            _set(self, "_made", made)
        return made  # type: ignore[return-value]

    @execution.setter
    def execution(self, run: Run) -> None:
        run.attach(self)
        _set(self, "_made", run)

    _execution = execution

    @property
    def _attached(self) -> bool:
        return self._controller is not None

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dict__:
            raise KeyError(name)
        return getattr(self, name)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        if self.persistent_id is not None:
            return self.persistent_id
        return f"<{type(self).__name__} {self.__dict__.get('jobname', hex(id(self)))}>"

    def __repr__(self) -> str:
        name = self.__dict__.get("jobname")
        parts = [type(self).__name__, self.persistent_id, repr(name) if name else None]
        return f"<{' '.join(part for part in parts if part)} {self._execution.state}>"

    __eq__ = Persistable.__eq__
    __hash__ = Persistable.__hash__

    @classmethod
    def own_attribute_names(cls) -> frozenset[str]:
        """Names that mean something to gc3libs in this class, and are no parameters."""
        return _own_names(cls)

    # its parents

    def _add_parent(self, parent: Parent) -> None:
        """Tell `parent` of changes from now on; it is not kept alive by that."""
        if all(each() is not parent for each in self._parents):
            _set(self, "_parents", (*self._parents, weakref.ref(parent)))

    def _remove_parent(self, parent: Parent) -> None:
        """Tell `parent` no more."""
        kept = tuple(each for each in self._parents if each() not in (None, parent))
        _set(self, "_parents", kept)

    # hooks

    def new(self) -> None:
        """Called when the task becomes NEW again; not at first."""

    def submitted(self) -> None:
        """Called when the task was handed over."""

    def running(self) -> None:
        """Called when the task was seen running; short ones never are."""

    def stopped(self) -> None:
        """Called when the task is STOPPED."""

    def terminating(self) -> None:
        """Called when the job is over; its output is not here yet."""

    def terminated(self) -> None:
        """Called when the output is here and the returncode set."""

    def unknown(self) -> None:
        """Called when the backend does not know the task."""

    # where its files are

    def _remember_base(self) -> None:
        """Remember where a relative `output_dir` starts: the current directory of this moment."""
        self.__dict__["_base"] = os.getcwd()  # noqa: PTH109  # paths here are text

    def _settle_output_dir(self, output_dir: str | None = None) -> None:
        """Set `output_dir` to what `terminated()` shall see: None if nothing was to be fetched."""
        if not self.would_output:
            self.output_dir = None
        elif output_dir is not None:
            self.output_dir = output_dir

    @shown
    def output_path(self) -> Path | None:
        """Where the outputs are, or will be; None if there is no place for any.

        It does not depend on the current directory. A path inside the session's directory follows
        the session when that is moved or copied; one inside its surroundings, when both are moved.
        """
        output_dir = self.__dict__.get("output_dir")
        if output_dir is None:
            return None
        base = self.__dict__.get("_base", "")
        place = os.path.join(base, output_dir)  # noqa: PTH118  # paths here are text
        former, home = self.__dict__.get("_former_home"), self._at_home
        if former is None or home is None or former == home:
            return Path(place)
        return Path(_moved(place, former, home))

    @property
    def _at_home(self) -> str | None:
        """The directory of its session, where that is now; None if it has none."""
        if self._home is None and self._saved is not None:
            return self._saved.store.home
        return self._home

    def _note_outputs(self, place: str) -> None:
        """The outputs were put into this directory, which may be moved with the session's."""
        details, home = self._execution.details, self._at_home
        details.output_path = place
        details.output_relative = "" if home is None else _relative(place, home)

    def _outputs(self) -> Path | None:
        """Where the outputs were put; None if they were not."""
        details, home = self._execution.details, self._at_home
        if home is not None and details.output_relative:
            moved = os.path.normpath(os.path.join(home, details.output_relative))  # noqa: PTH118
            if os.path.exists(moved):  # noqa: PTH110
                return Path(moved)
        return Path(details.output_path) if details.output_path else None

    # what it says of itself to a store

    def _session_of_owner(self) -> str:
        for reference in self._parents:
            parent = reference()
            if parent is not None:
                saved = parent._saved
                return saved.session if saved is not None else str(parent._session_of_owner())
        return ""

    def _set_home(self, home: str) -> None:
        _set(self, "_home", home)

    def __getstate__(self) -> Any:
        state = self.__dict__.copy()
        for each in _kept(type(self)):
            value = state.get(each.name)
            if value is not None:
                if value:
                    state[each.name] = each.frozen(value)
                else:
                    del state[each.name]
        if "_base" in state and "_former_home" not in state and self._at_home is not None:
            state["_former_home"] = self._at_home
        if isinstance(self._made, Run) and self._made.__dict__:
            check_attributes(Run, self._made.__dict__)
            state[_RUN] = self._made.__dict__
        names = own_slots(type(self))
        if names:
            return state, {name: getattr(self, name) for name in names if hasattr(self, name)}
        return state

    def __setstate__(self, state: Any) -> None:
        check_attributes(type(self), state)
        if isinstance(state, tuple):
            state, slots = state
            for name, value in slots.items():
                _set(self, name, value)
        _set(self, "__dict__", state)
        self._give_back()
        _set(self, "changed", False)

    def _give_back(self) -> None:
        if _RUN in self.__dict__:
            kept = self.__dict__.pop(_RUN)
            check_attributes(Run, kept)
            self._execution.__dict__.update(kept)

    def _restore(self, summary: Summary, details: bytes) -> None:
        self._give_back()
        if isinstance(self._made, Run):
            self._made.restore(summary, details)
        else:
            _set(self, "_made", (summary, details))
        _set(self, "_digest", summary.digest)
        if summary.tags:
            self.__dict__["tags"] = list(summary.tags)
        elif "tags" in self.__dict__:
            del self.__dict__["tags"]

    def _details(self) -> bytes:
        made = self._made
        return made[1] if type(made) is tuple else self._execution.encoded_details()

    def _summarize(self) -> Summary:
        saved, run = self._saved, self._execution
        attributes, parameters = self.__dict__, self._parameters()
        assert self.persistent_id is not None
        details = run.details if run._facts else _NO_DETAILS
        return Summary(
            id=self.persistent_id,
            cls=class_name(type(self)),
            session="" if saved is None else saved.session,
            position=None if saved is None else saved.position,
            leaf=self._leaf,
            state=run._state.value,
            returncode=run.returncode,
            jobname=_text(attributes.get("jobname")),
            info=self._info(details),
            resource=details.resource,
            attempt=int(run.attempt),
            held=bool(run.held),
            tags=tuple(map(str, attributes.get("tags", ()))),
            created=0.0 if saved is None else saved.created,
            changed=float(getattr(run, "state_last_changed", 0.0)),
            started=details.started,
            ended=details.ended,
            cpu_time=details.cpu_time,
            memory=details.memory,
            digest=self._keep_digest(parameters),
            parameters_json=as_json(parameters),
        )

    def _info(self, details: RunDetails) -> str:
        """Why it ended, once it has, if that is known; else the last line of its history."""
        if details.reason and self._execution.state is State.TERMINATED:
            return details.reason
        return details.history[-1][1] if details.history else ""

    def _parameters(self) -> dict[str, Any]:
        """The free attributes, as far as they are not private."""
        own = _own_names(type(self))
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in own and name[:1] != "_"
        }

    def _identity(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        """What makes the work of this task different from that of others, besides its class."""
        return (parameters,)

    @shown
    def digest(self) -> str:
        """Of what this task would do: equal digests, equal work; empty if it cannot be told.

        Once the task was saved, it is what it was then, whatever the task has become.
        """
        return self._work_digest() if self._digest is None else self._digest

    def _keep_digest(self, parameters: dict[str, Any] | None = None) -> str:
        """The digest as it is from now on."""
        if self._digest is None:
            _set(self, "_digest", self._work_digest(parameters))
        return self._digest  # type: ignore[return-value]

    def _work_digest(self, parameters: dict[str, Any] | None = None) -> str:
        if parameters is None:
            parameters = self._parameters()
        try:
            return digest_of((class_name(type(self)), *self._identity(parameters)))
        except Exception as err:  # noqa: BLE001  # a value's own code raises anything
            logger.debug("%s has no digest: %s", self, err)
            return ""


def _text(value: Any) -> str:
    """What people may have given as a name, as text."""
    return "" if value is None else str(value)


@lru_cache(maxsize=1024)
def _own_names(cls: type[Task]) -> frozenset[str]:
    names = {"_base", "_former_home", _RUN, "jobname", "output_dir"}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in ("gc3libs", "collections", "typing", "builtins"):
            names.update(vars(base), vars(base).get("__annotations__", ()))
    return frozenset(names)


@lru_cache(maxsize=1024)
def _special_names(cls: type[Task]) -> frozenset[str]:
    """Names that must be set through a descriptor of the class."""
    return frozenset(
        name
        for base in cls.__mro__
        for name, member in vars(base).items()
        if hasattr(member, "__set__")
    )


_kept = lru_cache(maxsize=1024)(kept_in)


@lru_cache(maxsize=256)
def _relative(path: str, start: str) -> str:
    return os.path.relpath(path, start)


def _moved(place: str, former: str, home: str) -> str:
    """Where a place is since a session's directory was moved from `former` to `home`."""
    moved = os.path.normpath(os.path.join(home, os.path.relpath(place, former)))  # noqa: PTH118
    surroundings = os.path.commonpath((os.path.normpath(place), former))
    moved_along = surroundings == former or not os.path.exists(surroundings)  # noqa: PTH110
    return moved if moved_along or os.path.exists(moved) else place  # noqa: PTH110
