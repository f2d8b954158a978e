"""The transports are proper transports."""

import contextlib

import pytest

from gc3libs.backends.transport.local import LocalTransport
from gc3libs.testing._transports import TransportTests

from ..services.ssh import Sshd


@contextlib.contextmanager
def closing(make):
    """Makes transports, and closes them in the end."""
    made = []

    def make_one():
        made.append(make())
        return made[-1]

    yield make_one
    for each in made:
        each.close()


class TestLocalTransport(TransportTests):
    @pytest.fixture
    def make_transport(self):
        with closing(LocalTransport) as make:
            yield make


@pytest.fixture(scope="module")
def sshd():
    server = Sshd()
    server.start()
    yield server
    server.remove()


class TestSshTransport(TransportTests):
    @pytest.fixture
    def make_transport(self, sshd, monkeypatch):
        from gc3libs.backends.transport.ssh import SshTransport

        monkeypatch.setenv("HOME", str(sshd.home))
        with closing(lambda: SshTransport("cluster")) as make:
            yield make
