"""What the tests with a real Slurm share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc3libs.config import BatchResource, SlurmResource
from gc3libs.quantity import Duration

from ...services.sge import GridEngine
from ...services.slurm import Slurm
from .campaign import Campaign

POLL = Duration("500 ms")


@pytest.fixture(scope="session")
def shared_slurm() -> Iterator[Slurm]:
    """One that nobody treats badly."""
    slurm = Slurm(cores=8)
    slurm.start()
    yield slurm
    slurm.stop()


@pytest.fixture
def slurm(shared_slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The same, and it is the one that commands speak to."""
    for name, value in shared_slurm.environment.items():
        monkeypatch.setenv(name, value)
    return shared_slurm


@pytest.fixture
def own_slurm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """One of the test's own; it forgets jobs that are over after two seconds."""
    slurm = Slurm(cores=4, keep=2, node_timeout=5)
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    slurm.start()
    yield slurm
    slurm.stop()


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[GridEngine]:
    """The Grid Engine of this machine."""
    engine = GridEngine()
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def grid_engine(shared_engine: GridEngine, monkeypatch: pytest.MonkeyPatch) -> GridEngine:
    """The same, and commands speak to it."""
    for name, value in shared_engine.environment.items():
        monkeypatch.setenv(name, value)
    return shared_engine


@pytest.fixture
def make_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Campaign]]:
    """Makes the campaign of a test; the arguments are settings of the resource."""
    made: list[Campaign] = []

    def make(kind: type[BatchResource] = SlurmResource, **settings: Any) -> Campaign:
        command = shutil.which("sbatch" if kind is SlurmResource else "qsub")
        assert command is not None
        resource = kind(poll_every=POLL, **settings)
        made.append(Campaign(tmp_path, resource, command))
        monkeypatch.setenv("PATH", f"{made[-1].bin}:/usr/local/bin:/usr/bin:/bin")
        return made[-1]

    yield make
    for campaign in made:
        campaign.clear()
