"""Slurm is a proper backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.backends.base import Backend
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import SlurmResource
from gc3libs.quantity import Duration
from gc3libs.testing._backends import BackendTests, MakeBackend

from ..services.slurm import Slurm

SETTINGS = SlurmResource(queue="two", max_cores_per_job=2, poll_every=Duration("500 ms"))


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    slurm = Slurm()
    slurm.start()
    yield slurm
    slurm.stop()


class TestSlurm(BackendTests):
    @pytest.fixture
    def make_backend(
        self, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[MakeBackend]:
        for name, value in slurm.environment.items():
            monkeypatch.setenv(name, value)
        made: list[Backend] = []

        def make() -> Backend:
            made.append(BatchBackend("cluster", SETTINGS, tmp_path / "run", settle=1.0))
            return made[-1]

        yield make
        for backend in made[:-1]:
            backend.close()
        if made:
            made[-1].cancel(made[-1].tokens())
            made[-1].close()
