"""The backend of Dask clusters is a proper backend, on a real cluster."""

import pytest

from gc3libs.config import DaskResource
from gc3libs.testing._backends import BackendTests

from ..services.dask_cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    there = Cluster(tmp_path_factory.mktemp("cluster"))
    yield there.start()
    there.close()


class TestDaskBackend(BackendTests):
    @pytest.fixture
    def make_backend(self, tmp_path, cluster):
        from gc3libs.backends.dask import DaskBackend

        made = []

        def make():
            settings = DaskResource(address=cluster.address)
            made.append(DaskBackend("dask", settings, tmp_path / "run", grace=0.5))
            return made[-1]

        yield make
        for backend in made[:-1]:
            backend.close()
        if made:
            made[-1].cancel(made[-1].tokens())
            made[-1].close()
