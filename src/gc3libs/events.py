"""What happens to tasks, as frozen objects, and who listens.

>>> seen = []
>>> publisher = Publisher()
>>> unsubscribe = publisher.subscribe(seen.append, TaskLost)
>>> publisher.publish(TaskLost(task="Application.17", reason="the machine was rebooted", time=0.0))
>>> publisher.publish(PollFailed(backend="local", error="no answer", time=0.0))
>>> [event.reason for event in seen]
['the machine was rebooted']
>>> unsubscribe()
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

logger = logging.getLogger(__name__)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at `time` (UTC, seconds since the epoch)."""

    time: float


class TaskEvent(Event, frozen=True, kw_only=True):
    """Something that happened to a task."""

    task: Any


class TaskStateChanged(TaskEvent, frozen=True, kw_only=True):
    """A task went from one state, by name, to another; its hook has run."""

    before: str
    after: str


class TaskEnded(TaskEvent, frozen=True, kw_only=True):
    """A task is TERMINATED; `returncode` is None if nobody knows how it ended."""

    returncode: int | None
    reason: str


class TaskSubmitted(TaskEvent, frozen=True, kw_only=True):
    """A backend has taken a task's job."""

    backend: str
    attempt: int


class TaskRefused(TaskEvent, frozen=True, kw_only=True):
    """No backend takes a task's job, or not this one; says why."""

    backend: str
    reason: str


class TaskLost(TaskEvent, frozen=True, kw_only=True):
    """A job was, or may have been, started, and how it ended will never be known."""

    reason: str


class HookFailed(TaskEvent, frozen=True, kw_only=True):
    """A method that a task's author wrote has raised; `traceback` is for people."""

    hook: str
    traceback: str


class PollFailed(Event, frozen=True, kw_only=True):
    """A backend could not say how its jobs are; it is asked again later."""

    backend: str
    error: str


class ResourceSetAside(Event, frozen=True, kw_only=True):
    """A resource, by name, has failed and gets no tasks before `until` (UTC, as `time`)."""

    resource: str
    error: str
    until: float


class ResourceBack(Event, frozen=True, kw_only=True):
    """A resource that was set aside answers again."""

    resource: str


Listener = Callable[[Any], object]


class Publisher:
    """Hands events to whoever subscribed, in the order of subscription.

    A listener that raises is logged; neither the others nor the publisher are affected.
    """

    def __init__(self) -> None:
        self._listeners: tuple[tuple[Listener, tuple[type[Event], ...]], ...] = ()

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Callable[[], None]:
        """Have `listener` called with each event of these kinds (none given: of all).

        Returns:
            A function that ends the subscription; calling it again does nothing.
        """
        entry = (listener, kinds or (Event,))
        self._listeners += (entry,)

        def unsubscribe() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not entry)

        return unsubscribe

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody would be told of an event of this kind."""
        return any(issubclass(kind, kinds) for _, kinds in self._listeners)

    def publish(self, event: Event) -> None:
        """Tell the listeners."""
        for listener, kinds in self._listeners:
            if isinstance(event, kinds):
                try:
                    listener(event)
                except Exception:
                    logger.exception("a listener failed on %s", type(event).__name__)


_Receiver = TypeVar("_Receiver", bound=Callable[..., object])


class Signal:
    """A named event of old scripts: receivers are called with the sender and keywords.

    A receiver that raises is logged and harms nobody.

    >>> signal = Signal("greeting")
    >>> @signal.connect
    ... def receiver(sender, **keywords):
    ...     print(sender, keywords)
    >>> signal.send("me", loud=True)
    me {'loud': True}
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._receivers: tuple[tuple[Callable[..., object], object], ...] = ()

    def __repr__(self) -> str:
        return f"<Signal {self.name}>"

    def __bool__(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._receivers)

    def connect(self, receiver: _Receiver, sender: object = None) -> _Receiver:
        """Call `receiver(sender, **keywords)` from now on; if `sender` is given, only for that."""
        self._receivers += ((receiver, sender),)
        return receiver

    def disconnect(self, receiver: Callable[..., object]) -> None:
        """Call `receiver` no more; one that is not connected is no error."""
        self._receivers = tuple(each for each in self._receivers if each[0] != receiver)

    def send(self, sender: object, **keywords: object) -> None:
        """Call the receivers."""
        for receiver, wanted in self._receivers:
            if wanted is None or wanted is sender:
                try:
                    receiver(sender, **keywords)
                except Exception:
                    logger.exception("a receiver of %s failed", self.name)


publisher = Publisher()
"""What happens to any task in this process is published here."""

TaskStateChange = Signal("TaskStateChange")
"""Sent by a task with `from_state` and `to_state`."""

TermStatusChange = Signal("TermStatusChange")
"""Sent by a task with `from_returncode` and `to_returncode`."""
