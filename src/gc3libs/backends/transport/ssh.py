"""A machine that is reached by SSH."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from gc3libs.backends.transport.base import Completed, Transport
from gc3libs.exceptions import ConfigurationError

try:
    from gc3libs.backends.transport._ssh_address import Address
    from gc3libs.backends.transport._ssh_connection import Connection
    from gc3libs.backends.transport._ssh_getting import Getting
    from gc3libs.backends.transport._ssh_pool import pool
    from gc3libs.backends.transport._ssh_sending import Sending
except ImportError as err:
    raise ConfigurationError(
        f"SSH needs packages that are not installed ({err}): pip install 'gc3libs[ssh]'",
        do_log=False,
    ) from err

T = TypeVar("T")


class SshTransport(Transport):
    """Commands by SSH, files by SFTP; nothing is needed there but `/bin/sh` and OpenSSH.

    Hosts, users, keys, agents and jump hosts are as `~/.ssh/config` says. A host whose key is not
    known is refused. Nobody is asked for a password or passphrase.

    All transports of a process that lead to the same host share a connection. It is made when it is
    needed, and again when it broke; where the last attempt has failed, the next one follows after a
    pause, and until then calls fail at once. After a fork, the child makes a connection of its own.
    Files travel compressed over lines where an answer takes longer than 5 ms, unless
    `~/.ssh/config` says something else. Several threads may use a transport.

    Args:
        host: As in `~/.ssh/config`, or in the network.
        user, port, identity, jump: Overrule what `~/.ssh/config` says: a name, a number, the file
            of a private key, and the hosts to go through, as `ssh -J` takes them.
    """

    is_local = False

    def __init__(
        self,
        host: str,
        *,
        user: str | None = None,
        port: int | None = None,
        identity: str | None = None,
        jump: str | None = None,
    ) -> None:
        self.host = host
        self._address = Address(host, user, port, identity, jump)

    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        return self._call(lambda connection: connection.run(command, stdin, timeout))

    def home(self) -> str:
        async def find(connection: Connection) -> str:
            async with connection.used():
                return connection.home

        return self._call(find)

    def put(self, copies: Sequence[tuple[str, str]]) -> None:
        async def put(connection: Connection) -> None:
            async with connection.used() as (_, sftp):
                await Sending(sftp, self.host).put(copies)

        self._call(put)

    def get(self, copies: Sequence[tuple[str, str]]) -> list[str]:
        async def get(connection: Connection) -> list[str]:
            async with connection.used() as (_, sftp):
                return await Getting(sftp, self.host).get(copies)

        return self._call(get)

    def write(self, files: Sequence[tuple[str, bytes, int]]) -> None:
        async def write(connection: Connection) -> None:
            async with connection.used() as (_, sftp):
                await Sending(sftp, self.host).write(files)

        self._call(write)

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        async def read(connection: Connection) -> bytes | None:
            async with connection.used() as (_, sftp):
                return await Getting(sftp, self.host).read(path, offset, size)

        return self._call(read)

    def close(self) -> None:
        pool().leave(self._address, self)

    def _call(self, action: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        return pool().call(self._address, self, action)
