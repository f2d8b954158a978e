"""What is measured in a process of its own: `python children.py PROCEDURE ARGUMENT...`.

Each procedure prints a JSON object.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import floors

Report = dict[str, Any]
PR_SET_CHILD_SUBREAPER = 36


def peak() -> float:
    """This process's peak memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def read_index(session: str) -> Report:
    """The floor of opening a session: read its index."""
    began = time.perf_counter()
    lines = (Path(session) / "index.txt").read_bytes().count(b"\n")
    return {"seconds": time.perf_counter() - began, "tasks": lines}


def open_session(session: str) -> Report:
    """Open a session and say how many tasks it has."""
    from gc3libs.session import Session

    began = time.perf_counter()
    tasks = len(Session(session))
    return {"seconds": time.perf_counter() - began, "tasks": tasks}


def raw_loop(session: str) -> Report:
    """The floor of a loop: select everything, unpickle each."""
    began = time.perf_counter()
    connection = sqlite3.connect(Path(session) / "store.db")
    names = set()
    for state, payload in connection.execute("SELECT state, payload FROM store ORDER BY position"):
        names.add((pickle.loads(payload)["jobname"], state))
    return {"seconds": time.perf_counter() - began, "tasks": len(names)}


def loop(session: str) -> Report:
    """Look at name and state of every task of a session."""
    from gc3libs.session import Session

    opened = Session(session)
    len(opened)
    before = peak()
    began = time.perf_counter()
    tasks = sum(1 for task in opened if task.jobname and task.execution.state)
    return {"seconds": time.perf_counter() - began, "tasks": tasks, "memory": peak() - before}


def run_true(directory: str, count: str) -> Report:
    """Run `/bin/true` so many times, in a session."""
    return _run(directory, [_application(["/bin/true"]) for _ in range(int(count))])


def run_two_files(directory: str, count: str) -> Report:
    """Run a shell that makes two files, so many times, in a session."""
    script = "echo a >a.txt; echo b >b.txt"
    return _run(
        directory,
        [
            _application(
                ["sh", "-c", script],
                outputs=["a.txt", "b.txt"],
                output_dir=f"{directory}/out/{number}",
            )
            for number in range(int(count))
        ],
    )


def _application(
    arguments: list[str], outputs: list[str] | None = None, output_dir: str | None = None
) -> Any:
    from gc3libs import Application

    return Application(arguments, [], outputs or [], output_dir, capture=False)


def _run(directory: str, tasks: list[Any]) -> Report:
    import gc3libs
    from gc3libs.session import Session

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Session(f"{directory}/session", store_or_url="sqlite") as session:
        session.add_many(tasks)
        before = _cpu()
        began = time.perf_counter()
        counts = gc3libs.run(session, cores=2, quiet=True)
        seconds = time.perf_counter() - began
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return {"seconds": seconds, "ok": counts["ok"], "run_cpu": _cpu() - before}


def _cpu() -> float:
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def spawn_two_files(directory: str, count: str) -> Report:
    """The floor: the same shells, two at a time, by a bare loop."""
    began = time.perf_counter()
    before = _cpu()
    running = 0
    for number in range(int(count)):
        work = f"{directory}/out/{number}"
        os.makedirs(work)
        script = f"cd {work}; echo a >a.txt; echo b >b.txt"
        os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)
        running += 1
        if running == 2:
            os.wait()
            running -= 1
    while running:
        os.wait()
        running -= 1
    return {"seconds": time.perf_counter() - began, "run_cpu": _cpu() - before}


def insert(path: str, count: str) -> Report:
    """The floor of adding many tasks, in a process without history."""
    values = list(floors.parameters(int(count)))
    began = time.perf_counter()
    floors.insert(Path(path), values)
    return {"seconds": time.perf_counter() - began}


def add_many(session: str, count: str, kind: str) -> Report:
    """Add many tasks, which were made before, to a new session."""
    from gc3libs import Task
    from gc3libs.session import Session

    tasks = [
        Task(jobname=f"run-{number}", **values)
        for number, values in enumerate(floors.parameters(int(count)))
    ]
    opened = Session(session, store_or_url=kind)
    began = time.perf_counter()
    opened.add_many(tasks)
    return {"seconds": time.perf_counter() - began, "tasks": len(opened)}


def fill(session: str, count: str) -> Report:
    """Make a session of so many tasks, with the memory of a few."""
    from gc3libs import Task
    from gc3libs.session import Session

    opened = Session(session, store_or_url="sqlite")
    opened.add_many(
        Task(jobname=f"run-{number}", **values)
        for number, values in enumerate(floors.parameters(int(count)))
    )
    opened.store.close()
    return {"tasks": len(opened)}


PROCEDURES: dict[str, Callable[..., Report]] = {
    each.__name__: each
    for each in (
        add_many,
        fill,
        insert,
        loop,
        open_session,
        raw_loop,
        read_index,
        run_true,
        run_two_files,
        spawn_two_files,
    )
}

if __name__ == "__main__":
    print(json.dumps(PROCEDURES[sys.argv[1]](*sys.argv[2:])))
