"""Plain processes of a host, here and by SSH, are proper backends."""

import pytest

from gc3libs.backends.batch import BatchBackend
from gc3libs.config import HostResource
from gc3libs.quantity import Duration
from gc3libs.testing._backends import BackendTests, wait

from ..services.ssh import Sshd

OVER = ("ENDED", "RETURNED", "LOST")


def clear(made):
    """Close all of these, and end what they have started."""
    for backend in made[:-1]:
        backend.close()
    if made:
        last = made[-1]
        tokens = last.tokens()
        last.cancel(tokens)
        wait(last, [t for t, report in last.adopt(tokens).items() if report.state not in OVER])
        last.free(tokens)
        last.close()


class HostTests(BackendTests):
    settings: HostResource

    @pytest.fixture
    def make_backend(self, tmp_path):
        made = []

        def make():
            made.append(BatchBackend("host", self.settings, tmp_path / "run", settle=0.5))
            return made[-1]

        yield make
        clear(made)


class TestHostHere(HostTests):
    settings = HostResource(cores=2)


@pytest.fixture(scope="module")
def sshd():
    server = Sshd()
    server.start()
    yield server
    server.remove()


class TestHostBySsh(HostTests):
    settings = HostResource(cores=2, transport="ssh", host="cluster", poll_every=Duration("0.2s"))

    @pytest.fixture(autouse=True)
    def home(self, sshd, monkeypatch):
        monkeypatch.setenv("HOME", str(sshd.home))
