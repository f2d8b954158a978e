"""An engine that works in a thread of its own while the program does something else."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from gc3libs.engine import Engine
from gc3libs.exceptions import InvalidArgument, InvalidOperation, RecoverableError
from gc3libs.quantity import Duration

logger = logging.getLogger(__name__)

Call = Callable[[], Any]

_QUEUED = frozenset({"add", "fetch_output", "free", "kill", "redo", "remove", "submit"})
"""Methods that move tasks: while the thread works, it calls them itself."""


class BackgroundEngine:
    """Calls an engine's `progress` again and again, in a thread, between `start` and `stop`.

    It has all methods of the engine, and its attributes to be read. Those methods that move tasks
    (`add`, `submit`, `kill`, ...) are called by the thread while it works, at its next round, and
    give nothing; what they raise goes to the log.

    Args:
        lib: `"threading"`.
        engine: The engine.

    Raises:
        InvalidArgument: There is no such `lib`.
    """

    def __init__(self, lib: str, engine: Engine) -> None:
        if lib != "threading":
            raise InvalidArgument(f"{lib!r}: an engine works in the background by 'threading' only")
        self._engine = engine
        self._calls: deque[Call] = deque()
        self._before: deque[Call] = deque()
        self._after: deque[Call] = deque()
        self._leave = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread works."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, interval: Duration) -> None:
        """Have a round begin every so often.

        Raises:
            InvalidOperation: It was started already.
        """
        if self.running:
            raise InvalidOperation("this engine works in the background already: stop() it first")
        self._leave.clear()
        seconds = float(interval.in_seconds())
        self._thread = threading.Thread(
            target=self._work, args=(seconds,), name="gc3libs engine", daemon=True
        )
        self._thread.start()

    def stop(self, wait: bool = False) -> None:
        """Begin no more rounds; jobs that run go on.

        Args:
            wait: Return when the last round is over.
        """
        self._leave.set()
        if wait and self._thread is not None:
            self._thread.join()

    def trigger_before_progress(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have something called once, before the next round."""
        self._before.append(lambda: func(*args, **kwargs))

    def trigger_after_progress(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have something called once, after the next round."""
        self._after.append(lambda: func(*args, **kwargs))

    def progress(self) -> None:
        """Do a round now, unless the thread works, which does them anyhow."""
        if not self.running:
            self._round()

    def close(self) -> None:
        """Stop, save everything and let go of backends and tasks; jobs go on."""
        self.stop(wait=True)
        _do_all(self._calls)
        self._engine.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        if name not in _QUEUED:
            return found

        def call(*args: Any, **kwargs: Any) -> None:
            if self.running:
                self._calls.append(lambda: found(*args, **kwargs))
            else:
                found(*args, **kwargs)

        return call

    def _work(self, seconds: float) -> None:
        while not self._leave.is_set():
            self._round()
            self._leave.wait(seconds)
        _do_all(self._calls)

    def _round(self) -> None:
        _do_all(self._calls)
        _do_all(self._before)
        try:
            self._engine.progress()
        except RecoverableError as err:
            logger.warning("the next round tries again: %s", err)
        _do_all(self._after)


def _do_all(calls: deque[Call]) -> None:
    """Do what is waiting, but not what is added meanwhile."""
    for _ in range(len(calls)):
        try:
            calls.popleft()()
        except Exception as err:  # noqa: BLE001  # whatever it raises, the engine goes on
            logger.error("what was to be done in the background raised %r", err)
