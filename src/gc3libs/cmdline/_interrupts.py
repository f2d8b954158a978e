"""Ctrl-C, raised only where it does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TypeVar

T = TypeVar("T")

IMPATIENCE = 3
"""So many times Ctrl-C, and it is raised wherever the program is."""


class Interrupts:
    """Holds Ctrl-C back while a store is written, and raises it afterwards.

    As a context manager, it takes Ctrl-C over, if it can: outside the main thread, or where the
    program deals with Ctrl-C by itself, nothing is changed.
    """

    def __init__(self) -> None:
        self._held_back = 0
        self._pressed = 0
        self._former: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._former = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def _press(self, signum: int, frame: FrameType | None) -> None:
        self._pressed += 1
        if not self._held_back or self._pressed >= IMPATIENCE:
            self.check()

    def check(self) -> None:
        """Raise what was held back.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed since the last time.
        """
        pressed, self._pressed = self._pressed, 0
        if pressed:
            raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Raise Ctrl-C in this block only where `check` is called or where it is `allowed`."""
        self._held_back += 1
        try:
            yield
        finally:
            self._held_back -= 1

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise Ctrl-C at once in this block."""
        depth, self._held_back = self._held_back, 0
        try:
            self.check()
            yield
        finally:
            self._held_back = depth

    def allowed_between(self, items: Iterable[T]) -> Iterator[T]:
        """The same items; Ctrl-C is raised at once while the next one is made."""
        iterator = iter(items)
        while True:
            with self.allowed():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
