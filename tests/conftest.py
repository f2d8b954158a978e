"""What holds for all tests: none leaves anything behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 2.0
"""Seconds that a thread is given to end after it was told to."""


def open_files() -> dict[int, str]:
    """Descriptors of this process, and what they lead to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
    return found


def children() -> set[int]:
    """Processes that this one, whichever thread, has started and that still run."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for each in tasks for pid in each.read_text().split() if _runs(pid)}


def _runs(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A test that leaves a descriptor, a thread or a child process fails."""
    files, threads, processes = open_files(), set(threading.enumerate()), children()
    yield
    if open_files().keys() - files.keys():
        gc.collect()
    left = {fd: where for fd, where in open_files().items() if fd not in files}
    assert not left, f"files left open: {left}"
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"a thread goes on: {thread.name}"
    assert not children() - processes, "a child process goes on"
