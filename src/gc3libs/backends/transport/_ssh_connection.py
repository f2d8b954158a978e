"""The connection to one host: made when it is needed, and made again after it broke."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator

import asyncssh

from gc3libs.backends.transport import _ssh_errors as errors
from gc3libs.backends.transport._ssh_address import Address, jump_addresses, settings_for
from gc3libs.backends.transport.base import Completed
from gc3libs.exceptions import Error, RecoverableError

FAR = 0.005
"""Seconds that a question and its answer take, above which what is sent is compressed.

A line as long as that is seldom faster than the 25 MB/s at which this program compresses. Measured
over 20 ms and 10 MB/s: a table of numbers at 10 MB/s instead of 6, noise at 5.5 instead of 6; on
loopback, the table at 26 instead of 109.
"""

_QUESTIONS = 5  # asked to find out; the fastest answer counts
_LONGEST_LOGIN = 120.0  # seconds until there is a connection and what is needed of it
_LONGEST_PAUSE = 30.0  # seconds between two attempts to connect
_FAREWELL = 5.0  # seconds that a connection is given to end
_COMMANDS = 4  # at a time; OpenSSH allows ten sessions in a connection, with those that just ended


class Connection:
    """A connection to a host. All of it happens in the thread of one event loop.

    Attributes:
        home: The home directory there, once it was connected.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.home = ""
        self._line: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None
        self._connecting = asyncio.Lock()
        self._commands = asyncio.Semaphore(_COMMANDS)
        self._is_far = False
        self._failures = 0
        self._trouble: Error | None = None
        self._not_before = 0.0

    async def run(self, command: str, stdin: bytes, timeout: float) -> Completed:
        """Run a command; see `Transport.run`."""
        async with self.used() as (line, _), self._commands, asyncio.timeout(timeout):
            process = await line.create_process(
                f"exec /bin/sh -c {shlex.quote(command)}",
                encoding=None,
                stdin=asyncssh.PIPE if stdin else asyncssh.DEVNULL,
            )
            try:
                if stdin:
                    with contextlib.suppress(BrokenPipeError):  # it has ended without reading it
                        process.stdin.write(stdin)
                        process.stdin.write_eof()
                stdout, stderr = await process.communicate()
            except asyncio.CancelledError:  # or it would keep one of the sessions that there are
                process.terminate()
                raise
            finally:
                process.close()
        if process.returncode is None:
            raise errors.of_breaking(ConnectionAbortedError("while it ran a command"), self._host)
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        assert isinstance(stdout, bytes)
        assert isinstance(stderr, bytes)
        return Completed(exitcode=code, stdout=stdout, stderr=stderr)

    @contextlib.asynccontextmanager
    async def used(
        self,
    ) -> AsyncIterator[tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]]:
        """The connection and its channel for files.

        A break while they are used is an error of ours, and the next user gets new ones.

        Raises:
            RecoverableTransportError, UnrecoverableTransportError, UnrecoverableAuthError: There
                is no connection.
        """
        line, sftp = await self._connected()
        try:
            yield line, sftp
        except errors.LOST as err:
            await self._drop(line)
            raise errors.of_breaking(err, self._host) from err
        except TimeoutError as err:
            raise errors.of_breaking(err, self._host) from err

    async def close(self) -> None:
        """End the connection, if there is one."""
        async with self._connecting:
            if self._line is not None:
                await self._drop(self._line)

    @property
    def _host(self) -> str:
        return self.address.host

    async def _connected(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        async with self._connecting:
            if self._line is None or self._sftp is None or self._line.is_closed():
                await self._connect()
            assert self._line is not None
            assert self._sftp is not None
            return self._line, self._sftp

    async def _connect(self) -> None:
        """Connect, unless the last attempt failed just now."""
        now = asyncio.get_running_loop().time
        if self._trouble is not None and now() < self._not_before:
            raise self._trouble.with_traceback(None)
        try:
            async with asyncio.timeout(_LONGEST_LOGIN):
                await self._open()
        except errors.REFUSALS as err:
            trouble = errors.of_connecting(err, self.address, been_there=bool(self.home))
            self._failures += 1
            if isinstance(trouble, RecoverableError):
                self._trouble = trouble
                self._not_before = now() + min(_LONGEST_PAUSE, 0.5 * 2**self._failures)
            raise trouble from err
        self._failures, self._trouble = 0, None

    async def _open(self) -> None:
        try:
            await self._open_both()
        except BaseException:
            if self._line is not None:
                await self._drop(self._line)
            raise

    async def _open_both(self) -> None:
        """Connect, and open the channel for files."""
        self._line = await _open_line(
            self.address, compressed=self._is_far, been_there=bool(self.home)
        )
        self._sftp = await self._line.start_sftp_client(path_errors="surrogateescape")
        self.home = str(await self._sftp.realpath("."))
        if not self._is_far and await _answer_time(self._sftp) > FAR:
            self._is_far = True
            await self._drop(self._line)
            await self._open_both()

    async def _drop(self, line: asyncssh.SSHClientConnection) -> None:
        """End a connection that is of no use any more; it may be the last one's successor."""
        if line is self._line:
            self._line = self._sftp = None
        await _end(line)


async def _answer_time(sftp: asyncssh.SFTPClient) -> float:
    """Seconds for a question and its answer."""
    now = asyncio.get_running_loop().time
    times = []
    for _ in range(_QUESTIONS):
        before = now()
        await sftp.realpath(".")
        times.append(now() - before)
    return min(times)


async def _open_line(
    address: Address,
    *,
    compressed: bool = False,
    been_there: bool = False,
    through: asyncssh.SSHClientConnection | None = None,
    behind: frozenset[str] = frozenset(),
) -> asyncssh.SSHClientConnection:
    """Connect to a host, by way of those that it is behind.

    Args:
        through: The connection to the last of these, if it is there.
        behind: Names of hosts that are reached by way of this one.
    """
    try:
        settings = settings_for(address, compressed=compressed)
        if through is None:
            through = await _open_way(settings.jumps, behind | {address.host})
        line = await asyncssh.connect(address.host, tunnel=through, **settings.arguments)
    except BaseException as err:
        if through is not None:
            await _end(through)
        if isinstance(err, asyncssh.HostKeyNotVerifiable):
            raise errors.of_unknown_key(address, settings) from err
        if isinstance(err, errors.REFUSALS):
            raise errors.of_connecting(err, address, been_there=been_there) from err
        raise
    line.set_tunnel(through)
    return line


async def _open_way(jumps: str, behind: frozenset[str]) -> asyncssh.SSHClientConnection | None:
    """Connect to the last of the hosts to go through; hosts behind it are none of its own way."""
    through = None
    for each in jump_addresses(jumps):
        if each.host not in behind:
            through = await _open_line(each, through=through, behind=behind)
    return through


async def _end(line: asyncssh.SSHClientConnection) -> None:
    """End a connection at once."""
    line.abort()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(line.wait_closed(), _FAREWELL)
