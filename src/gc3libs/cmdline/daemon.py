"""`SessionBasedDaemon`: a script that stays, and makes tasks of files that come."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._commands import Commands
from gc3libs.cmdline._detaching import detached
from gc3libs.cmdline._reception import Reception
from gc3libs.cmdline._trouble import described
from gc3libs.cmdline._watching import CREATED, Alarm, Bell, Event, Inboxes
from gc3libs.cmdline.script import SessionBasedScript
from gc3libs.exceptions import InvalidUsage
from gc3libs.url import Url

__all__ = ["SessionBasedDaemon"]

LOG = "daemon.log"
LOOK = 1.0
"""Longest time, in seconds, without a look around."""


class SessionBasedDaemon(SessionBasedScript):
    """A script that stays, watches directories, and makes tasks of what comes there.

    It calls `created`, `modified` or `deleted` for each file of the watched directories to which
    that happens, once the file is complete; files that came while it was away, too. If it is killed
    within the moment between such a call and its being noted, the next one makes the call again.
    What was added runs. One daemon at a time runs a session; it is talked to by `DaemonClient`, and
    ends on SIGTERM.

    A script that overrides `setup_options` or `setup_args` calls those of this class, too.
    """

    Commands: Any = Commands
    """What can be asked of it; a class of its own may have more."""

    _leaving = False
    _next_look = 0.0

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self.actions["wait"].default = 30

    # what scripts override

    def setup_options(self) -> None:
        """Add options; to be extended."""
        self._add("-F", "--foreground", action="store_true", help="stay in the foreground")
        self._add(
            "--working-dir",
            metavar="PATH",
            default=str(Path.cwd()),
            help="directory to be in, with session, outputs and log (default: the current one)",
        )
        self._add("--listen", metavar="HOST:PORT", help="without effect: see DaemonClient")

    def setup_args(self) -> None:
        """Add arguments: the directories to watch."""
        self.add_param("inbox", nargs="+", metavar="INBOX", help="directory to watch")

    def new_tasks(self, extra: dict[str, Any]) -> Iterable[Any]:
        """Tasks of a new session; none unless this is overridden."""
        return []

    def created(self, inbox: Url, subject: Url) -> None:
        """A file has come.

        Args:
            inbox: The watched directory.
            subject: The file.
        """

    def modified(self, inbox: Url, subject: Url) -> None:
        """A file has changed."""

    def deleted(self, inbox: Url, subject: Url) -> None:
        """A file is gone."""

    # the frame

    def _prepare(self) -> None:
        super()._prepare()
        params = self.params
        home = Path(params.working_dir).absolute()
        params.working_dir = str(home)
        params.inbox = [self._inbox(each) for each in params.inbox]
        if params.session == self.actions["session"].default:
            params.session = str(home / "session")
        if params.output == self.actions["output"].default:
            params.output = str(home)
        params.session = str(Path(params.session).absolute())

    def _inbox(self, text: str) -> Url:
        url = Url(text)
        if url.scheme != "file":
            raise InvalidUsage(f"{text} cannot be watched: it is no directory of this machine")
        return url

    def main(self) -> int:
        """Stay until somebody ends it."""
        if self.params.listen:
            self.log.warning("--listen is without effect: the daemon listens on a Unix socket only")
        for place in (self.params.working_dir, *(each.path for each in self.params.inbox)):
            Path(place).mkdir(parents=True, exist_ok=True)
        os.chdir(self.params.working_dir)
        if self.params.foreground:
            self._ready: Callable[[], None] = lambda: None
            return super().main()
        with detached(Path(self.params.working_dir, LOG)) as (code, self._ready):
            if code is None:
                return super().main()
        if code == os.EX_OK:
            self._say(f"{self.name} stays; its messages go to {self.params.working_dir}/{LOG}.")
        return code

    def _make_tasks(self) -> None:
        if not len(self.session):
            super()._make_tasks()

    # the loop

    @property
    def _is_watched(self) -> bool:
        return False

    @property
    def _shows_tables(self) -> bool:
        return False

    def _loop(self) -> int:
        self._controller.forget_terminated = True
        directories = [each.path for each in self.params.inbox]
        self._inboxes = Inboxes(directories, Path(self.session.path, "inbox.json"))
        self._commands = self.Commands(
            self.session, self._orders, self.name, self._arrive, self._leave
        )
        with (
            contextlib.closing(Bell()) as self._bell,
            contextlib.closing(Alarm(directories, self._hear)) as self._alarm,
            contextlib.closing(Reception(self.session.path)) as self._reception,
            _pid_file(Path(self.session.path, f"{self.name}.pid")),
            _on_sigterm(self._leave),
        ):
            self._ready()
            return super()._loop()

    def _leave(self) -> None:
        self._leaving = True
        self._bell.ring()

    def _hear(self) -> None:
        """Something has changed in a directory."""
        self._next_look = 0.0
        self._bell.ring()

    def _main_loop_done(self, code: int) -> bool:
        return self._leaving

    def _sleep(self, seconds: float) -> None:
        deadline = SYSTEM.monotonic() + seconds
        while not self._leaving and SYSTEM.monotonic() < deadline:
            self._keep_going(deadline - SYSTEM.monotonic(), lambda: self._leaving)
            if not self._leaving:
                self._rest(deadline - SYSTEM.monotonic())
                self._look()

    def _rest(self, seconds: float) -> None:
        """Wait until somebody comes, or it is time to look around."""
        timeout = min(LOOK, max(0.0, seconds), self._inboxes.due_in)
        select.select([self._reception.fileno(), self._bell.fileno()], [], [], timeout)
        self._bell.silence()

    def _look(self) -> None:
        super()._look()
        self._reception.serve(self._commands._answer)
        now = SYSTEM.monotonic()
        if now >= self._next_look or not self._inboxes.due_in:
            self._next_look = now + self._alarm.pause
            self._attend()

    def _attend(self) -> None:
        """Make tasks of what has come."""
        events = self._inboxes.look()
        for event in events:
            self._tell(event)
            self._inboxes.settle(event)
        if events:
            self._inboxes.remember()

    def _tell(self, event: Event) -> None:
        hook = getattr(self, event.kind)
        try:
            hook(Url(event.inbox), Url(event.path))
        except Exception as err:  # noqa: BLE001  # whatever the script raises
            self.log.error("%s of %s: %s", event.kind, event.path, described(err))

    def _arrive(self, path: str) -> None:
        """Treat a file as if it had come just now."""
        found = Path(path).absolute()
        self._tell(Event(CREATED, str(found.parent), str(found)))

    def _show_end(self) -> None:
        self._controller.flush()
        self._print_tables()


@contextlib.contextmanager
def _pid_file(path: Path) -> Iterator[None]:
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _on_sigterm(leave: Callable[[], None]) -> Iterator[None]:
    former = signal.signal(signal.SIGTERM, lambda signum, frame: leave())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
