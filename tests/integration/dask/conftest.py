"""What the tests of jobs on Dask share."""

import contextlib

import pytest

from gc3libs.backends.base import JobState
from gc3libs.config import DaskResource
from gc3libs.testing._backends import wait

from ...services.dask_cluster import Cluster, need_dask

OVER = (JobState.ENDED, JobState.RETURNED, JobState.LOST)


class Place:
    """A work directory, and the backends of it; jobs that are left are ended after the test."""

    def __init__(self, workdir):
        self.workdir = workdir
        self.made = []

    def backend(self, settings, **options):
        from gc3libs.backends.dask import DaskBackend

        self.made.append(DaskBackend("dask", settings, self.workdir, **{"grace": 0.5, **options}))
        return self.made[-1]

    def on(self, cluster, **options):
        return self.backend(DaskResource(address=cluster.address), **options)

    def clear(self):
        for backend in self.made[:-1]:
            backend.close()
        if self.made:
            with contextlib.closing(self.made[-1]) as last:
                end_all(last)


def end_all(backend):
    """End what runs, unless the backend was closed or its cluster is gone."""
    from gc3libs.exceptions import InvalidOperation, RecoverableError

    with contextlib.suppress(InvalidOperation, RecoverableError):
        tokens = backend.tokens()
        backend.cancel(tokens)
        going = [token for token, each in backend.adopt(tokens).items() if each.state not in OVER]
        wait(backend, going)


@pytest.fixture(scope="package")
def shared(tmp_path_factory):
    """A cluster of two slots, for tests that leave it as it is."""
    there = Cluster(tmp_path_factory.mktemp("cluster"))
    yield there.start()
    there.close()


@pytest.fixture
def cluster(tmp_path):
    """A cluster to be disturbed: nothing of it is started."""
    directory = tmp_path / "cluster"
    directory.mkdir()
    there = Cluster(directory)
    yield there
    there.close()


@pytest.fixture
def place(tmp_path):
    need_dask()
    there = Place(tmp_path / "run")
    yield there
    there.clear()
