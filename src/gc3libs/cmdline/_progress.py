"""The view of a run while it runs: a picture on a terminal, now and then a line elsewhere.

It is fed with plain data and knows neither engine nor session. `rich` is imported only once there
is a terminal to draw on.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gc3libs._clock import SYSTEM, Clock
from gc3libs.cmdline._estimate import Estimator
from gc3libs.cmdline._figures import Progress, line, printable
from gc3libs.cmdline._messages import pace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

__all__ = ["Progress", "ProgressView"]

REDRAW = 0.25
"""Seconds between two pictures, at least."""
FIRST_PAUSE = 5.0
"""Seconds between the first two lines where there is no terminal."""
PAUSE_GROWTH = 1.5
LONGEST_PAUSE = 300.0


class ProgressView:
    """Shows a run to whoever watches.

    On a terminal a picture that is redrawn at most four times a second and leaves nothing behind;
    elsewhere lines, at first every five seconds and by and by less often. It draws only when it is
    fed: feed it once a second even if nothing happens, so that times go on.

    Args:
        name: The session's name.
        place: Where the tasks run, such as "this machine".
        console: Where to show it; default: the standard error stream.
        hint: What to tell the user that they can do.
        clock: For tests.
    """

    def __init__(
        self,
        name: str,
        place: str,
        console: Console | None = None,
        *,
        hint: str = "Ctrl-C: stop",
        clock: Clock = SYSTEM,
    ) -> None:
        self._name = printable(name)
        self._place = place
        self._hint = hint
        self._clock = clock
        self._console = console
        self._estimator = Estimator()
        self._live = self._start()
        self._pause = REDRAW if self._live else FIRST_PAUSE
        self._next = clock.monotonic()
        self._skipped: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def due(self) -> bool:
        """Whether an update would be shown now; if not, there is no need to gather its data."""
        return self._clock.monotonic() >= self._next

    def update(self, progress: Progress) -> None:
        """Take note of how far the run is, and show it if it is time."""
        self._estimator.observe(self._clock.monotonic(), progress.done + progress.failed)
        if self.due:
            self._show(progress)
        else:
            self._skipped = progress

    def close(self, message: str = "") -> None:
        """Take the picture away, or write a last line; then the message, if there is one.

        Calling it again only writes the message.
        """
        if self._live:
            self._live.stop()
            self._live = None
        elif self._skipped and not message:
            self._show(self._skipped)
        self._skipped = None
        if message:
            self._write(message)

    def _start(self) -> Live | None:
        if self._console is None and not sys.stderr.isatty():
            return None
        from rich.console import Console
        from rich.live import Live

        self._console = self._console or Console(stderr=True)
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return None
        live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file is to get there
        )
        live.start()
        return live

    def _show(self, progress: Progress) -> None:
        self._skipped = None
        now = self._clock.monotonic()
        self._next = now + self._pause
        rest = progress.running + progress.waiting
        words = pace(self._estimator.estimate(now, rest)) if rest else ""
        if self._live:
            from gc3libs.cmdline._picture import Picture

            picture = Picture(self._name, self._place, progress, words, self._hint)
            self._live.update(picture, refresh=True)
        else:
            self._pause = min(self._pause * PAUSE_GROWTH, LONGEST_PAUSE)
            self._write(line(self._name, progress, words))

    def _write(self, text: str) -> None:
        if self._console is None:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        else:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
