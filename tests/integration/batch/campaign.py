"""Tasks on a batch system whose engine, and whose batch system, are treated badly."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gc3libs.backends.base import Backend
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import BatchResource
from gc3libs.engine import Engine
from gc3libs.model import Application, State, Task
from gc3libs.persistence import make_store

PATIENCE = 120.0
SHIM = """\
#!/bin/sh
# stands before the real command, once, and does what the file `mode` says
mode=$(cat {directory}/mode 2>/dev/null)
rm -f {directory}/mode
echo x >>{directory}/calls
case $mode in
    before) kill -9 $GC3_TEST_ENGINE; exit 1 ;;
    during) kill -9 $GC3_TEST_ENGINE; sleep 1; exec {real} "$@" ;;
    after) {real} "$@"; kill -9 $GC3_TEST_ENGINE ;;
    silent) {real} "$@" >/dev/null ;;
    timed-out) {real} "$@" >/dev/null
        echo "error: Batch job submission failed: Socket timed out on send/recv operation" >&2
        exit 1 ;;
    nothing) echo "error: Unable to contact slurm controller (connect failure)" >&2; exit 1 ;;
    *) exec {real} "$@" ;;
esac
"""


class Campaign:
    """Tasks in a store, each of which writes its name to a file when it runs.

    Args:
        settings: Of the backend.
        stand_in: Path of a command before which something can be put.
    """

    def __init__(self, home: Path, settings: BatchResource, stand_in: str) -> None:
        self.home = home
        self.settings = settings
        self.url = f"sqlite:{home}/store.db"
        self.ran = home / "ran"
        self.bin = home / "bin"
        self.bin.mkdir()
        shim = self.bin / Path(stand_in).name
        shim.write_text(SHIM.format(directory=self.bin, real=stand_in))
        shim.chmod(0o755)
        self._engines: list[int] = []

    def interfere(self, mode: str) -> None:
        """Have something go wrong at the next submission."""
        (self.bin / "mode").write_text(mode)

    @property
    def submissions(self) -> int:
        """How many submission commands there were."""
        calls = self.bin / "calls"
        return len(calls.read_text().split()) if calls.exists() else 0

    def task(self, name: str, script: str = "", **extra: Any) -> Application:
        """A task that notes that it runs, and then does this."""
        command = ["/bin/sh", "-c", f"echo {name} >>'{self.ran}'; {script or ':'}"]
        return Application(
            command, [], ["out.txt"], str(self.home / "out" / name), jobname=name,
            stdout="out.txt", **extra,
        )  # fmt: skip

    def save(self, tasks: Iterable[Task]) -> None:
        """Give them to the store."""
        with make_store(self.url) as store:
            store.save_many(list(tasks))

    def backend(self) -> BatchBackend:
        """The one that all engines of this campaign use."""
        return BatchBackend("cluster", self.settings, self.home / "run", settle=1.0)

    def run(self, watch: Callable[[Backend], None] = lambda backend: None) -> None:
        """Run what is not over, as a fresh process would."""
        with make_store(self.url) as store, contextlib.ExitStack() as stack:
            backend = self.backend()
            stack.callback(backend.close)
            watch(backend)
            engine = Engine(backend, store=store)
            engine.feed(store.list())
            engine.run()
            engine.close()

    def start_apart(self) -> int:
        """Run it in a process of its own; its process ID."""
        pid = os.fork()
        if pid == 0:
            os.environ["GC3_TEST_ENGINE"] = str(os.getpid())
            with contextlib.suppress(BaseException):
                self.run()
                os._exit(0)
            os._exit(1)
        self._engines.append(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The wait status of an engine's process."""
        status = os.waitpid(pid, 0)[1]
        self._engines.remove(pid)
        return status

    def kill(self, pid: int) -> None:
        """End an engine, as nobody can prevent."""
        os.kill(pid, signal.SIGKILL)
        self.wait(pid)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that announces itself in no way."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it does not happen"
            time.sleep(0.05)

    def names(self) -> list[str]:
        """Of the tasks that have run so far."""
        return self.ran.read_text().split() if self.ran.exists() else []

    def clear(self) -> None:
        """End what a failed test has left."""
        for pid in self._engines.copy():
            self.kill(pid)

    def tasks(self) -> dict[str, Task]:
        """As the store has them, by name."""
        with make_store(self.url) as store:
            found = store.load_many(store.list()).values()
            return {task.jobname: task for task in found}

    def check(self, expected: Mapping[str, int | None], *, some_are_ended: bool = False) -> None:
        """Every task is over, as expected (None: lost or cancelled), and ran once at most.

        Those with an exit status ran once, for certain, and nothing is left of any.

        Args:
            some_are_ended: The batch system may have ended some by itself, and that must be known.
        """
        tasks = self.tasks()
        assert tasks.keys() == expected.keys()
        assert {task.execution.state for task in tasks.values()} == {State.TERMINATED}
        ran = Counter(self.names())
        assert max(ran.values(), default=0) <= 1, f"run twice: {ran}"
        for name, code in expected.items():
            run = tasks[name].execution
            if code is not None and not (some_are_ended and run.signal):
                assert (name, run.signal, run.exitcode) == (name, 0, code), list(run.history)
                assert ran[name] == 1
            else:
                assert run.returncode not in (0, None), list(run.history)
        backend = self.backend()
        assert backend.tokens() == set()
        backend.close()
