"""Grid Engine is a proper backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.backends.base import Backend
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import SgeResource
from gc3libs.quantity import Duration
from gc3libs.testing._backends import BackendTests, MakeBackend

from ..services.sge import GridEngine


@pytest.fixture(scope="module")
def engine() -> Iterator[GridEngine]:
    engine = GridEngine()
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def queue(engine: GridEngine) -> str:
    return engine.queue(slots=2)


class TestGridEngine(BackendTests):
    @pytest.fixture
    def make_backend(
        self, engine: GridEngine, queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[MakeBackend]:
        settings = SgeResource(
            queue=queue,
            parallel_environment="gc3test",
            max_cores_per_job=2,
            poll_every=Duration("500 ms"),
        )
        for name, value in engine.environment.items():
            monkeypatch.setenv(name, value)
        made: list[Backend] = []

        def make() -> Backend:
            made.append(BatchBackend("cluster", settings, tmp_path / "run", settle=1.0))
            return made[-1]

        yield make
        for backend in made[:-1]:
            backend.close()
        if made:
            made[-1].cancel(made[-1].tokens())
            made[-1].close()
