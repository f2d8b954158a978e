"""Ctrl-C, heard only where it does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_IMPATIENCE = 3
"""So many times Ctrl-C, and it is heard wherever the program is."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C wait until the block is done; then it does what it always does.

    Outside the main thread, where Ctrl-C is never raised, nothing is changed.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield
        return
    pressed = 0

    def press(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed >= _IMPATIENCE:
            pressed = 0
            former(signum, frame)

    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if pressed:
            former(signal.SIGINT, None)
