"""The backend of this machine is a proper backend."""

import pytest

from gc3libs.backends.local import LocalBackend
from gc3libs.testing._backends import BackendTests


class TestLocalBackend(BackendTests):
    @pytest.fixture
    def make_backend(self, tmp_path):
        made = []

        def make():
            made.append(LocalBackend(tmp_path / "run", cores=2))
            return made[-1]

        yield make
        for backend in made[:-1]:
            backend.close()
        if made:
            made[-1].cancel(made[-1].tokens())
            made[-1].close()
