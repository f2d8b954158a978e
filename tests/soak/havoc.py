"""What happens to a session while it is run: kills, Ctrl-C, commands, and more tasks."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from world import Trouble, World

_BACKLOG = 150
"""No more tasks are added while so many wait."""

_ENDS = (0, 75, 130, -signal.SIGINT, -signal.SIGKILL)
"""Of engines: done, another one runs, interrupted, while it began, killed."""


class Havoc:
    """Does one thing after the other, by chance, and remembers what it may have changed.

    Attributes:
        added: IDs that were acknowledged.
        removed: IDs that somebody was asked to remove.
        retried: How often each task was to be done again.
        killed: IDs of tasks that were to be ended.
        happened: How often each thing was done.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._seed = seed * 1_000_000
        self._engine: subprocess.Popen[str] | None = None
        self._adding: list[subprocess.Popen[str]] = []
        self.added: set[str] = set()
        self.removed: set[str] = set()
        self.retried: Counter[str] = Counter()
        self.killed: set[str] = set()
        self.happened: Counter[str] = Counter()
        self._weights: dict[Callable[[], None], int] = {
            self.add: 20,
            self.kill_engine: 14,
            self.kill_supervisor: 8,
            self.kill_both: 3,
            self.interrupt: 8,
            self.start_another: 2,
            self.look: 10,
            self.retry: 8,
            self.remove: 6,
            self.hold: 4,
            self.release: 5,
            self.end: 4,
            self.tag: 2,
            self.undo: 2,
            self.check: 1,
            self.kill_command: 5,
        }

    def step(self) -> None:
        """Do something, while an engine runs."""
        self._world.reap()
        self._hear_of_added()
        self._keep_running()
        (thing,) = self._chance.choices(list(self._weights), list(self._weights.values()))
        self.happened[thing.__name__] += 1
        thing()

    def settle(self) -> None:
        """End what was begun, and let the session come to its end undisturbed."""
        for process in self._adding:
            process.wait(300)
        self._hear_of_added()
        self.interrupt()
        for _ in range(2):
            self._world.gc3("release", "--all", "-y")
            code = self._world.start_python("engine.py", 4).wait(900)
            if code:
                raise Trouble(f"the last run ended with exit code {code}: see engine.err")
        self._world.reap()

    def write(self, path: Path) -> None:
        """Keep what was done, for whoever looks for the cause of a trouble."""
        names = ("added", "removed", "retried", "killed", "happened")
        found = {name: getattr(self, name) for name in names}
        kept = {
            name: sorted(each) if isinstance(each, set) else each for name, each in found.items()
        }
        path.write_text(json.dumps(kept, indent=1))

    # engines

    def _keep_running(self) -> None:
        if self._engine is not None and self._engine.poll() is not None:
            self._note_end(self._engine)
            self._engine = None
        if self._engine is None:
            cores = self._chance.choice((2, 4, 8))
            self._engine = self._world.start_python("engine.py", cores)

    def _note_end(self, engine: subprocess.Popen[str]) -> None:
        if engine.stdout is not None:
            engine.stdout.close()
        if engine.returncode not in _ENDS:
            self._world.troubles.append(f"an engine ended with exit code {engine.returncode}")

    def _stop_engine(self, number: int) -> None:
        if self._engine is not None:
            self._engine.send_signal(number)
            self._engine.wait(120)
            self._note_end(self._engine)
            self._engine = None

    def kill_engine(self) -> None:
        self._stop_engine(signal.SIGKILL)
        self._world.kills["engine"] += 1

    def interrupt(self) -> None:
        """Ctrl-C, at any moment after Python itself has started."""
        if self._engine is not None and self._engine.stdout is not None:
            self._engine.stdout.readline()
        self._stop_engine(signal.SIGINT)

    def kill_supervisor(self) -> None:
        self._world.kill_supervisor()

    def kill_both(self) -> None:
        self._world.kill_supervisor()
        self.kill_engine()

    def start_another(self) -> None:
        """A second engine: the first one goes on, or had just ended."""
        other = self._world.start_python("engine.py", 2)
        try:
            other.wait(2)
        except subprocess.TimeoutExpired:
            other.send_signal(signal.SIGINT)
            other.wait(120)
        self._note_end(other)

    # more tasks

    def add(self) -> None:
        """Begin to add some, unless many wait."""
        if len(self._world.ids("--waiting")) < _BACKLOG and len(self._adding) < 2:
            self._seed += 1
            count = self._chance.randrange(1, 40)
            self._adding.append(self._world.start_python("adding.py", self._seed, count))

    def _hear_of_added(self) -> None:
        for process in [each for each in self._adding if each.poll() is not None]:
            self._adding.remove(process)
            self.added.update(process.communicate()[0].split())
            if process.returncode not in (0, -signal.SIGKILL):
                self._world.troubles.append(f"adding ended with exit code {process.returncode}")

    # commands

    def _some(self, *filters: str) -> list[str]:
        ids = self._world.ids(*filters)
        return self._chance.sample(ids, min(len(ids), self._chance.randrange(1, 6)))

    def look(self) -> None:
        verb, *words = self._chance.choice(
            (("ls",), ("ls", "--tree"), ("status",), ("failures",), ("results",), ("history",))
        )
        if verb == "history":
            words = self._some()[:1]
        done = self._world.gc3(verb, *words)
        if done.code == 1:
            self._world.troubles.append(f"gc3 {verb}: {done.err}")

    def _change(self, verb: str, ids: list[str], *words: str) -> None:
        if ids:
            self._world.gc3(verb, *ids, "-y", *words)

    def retry(self) -> None:
        ids = self._some(self._chance.choice(("--failed", "--done")))
        self.retried.update(ids)
        self._change("retry", ids)

    def remove(self) -> None:
        ids = self._some(self._chance.choice(("--done", "--failed", "--waiting")))
        self.removed.update(ids)
        self._change("rm", ids)

    def hold(self) -> None:
        self._change("hold", self._some("--waiting"))

    def release(self) -> None:
        self._change("release", self._some("--state", "held"))

    def end(self) -> None:
        ids = self._some(self._chance.choice(("--waiting", "--running")))
        self.killed.update(ids)
        self._change("kill", ids)

    def tag(self) -> None:
        ids = self._some()
        if ids:
            self._world.gc3("tag", *ids, "--add", "seen")

    def undo(self) -> None:
        self._world.gc3("undo")

    def check(self) -> None:
        self._world.gc3("check")

    def kill_command(self) -> None:
        """Cut a process off that adds, or a command that changes something."""
        if self._adding and self._chance.random() < 0.5:
            self._adding[0].kill()
        else:
            verb, wanted = self._chance.choice(
                (("retry", self.retried), ("rm", self.removed), ("kill", self.killed))
            )
            ids = self._some()
            wanted.update(ids)
            command = self._world.start_gc3(verb, *ids, "-y")
            try:
                command.wait(self._chance.uniform(0, 0.4))
            except subprocess.TimeoutExpired:
                command.kill()
                command.wait(60)
            if command.stdout is not None:
                command.stdout.close()
        self._world.kills["command"] += 1
