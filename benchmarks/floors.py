"""The bare ways: what the machine, SQLite and pickle ask for the same work without a library."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from measuring import fsync, syncfs

NAMES = tuple(string.ascii_lowercase[:10])
COLUMNS = (
    "number INTEGER PRIMARY KEY, prefix, class, session, position, leaf, state, returncode,"
    " jobname, info, resource, attempt, held, tags, created, changed, started, ended, cpu_time,"
    " memory, digest, parameters, revision, version, details, payload"
)
SUMMARY = (
    "number, prefix, class, session, position, leaf, state, returncode, jobname, info, resource,"
    " attempt, held, tags, created, changed, started, ended, cpu_time, memory, digest, parameters"
)


def parameters(count: int) -> Iterator[dict[str, float]]:
    """Ten numbers for each of so many tasks; the same each time."""
    chance = random.Random(1978)
    for _ in range(count):
        yield {name: chance.random() for name in NAMES}


def insert(path: Path, values: Iterable[dict[str, float]]) -> None:
    """Pickle each, and put all into a table with the columns of a summary, in one transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"CREATE TABLE store ({COLUMNS})")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN")
    connection.executemany(
        f"INSERT INTO store VALUES ({', '.join('?' * 26)})",
        (_row(number, each) for number, each in enumerate(values)),
    )
    connection.execute("COMMIT")
    connection.close()


def _row(number: int, values: dict[str, float]) -> tuple[Any, ...]:
    name = f"run-{number}"
    payload = pickle.dumps({"jobname": name, **values}, 5)
    shown = str(values)
    summary = ("Task", "gc3libs:Task", "0" * 32, number, 1, "NEW", None, name, "", "", 0, 0, "")
    times = (1.0, 1.0, None, None, None, None)
    return (number, *summary, *times, "0" * 32, shown, 1, 1, b"", payload)


def read_tree(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def write_tree(root: Path, files: dict[str, bytes]) -> None:
    """Write, sync, rename, sync: what durable files in several directories ask."""
    for directory in {root / Path(name).parent for name in files} | {root}:
        directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with open(f"{root / name}.new", "wb") as file:
            file.write(content)
    syncfs(root)
    for name in files:
        os.rename(f"{root / name}.new", root / name)
    syncfs(root)


def durable_append_twice(first: Path, second: Path) -> None:
    """What one durable `add` asks of the disk with SQLite: its log and the index."""
    _append_and_sync(first, b"x" * 4096)
    _append_and_sync(second, b"Task.1\n")


def durable_file_and_append(directory: Path, number: int, index: Path) -> None:
    """What one durable `add` asks of the disk with files: the file, its name, and the index."""
    path = directory / f"Task.{number}"
    temporary = path.with_suffix(".new")
    temporary.write_bytes(b"x" * 500)
    fsync(temporary)
    temporary.rename(path)
    fsync(directory)
    _append_and_sync(index, b"Task.1\n")


def _append_and_sync(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, data)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
