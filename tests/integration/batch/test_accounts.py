"""Where Slurm keeps accounts, tasks learn from them what they used, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.backends.base import JobSpec, JobState
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import SlurmResource
from gc3libs.quantity import Duration
from gc3libs.testing._backends import wait

from ...services.slurm import Slurm
from ...services.slurm_accounts import AccountedSlurm

HOG = "import time; a = b'x' * 150_000_000; time.sleep(4)"


@pytest.fixture(scope="module")
def accounted() -> Iterator[Slurm]:
    slurm = AccountedSlurm()
    slurm.start()
    yield slurm
    slurm.stop()


@pytest.fixture
def backend(
    accounted: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BatchBackend]:
    for name, value in accounted.environment.items():
        monkeypatch.setenv(name, value)
    settings = SlurmResource(poll_every=Duration("500 ms"))
    backend = BatchBackend("cluster", settings, tmp_path / "run", settle=1.0)
    yield backend
    backend.cancel(backend.tokens())
    backend.close()


def test_used_memory_comes_from_the_accounts(backend: BatchBackend) -> None:
    backend.submit([JobSpec(token="T.1", argv=("python3", "-c", HOG))])
    report = wait(backend, ["T.1"])["T.1"]
    assert report.exitcode == 0
    assert report.max_memory is not None
    assert 150e6 < report.max_memory < 400e6
    assert report.cpu_time is not None


def test_the_accounts_know_of_the_end_of_what_left_no_record(
    backend: BatchBackend, accounted: Slurm, tmp_path: Path
) -> None:
    backend.submit([JobSpec(token="T.1", argv=("sh", "-c", "touch ran; exec sleep 60"))])
    wait(backend, ["T.1"], until=JobState.RUNNING)
    accounted.kill_scripts()
    report = wait(backend, ["T.1"])["T.1"]
    assert (report.state, report.exitcode, report.signal) == (JobState.ENDED, None, 9)
