"""`Run`: what happens to a task, from its first hand-over to its end; `task.execution` is one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from gc3libs import events
from gc3libs._clock import SYSTEM
from gc3libs._struct import Struct
from gc3libs.exceptions import InvalidValue
from gc3libs.model import state as states
from gc3libs.model import termination
from gc3libs.model.details import RunDetails, decode_details, encode_details
from gc3libs.model.facts import Fact, History, with_time
from gc3libs.model.termination import EX_SOFTWARE, Signals
from gc3libs.model.transitions import Owner, enter, move, stamp
from gc3libs.quantity import Duration, Memory

if TYPE_CHECKING:
    from gc3libs.persistence.record import Summary

_set = object.__setattr__
_STATES = {each.value: each for each in states.State}


class _Arch:
    """Architectures that a task may ask for."""

    X86_64: Final = "x86_64"
    X86_32: Final = "i686"


class Run(Struct):
    """State, return code, history and figures of a task's execution.

    A `Struct`: any other attribute can be added, and is kept with the task. Facts of the
    job (`resource_name`, `lrms_jobid`, `duration`, ...) are absent until they are known.

    Args:
        initializer: A mapping, or pairs of name and value.
        attach: The task whose execution this is.
        **items: More attributes.

    Attributes:
        attempt: How many times the task was handed over to a backend.
        held: It is not to be started until released.
        state_last_changed: UTC, seconds since the epoch; absent before the first change.
        resource_name: Of the backend.
        lrms_jobid: What the backend, or its batch system, calls the job.
        lrms_execdir: Where the job runs or ran; None once that is of no use.
        duration, used_cpu_time: Quantities of time. max_used_memory: Of memory.

    >>> run = Run()
    >>> run.state, run.returncode
    (<State.NEW: 'NEW'>, None)
    >>> run.returncode = (0, 1)
    >>> run.exitcode, run.in_state("failed")
    (1, False)
    """

    __slots__ = (
        "_exitcode",
        "_facts",
        "_moving",
        "_signal",
        "_state",
        "_task",
        "attempt",
        "held",
        "state_last_changed",
    )

    State: ClassVar = states.State
    Signals: ClassVar = Signals
    Arch: ClassVar = _Arch

    _signal: int | None
    _exitcode: int | None
    _facts: RunDetails | bytes
    _moving: states.State | None
    _state: states.State
    _task: Callable[[], Owner | None] | None
    attempt: int
    held: bool
    state_last_changed: float

    resource_name = Fact("resource", keep=str)
    lrms_jobid = Fact("job", keep=str)
    duration = Fact("duration", Duration, Duration.from_seconds, Duration.in_seconds)
    used_cpu_time = Fact("cpu_time", Duration, Duration.from_seconds, Duration.in_seconds)
    max_used_memory = Fact("memory", Memory, lambda size: Memory(size, Memory.B), Memory.in_bytes)

    def __init__(
        self,
        initializer: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        attach: Owner | None = None,
        **items: Any,
    ) -> None:
        _set(self, "_task", None)
        _set(self, "_state", states.State.NEW)
        _set(self, "_signal", None)
        _set(self, "_exitcode", None)
        _set(self, "_facts", b"")
        _set(self, "_moving", None)
        _set(self, "attempt", 0)
        _set(self, "held", False)
        if initializer is not None or items:
            super().__init__(initializer, **items)
        if attach is not None:
            _set(self, "_task", weakref.ref(attach))

    @classmethod
    def of_record(cls, task: Owner, summary: Summary, details: bytes) -> Self:
        """The execution of a task as its record says."""
        run = cls.__new__(cls)
        _set(run, "_task", weakref.ref(task))
        _set(run, "_moving", None)
        run.restore(summary, details)
        return run

    # attributes

    def __setattr__(self, name: str, value: Any) -> None:
        _set(self, name, value)
        self.touch()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self.touch()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in _FIXED if hasattr(self, name))
        yield from self.__dict__

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__ or (name in _FIXED and hasattr(self, str(name)))

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Run {self._state} {self.returncode}>"

    def keys(self) -> list[str]:  # type: ignore[override]
        """The names of the attributes that are known."""
        return list(self)

    def copy(self) -> Struct:
        """A plain `Struct` of the same items."""
        return Struct({name: self[name] for name in self})

    def __getstate__(self) -> dict[str, Any]:
        return {
            "state": self._state.value,
            "signal": self._signal,
            "exitcode": self._exitcode,
            "attempt": self.attempt,
            "held": self.held,
            "changed": getattr(self, "state_last_changed", None),
            "details": self.encoded_details(),
            "free": self.__dict__,
        }

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__init__(kept["free"])  # type: ignore[misc]
        _set(self, "_state", states.State(kept["state"]))
        _set(self, "_signal", kept["signal"])
        _set(self, "_exitcode", kept["exitcode"])
        _set(self, "attempt", kept["attempt"])
        _set(self, "held", kept["held"])
        _set(self, "_facts", kept["details"])
        if kept["changed"] is not None:
            _set(self, "state_last_changed", kept["changed"])

    # the task

    @property
    def task(self) -> Owner | None:
        """The task whose execution this is, if there is one."""
        return None if self._task is None else self._task()

    def attach(self, task: Owner) -> None:
        """Make this the execution of a task, whose hooks and parents are called from now on."""
        _set(self, "_task", weakref.ref(task))

    def touch(self) -> None:
        """Mark the task as changed. To be called after a change of `details` or in place."""
        task = self.task
        if task is not None:
            _set(task, "changed", True)

    # the state

    @property
    def state(self) -> states.State:
        """Where the task is in its life.

        Setting it stamps the time, adds a line to the history, marks the task as changed and runs
        the task's method of that name in lower case, if its class has one; only then the new state
        is stored, its parents are told, and it is published. Setting the same state does nothing.

        Raises:
            InvalidValue: The value is no state.
            InvalidOperation: There is no way from the present state to this one.
            Exception: Whatever the task's method raises. The old state stays.
        """
        return self._state

    @state.setter
    def state(self, value: str) -> None:
        after = _STATES.get(value)
        if after is None:
            raise InvalidValue(f"{value!r} is no state; the states are {', '.join(states.State)}")
        if after is not self._state and after is not self._moving:
            move(self, after)

    def forget_move(self) -> None:
        """Forget a change of state that was cut off, say by Ctrl-C: the old state stays."""
        _set(self, "_moving", None)

    def in_state(self, *names: str) -> bool:
        """Whether the state is one of these; "ok" and "failed" mean TERMINATED, well or not."""
        if self._state in names:
            return True
        if self._state is not states.State.TERMINATED:
            return False
        return ("ok" if self.returncode == 0 else "failed") in names

    def fail(self, message: str, traceback: str = "") -> None:
        """End the task, as failed by the code around it, without running its hooks.

        The state becomes TERMINATED and the returncode (0, 70).
        """
        details = self.details
        details.history.append((SYSTEM.now(), message))
        details.reason = message
        details.traceback = traceback
        self.returncode = (0, EX_SOFTWARE)
        if self._state is not states.State.TERMINATED:
            enter(self, states.State.TERMINATED, stamp(self, states.State.TERMINATED))

    # how it ended

    @property
    def signal(self) -> int | None:
        """The signal that ended it, 0 if none did, None if not known; 7 bits of what is set."""
        return self._signal

    @signal.setter
    def signal(self, value: Any) -> None:
        _set(self, "_signal", termination.to_signal(value))

    @property
    def exitcode(self) -> int | None:
        """The exit code, None if not known; only the low 8 bits of what is set count."""
        return self._exitcode

    @exitcode.setter
    def exitcode(self, value: Any) -> None:
        _set(self, "_exitcode", termination.to_exitcode(value))

    @property
    def returncode(self) -> int | None:
        """Exit code times 256 plus signal; None if both are.

        It can be set to None, to a pair (signal, exit code), or to such a number: 13 is signal 13,
        256 is exit code 1.
        """
        return termination.join(self._signal, self._exitcode)

    @returncode.setter
    def returncode(self, value: Any) -> None:
        before = self.returncode
        signal, exitcode = termination.split(value)
        _set(self, "_signal", signal)
        _set(self, "_exitcode", exitcode)
        after = self.returncode
        task = self.task
        if before != after and task is not None and events.TermStatusChange:
            events.TermStatusChange.send(task, from_returncode=before, to_returncode=after)

    shellexit_to_returncode = staticmethod(termination.shellexit_to_returncode)

    def finish(
        self,
        *,
        signal: int | None,
        exitcode: int | None,
        reason: str = "",
        started: float | None = None,
        ended: float | None = None,
        cpu_time: float | None = None,
        max_memory: int | None = None,
        memory_is_bound: bool = False,
    ) -> None:
        """Take over what a backend reports of an ended job; the state is left to the caller.

        Args:
            signal, exitcode: Either may be None; exact otherwise.
            reason: Why it was ended, if it did not end by itself.
            started, ended: UTC, seconds since the epoch.
            cpu_time: Seconds.
            max_memory: Bytes; `memory_is_bound`: only an upper bound.
        """
        details = self.details
        details.reason = reason
        details.started, details.ended = started, ended
        if started is not None and ended is not None:
            details.duration = max(0.0, ended - started)
        details.cpu_time = cpu_time
        details.memory, details.memory_is_bound = max_memory, memory_is_bound
        if signal:
            self.returncode = (signal, -1 if exitcode is None else exitcode)
        else:
            self.returncode = (None if exitcode is None else 0, exitcode)

    # history

    @property
    def history(self) -> History:
        """What happened, line by line."""
        return History(self)

    @property
    def info(self) -> str:
        """The last line of the history and its time; setting it adds a line."""
        lines = self.details.history
        return with_time(*lines[-1]) if lines else ""

    @info.setter
    def info(self, message: str) -> None:
        self.history.append(message)

    @property
    def timestamp(self) -> dict[str, float]:
        """When each state was last entered; UTC, seconds since the epoch."""
        return self.details.timestamps

    @property
    def lrms_execdir(self) -> str | None:
        """Where the job runs or ran; None if it left no files there, or has ended well.

        Raises:
            AttributeError: It is not known yet.
        """
        details = self.details
        if not details.directory and details.ended is None:
            raise AttributeError("lrms_execdir is not known yet")
        return details.directory or None

    @lrms_execdir.setter
    def lrms_execdir(self, value: str | None) -> None:
        self.details.directory = value or ""

    # attempts, and what is kept

    @property
    def details(self) -> RunDetails:
        """Everything that the summary does not say; decoded when first looked at. See `touch`."""
        facts = self._facts
        if type(facts) is bytes:
            facts = decode_details(facts)
            _set(self, "_facts", facts)
        return facts  # type: ignore[return-value]

    def encoded_details(self) -> bytes:
        """The details as a record keeps them."""
        facts = self._facts
        return facts if type(facts) is bytes else encode_details(facts)  # type: ignore[arg-type]

    def start_attempt(self, token: str) -> None:
        """Count one more hand-over, of a job called `token`; to be saved before that happens."""
        self.details.token = token
        self.attempt += 1

    def end_attempt(self) -> None:
        """Put the facts of the last attempt among the earlier ones; the returncode stays."""
        if self.attempt > len(self.details.attempts):
            self.details.archive(self.attempt, self.returncode)
            self.touch()

    def restore(self, summary: Summary, details: bytes) -> None:
        """Be what a record says."""
        signal, exitcode = termination.restore(summary.returncode)
        _set(self, "_state", _STATES.get(summary.state, states.State.NEW))
        _set(self, "_signal", signal)
        _set(self, "_exitcode", exitcode)
        _set(self, "_facts", details)
        _set(self, "attempt", summary.attempt)
        _set(self, "held", summary.held)
        if summary.changed:
            _set(self, "state_last_changed", summary.changed)


_FIXED = (
    "state",
    "signal",
    "exitcode",
    "returncode",
    "history",
    "timestamp",
    "attempt",
    "held",
    "state_last_changed",
    "lrms_execdir",
    *(name for name, member in vars(Run).items() if isinstance(member, Fact)),
)
