"""A session on a Slurm cluster and on this machine at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import gc3libs
from gc3libs.session import Session

from ...services.slurm import Slurm

CONFIGURATION = """
[resources.local]
enabled = true
cores = 1
[resources.hpc]
type = "slurm"
poll_every = "500 ms"
max_jobs = 3
"""
JOB = 'echo "$1" "${SLURM_JOB_ID:+slurm}" >> "$2"; sleep 1\n'
COUNT = 24
PATIENCE = 120.0


def test_the_controller_is_away_and_this_machine_goes_on(own_slurm: Slurm, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    (tmp_path / "gc3.toml").write_text(CONFIGURATION)
    with Session(tmp_path / "flu", store_or_url="sqlite") as session:
        session.add_many(tasks(ledger))
    session.close()
    said = tmp_path / "said"
    with said.open("w") as output, running(tmp_path, output) as run:
        wait_for(lambda: len(places(ledger)) == 2)
        own_slurm.stop_controller()
        wait_for(lambda: "gc3: hpc is set aside" in said.read_text())
        before = started(ledger).total()
        wait_for(lambda: started(ledger).total() >= min(before + 2, COUNT))
        own_slurm.start_controller()
        with own_slurm.resumed():
            run.wait(PATIENCE)
    with Session(tmp_path / "flu", create=False) as session:
        found = Counter(each.resource for each in session.summaries(ok=True))
        failed = [each.info for each in session.summaries(failed=True)]
    session.close()
    assert failed == []
    assert found.keys() == {"local", "hpc"}
    assert found.total() == COUNT
    assert started(ledger).total() == COUNT
    assert set(started(ledger).values()) == {1}
    assert "gc3: hpc answers again" in said.read_text()


@contextmanager
def running(directory: Path, output: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    """`gc3 run`, which is gone at the end."""
    run = subprocess.Popen(
        [sys.executable, "-m", "gc3libs", "run", str(directory / "flu")],
        stderr=output,
        cwd=directory,
        env={**os.environ, "GC3_CONFIG": str(directory / "gc3.toml")},
    )
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def tasks(ledger: Path) -> list[gc3libs.Application]:
    (ledger.parent / "job.sh").write_text(JOB)
    return [
        gc3libs.Application(
            ["/bin/sh", "job.sh", number, ledger],
            [str(ledger.parent / "job.sh")],
            [],
            n=number,
            output_dir=None,
        )
        for number in range(COUNT)
    ]


def started(ledger: Path) -> Counter[str]:
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Counter(line.split()[0] for line in lines)


def places(ledger: Path) -> set[bool]:
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return {line.endswith("slurm") for line in lines}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
