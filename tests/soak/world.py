"""Where a soak takes place, and the processes that take part in it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from job import LEDGER

from gc3libs.backends.local.supervisor import journal
from gc3libs.backends.local.supervisor.records import RUNNING, STARTING

HERE = Path(__file__).parent
MARK = "SOAK_MARK"
"""The variable that all processes of one soak have in common."""

_PATIENCE = 300.0
_PR_SET_CHILD_SUBREAPER = 36
_GOING = (STARTING, RUNNING)


class Trouble(Exception):
    """Something that must not happen."""


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class World:
    """A directory with a session, what is not in it, and the processes around it.

    Args:
        home: An empty directory for all of it.
        store: Kind or URL of the session's store.

    Attributes:
        lost: Tokens of the jobs that were running when their supervisor was killed.
        kills: How many of what were killed.
        troubles: What was seen so far that must not happen.
    """

    def __init__(self, home: Path, store: str) -> None:
        self.home = home
        self.session = home / "session"
        self.ledger = home / "ledger"
        self.temporary = home / "tmp"
        self.temporary.mkdir()
        (home / "runtime").mkdir(mode=0o700)
        self.mark = uuid.uuid4().hex
        self.lost: set[str] = set()
        self.kills = {"engine": 0, "supervisor": 0, "command": 0}
        self.troubles: list[str] = []
        self._environment = {
            **os.environ,
            MARK: self.mark,
            LEDGER: str(self.ledger),
            "TMPDIR": str(self.temporary),
            "XDG_RUNTIME_DIR": str(home / "runtime"),
            "XDG_STATE_HOME": str(home / "state"),
            "NO_COLOR": "1",
        }
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.gc3("new", str(self.session), "--store", store, session=False)

    # processes

    def start(self, *command: str, name: str) -> subprocess.Popen[str]:
        """Begin a process; what it says on the standard error goes to a file of this name."""
        with (self.home / f"{name}.err").open("a") as errors:
            return subprocess.Popen(
                command,
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def start_python(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        """Begin one of the programs of this directory on the session."""
        path = str(HERE / script)
        words = [str(self.session), *map(str, arguments)]
        return self.start(sys.executable, path, *words, name=script.removesuffix(".py"))

    def start_gc3(self, verb: str, *words: str) -> subprocess.Popen[str]:
        """Begin a command on the session."""
        command = [sys.executable, "-m", "gc3libs", verb, str(self.session), *words]
        return self.start(*command, name="gc3")

    def gc3(self, verb: str, *words: str, session: bool = True) -> Done:
        """A command, from its beginning to its end; a traceback is trouble."""
        place = [str(self.session)] if session else []
        done = subprocess.run(
            [sys.executable, "-m", "gc3libs", verb, *place, *words],
            env=self._environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if "Traceback" in done.stderr or done.returncode < 0:
            self.troubles.append(f"gc3 {verb} {' '.join(words)}: {done.returncode} {done.stderr}")
        return Done(done.returncode, done.stdout, done.stderr)

    def ids(self, *filters: str) -> list[str]:
        """Of the tasks that the command `gc3 ls` lists."""
        return self.gc3("ls", "--ids", *filters).out.split()

    # the supervisor

    def kill_supervisor(self) -> bool:
        """Kill it, and note what it had running; false if there was none.

        It is stopped first, so that its journal is what it was when it died.
        """
        pid = self._supervisor()
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            if not self._is_stopped(pid):
                return False
            path = self.session / "run" / journal.FILE
            _, records = journal.read(str(path))
            os.kill(pid, signal.SIGKILL)
            self.lost |= {token for token, each in records.items() if each.state in _GOING}
            self.kills["supervisor"] += 1
            return True
        return False

    def _supervisor(self) -> int | None:
        try:
            pid = int((self.session / "run" / "supervisor.lock").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            return None
        return pid if str(self.session / "run").encode() in command.split(b"\0") else None

    @staticmethod
    def _is_stopped(pid: int) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return False
            if state == "T":
                return True
            if state in "ZX":
                return False
            time.sleep(0.001)
        raise Trouble(f"process {pid} does not stop")

    # what is left

    def reap(self) -> None:
        """Collect the orphans that have ended, which nobody else may do here."""
        with contextlib.suppress(ChildProcessError):
            while True:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if info is None or info.si_pid in self._own():
                    return
                os.waitpid(info.si_pid, 0)

    @staticmethod
    def _own() -> set[int]:
        """Processes that are waited for by who started them."""
        return {each.pid for each in subprocess._active if each is not None}  # type: ignore[attr-defined]

    def processes(self) -> dict[int, str]:
        """The living processes of this soak, and what they do."""
        mark = f"{MARK}={self.mark}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(entry.name)] = words.decode(errors="replace")
        return found

    def locks(self) -> list[str]:
        """Locks on files of the session."""
        inodes = {str(path.stat().st_ino) for path in self.session.rglob("*") if path.is_file()}
        lines = Path("/proc/locks").read_text().splitlines()
        return [line for line in lines if line.split()[-3].rpartition(":")[2] in inodes]

    def notes(self) -> Iterator[Sequence[object]]:
        """What the tasks have written down: what, token, value, time."""
        if self.ledger.exists():
            for line in self.ledger.read_text().splitlines():
                yield json.loads(line)
