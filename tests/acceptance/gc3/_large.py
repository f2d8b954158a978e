"""Makes a session of any size in seconds: records of tasks as runs leave them, and none is run."""

from __future__ import annotations

import time
from pathlib import Path

from msgspec.structs import replace

from gc3libs import Application
from gc3libs.persistence import Record
from gc3libs.session import Session

BATCH = 5000


def make_large(path: Path, count: int) -> None:
    """Of ten tasks one waits, and of a thousand one has failed; each that is over took 2 s of CPU.

    Parameters are `x`, the task's number, and `half` of it.
    """
    with Session(path, store_or_url="sqlite") as session:
        task = Application(["true"], [], [], output_dir="out", jobname="x=1", x=1, half=0.5)
        pattern = session.store.record(session.add(task))
        for start in range(2, count + 1, BATCH):
            numbers = range(start, min(start + BATCH, count + 1))
            session.store.insert([_numbered(pattern, number) for number in numbers], {})
        session.enter([f"Application.{number}" for number in range(2, count + 1)])


def _numbered(pattern: Record, number: int) -> Record:
    over = number % 10 != 1
    now = time.time()
    facts = {
        "id": f"Application.{number}",
        "session": "",
        "position": None,
        "jobname": f"x={number}",
        "parameters_json": f'{{"x":{number},"half":{number / 2}}}',
    }
    if over:
        facts |= {
            "state": "TERMINATED",
            "returncode": 256 if number % 1000 == 7 else 0,
            "started": now - 100 - number % 50,
            "ended": now - 100,
            "changed": now - 100,
            "cpu_time": 2.0,
        }
    return replace(pattern, summary=replace(pattern.summary, **facts))
