"""What the tests over SSH share: a server, and a way to it that can be cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

if os.environ.get("CI") != "true":
    pytest.importorskip("asyncssh")

from gc3libs.backends.transport.ssh import SshTransport  # what it needs may be missing

from ...services.proxy import Proxy
from ...services.ssh import Sshd


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    """An sshd that runs."""
    server = Sshd()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """An sshd of the test's own, which it may stop and start; nobody else knows `cluster`."""
    server = Sshd()
    server.start()
    monkeypatch.setenv("HOME", str(server.home))
    yield server
    server.remove()


@pytest.fixture
def home(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """The same, and it is the one that `~/.ssh/config` calls `cluster`."""
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return server


@pytest.fixture
def connect(home: Sshd) -> Iterator[Callable[..., SshTransport]]:
    """Makes transports, and closes them in the end."""
    made: list[SshTransport] = []

    def make(host: str = "cluster", **options: object) -> SshTransport:
        made.append(SshTransport(host, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def proxy(home: Sshd) -> Iterator[Proxy]:
    """A line to the server that can be cut; `~/.ssh/config` calls it `far`."""
    line = Proxy(home.port)
    home.write_client_config(host=f"far{line.port}", port=line.port)
    yield line
    line.close()


@pytest.fixture
def far(proxy: Proxy, connect: Callable[..., SshTransport]) -> SshTransport:
    """A transport over that line."""
    return connect(f"far{proxy.port}")


@pytest.fixture
def there(connect: Callable[..., SshTransport]) -> Iterator[str]:
    """An empty directory on the other side."""
    transport = connect()
    path = transport.run("mktemp -d").stdout.decode().strip()
    assert path.startswith("/")
    yield path
    transport.run(f"rm -rf {path}")
