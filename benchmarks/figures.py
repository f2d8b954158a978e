"""What is measured: each function gives the lines of the table that belong together."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import floors
from measuring import (
    ROUNDS,
    Figure,
    Stopwatch,
    at_least,
    at_most,
    at_most_more,
    child,
    fsync,
    in_turns,
)

MILLISECONDS = 1000


@dataclass
class Bench:
    """Where to measure, and how much of it.

    Attributes:
        directory: On the disk that counts; emptied by whoever made it.
        quick: Small sizes, which show only that it runs.
    """

    directory: Path
    quick: bool

    def size(self, full: int) -> int:
        """A number of tasks, as it is or, when in a hurry, a hundredth or less."""
        return min(full // 100, 1000) if self.quick else full

    @property
    def rounds(self) -> int:
        """How often each way is gone."""
        return 2 if self.quick else ROUNDS

    def fresh(self, name: str) -> Path:
        """An empty directory."""
        path = self.directory / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    @cached_property
    def million(self) -> Path:
        """A session of 1,000,000 tasks in SQLite; made once."""
        path = self.directory / "million"
        child("fill", path, self.size(1_000_000))
        return path


Figures = Callable[[Bench], Iterator[Figure]]


def importing(bench: Bench) -> Iterator[Figure]:
    """What `import gc3libs` costs."""

    def start(program: str) -> Callable[[int, Stopwatch], object]:
        def way(_: int, watch: Stopwatch) -> None:
            with watch():
                subprocess.run([sys.executable, "-c", program], check=True)

        return way

    start("import gc3libs")(0, Stopwatch())
    ours, least = in_turns(start("import gc3libs"), start("pass"), 3 * bench.rounds)
    yield at_most_more(
        80, "`import gc3libs`", "`pass`", ours * MILLISECONDS, least * MILLISECONDS, "ms"
    )


def adding_many(bench: Bench) -> Iterator[Figure]:
    """Adding 100,000 tasks at once."""
    count = bench.size(100_000)

    def ours(number: int, watch: Stopwatch) -> None:
        session = bench.fresh("adding") / "session"
        watch.seconds = child("add_many", session, count, "sqlite")["seconds"]

    def floor(number: int, watch: Stopwatch) -> None:
        path = bench.fresh("inserting") / "floor.db"
        watch.seconds = child("insert", path, count)["seconds"]

    yield at_most(
        4,
        f"`add_many` of {count:,} tasks, SQLite",
        "pickle, `executemany`",
        *in_turns(ours, floor, bench.rounds),
    )


def adding_many_files(bench: Bench) -> Iterator[Figure]:
    """Adding 100,000 tasks at once to a store of files."""
    count = bench.size(100_000)
    files: dict[str, bytes] = {}

    def ours(number: int, watch: Stopwatch) -> None:
        session = bench.fresh("adding") / "session"
        watch.seconds = child("add_many", session, count, "file")["seconds"]
        if not files:
            files.update(floors.read_tree(session))

    def floor(number: int, watch: Stopwatch) -> None:
        target = bench.fresh("writing")
        with watch():
            floors.write_tree(target, files)

    ours(0, Stopwatch())
    yield at_most(
        2,
        f"`add_many` of {count:,} tasks, files",
        "write, rename, sync the same files",
        *in_turns(ours, floor, bench.rounds),
    )


def adding_one(bench: Bench) -> Iterator[Figure]:
    """One durable `add`, and whether it stays as it is in a large session."""
    from gc3libs.session import Session

    for kind, syncs in (("sqlite", 2), ("file", 3)):
        directory = bench.fresh(f"one-{kind}")
        small = Session(directory / "small", store_or_url=kind)
        _add(small, 100)
        ours, least = in_turns(
            _adds(small), _syncs(kind, bench.fresh(f"syncs-{kind}")), 4 * bench.rounds
        )
        yield at_most(
            2,
            f"one durable `add`, {kind}",
            f"{syncs} syncs",
            ours / ADDS * MILLISECONDS,
            least / ADDS * MILLISECONDS,
            "ms",
        )
        large = Session(directory / "large", store_or_url=kind)
        count = bench.size(100_000)
        _add(large, count)
        ours, least = in_turns(_adds(large), _adds(small), 4 * bench.rounds)
        yield at_most(
            1.2,
            f"the same in a session of {count:,}",
            "in one of 100",
            ours / ADDS * MILLISECONDS,
            least / ADDS * MILLISECONDS,
            "ms",
        )
        small.destroy()
        large.destroy()


ADDS = 10
"""How many are added one by one in each round."""


def _add(session: Any, count: int) -> None:
    from gc3libs import Task

    session.add_many(Task(jobname="first", **values) for values in floors.parameters(count))


def _adds(session: Any) -> Callable[[int, Stopwatch], object]:
    from gc3libs import Task

    def way(number: int, watch: Stopwatch) -> None:
        tasks = [Task(jobname=f"more-{number}", **values) for values in floors.parameters(ADDS)]
        with watch():
            for task in tasks:
                session.add(task)

    return way


def _syncs(kind: str, directory: Path) -> Callable[[int, Stopwatch], object]:
    (directory / "index").touch()
    (directory / "log").touch()
    fsync(directory)

    def way(number: int, watch: Stopwatch) -> None:
        with watch():
            for each in range(ADDS):
                if kind == "sqlite":
                    floors.durable_append_twice(directory / "log", directory / "index")
                else:
                    floors.durable_file_and_append(
                        directory, number * ADDS + each, directory / "index"
                    )

    return way


def opening(bench: Bench) -> Iterator[Figure]:
    """Opening a session of 1,000,000 tasks in a fresh process."""
    tasks = bench.size(1_000_000)

    def ours(_: int, watch: Stopwatch) -> None:
        watch.seconds = child("open_session", bench.million)["seconds"]

    def floor(_: int, watch: Stopwatch) -> None:
        watch.seconds = child("read_index", bench.million)["seconds"]

    ours_seconds, least = in_turns(ours, floor, bench.rounds)
    yield at_most(
        2,
        f"open a session of {tasks:,} tasks, and `len()`",
        "read its index",
        ours_seconds * MILLISECONDS,
        least * MILLISECONDS,
        "ms",
        "without the import",
    )


def listing(bench: Bench) -> Iterator[Figure]:
    """Counting and listing 1,000,000 tasks."""
    from gc3libs.session import Session

    session = Session(bench.million)
    session.counts()
    connection = sqlite3.connect(bench.million / "store.db")
    (uuid,) = connection.execute("SELECT session FROM store LIMIT 1").fetchone()

    def raw(sql: str) -> Callable[[int, Stopwatch], object]:
        def way(_: int, watch: Stopwatch) -> None:
            with watch():
                for _row in connection.execute(sql, (uuid,)):
                    pass

        return way

    def counts(_: int, watch: Stopwatch) -> None:
        with watch():
            session.counts()

    def summaries(_: int, watch: Stopwatch) -> None:
        with watch():
            for _summary in session.summaries():
                pass

    tasks = bench.size(1_000_000)
    groups = (
        "SELECT state, returncode, held, count(*) FROM store WHERE session = ? AND leaf = 1"
        " GROUP BY state, returncode, held"
    )
    yield at_most(
        2,
        f"`counts()` of {tasks:,} tasks",
        "the same SQL",
        *in_turns(counts, raw(groups), bench.rounds),
    )
    rows = (
        f"SELECT {floors.SUMMARY} FROM store WHERE session = ? AND leaf = 1"
        " ORDER BY position, number"
    )
    yield at_most(
        2,
        f"summaries of {tasks:,} tasks",
        "the same SQL",
        *in_turns(summaries, raw(rows), bench.rounds),
    )
    connection.close()
    session.store.close()


def looping(bench: Bench) -> Iterator[Figure]:
    """A loop over 1,000,000 tasks that reads a name and a state."""
    memory: list[float] = []

    def ours(_: int, watch: Stopwatch) -> None:
        report = child("loop", bench.million)
        watch.seconds = report["seconds"]
        memory.append(report["memory"])

    def floor(_: int, watch: Stopwatch) -> None:
        watch.seconds = child("raw_loop", bench.million)["seconds"]

    tasks = bench.size(1_000_000)
    what = f"loop over {tasks:,} tasks, reading name and state"
    yield at_most(3, what, "select, unpickle", *in_turns(ours, floor, bench.rounds))
    more = statistics.median(memory)
    yield at_most_more(150, "peak memory of that loop", "opening", more, 0.0, "MB")


def saving(bench: Bench) -> Iterator[Figure]:
    """`save_all` after one task in a hundred has changed."""
    from gc3libs.session import Session

    count = bench.size(100_000)
    directory = bench.fresh("saving")
    sessions = []
    for name, size in (("large", count), ("small", count // 100)):
        session = Session(directory / name, store_or_url="sqlite")
        _add(session, size)
        sessions.append(
            (session, [session.load(each) for each in session.list_ids()][: count // 100])
        )

    def way(session: Any, tasks: list[Any]) -> Callable[[int, Stopwatch], object]:
        def change_and_save(number: int, watch: Stopwatch) -> None:
            for task in tasks:
                task.a = float(number)
                task.changed = True
            with watch():
                session.save_all()

        return change_and_save

    ours, least = in_turns(way(*sessions[0]), way(*sessions[1]), bench.rounds)
    yield at_most(
        1.5,
        f"`save_all` of {count:,} tasks after {count // 100:,} changed",
        f"of {count // 100:,} tasks, all changed",
        ours * MILLISECONDS,
        least * MILLISECONDS,
        "ms",
    )


def running(bench: Bench) -> Iterator[Figure]:
    """10,000 tasks that do nothing."""
    count = bench.size(10_000)

    def ours(number: int, watch: Stopwatch) -> None:
        report = child("run_true", bench.fresh("running"), count)
        assert report["ok"] == count, report
        watch.seconds = report["seconds"]

    def floor(number: int, watch: Stopwatch) -> None:
        with watch():
            _xargs(count, "/bin/true")

    seconds, least = in_turns(ours, floor, bench.rounds)
    yield at_least(
        1.2,
        f"{count:,} x `/bin/true` on 2 slots",
        "`xargs -P2`",
        count / seconds,
        count / least,
        "/s",
    )


def running_with_files(bench: Bench) -> Iterator[Figure]:
    """10,000 tasks that make two files each."""
    count = bench.size(10_000)
    cpu: dict[str, list[float]] = {"ours": [], "floor": []}

    def ours(number: int, watch: Stopwatch) -> None:
        report = child("run_two_files", bench.fresh("running"), count)
        assert report["ok"] == count, report
        watch.seconds = report["seconds"]
        cpu["ours"].append(report["run_cpu"])

    def floor(number: int, watch: Stopwatch) -> None:
        out = bench.fresh("running-floor")
        script = f"mkdir {out}/$0; cd {out}/$0; echo a >a.txt; echo b >b.txt"
        with watch():
            _xargs(count, "sh", "-c", script)
        cpu["floor"].append(child("spawn_two_files", bench.fresh("spawning"), count)["run_cpu"])

    seconds, least = in_turns(ours, floor, bench.rounds)
    what = f"{count:,} tasks that make two files each, on 2 slots"
    yield at_least(1.0, what, "`xargs -P2 sh -c`", count / seconds, count / least, "/s")
    used, spent = (statistics.median(each) / count * MILLISECONDS for each in cpu.values())
    yield at_most(1.5, "CPU a task of these", "a bare spawn loop", used, spent, "ms")


def _xargs(count: int, *command: str) -> None:
    numbers = "\n".join(map(str, range(count)))
    subprocess.run(["xargs", "-P2", "-n1", *command], input=numbers, text=True, check=True)


ALL: dict[str, Figures] = {
    each.__name__: each
    for each in (
        importing,
        adding_many,
        adding_many_files,
        adding_one,
        opening,
        listing,
        looping,
        saving,
        running,
        running_with_files,
    )
}
