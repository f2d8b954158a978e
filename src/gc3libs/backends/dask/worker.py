"""What Dask runs on its workers: the jobs of a chunk, by the agent of that worker.

The engine hands over coroutines of this module by name, so gc3libs has to be installed where
workers run. They wait in the worker's event loop; jobs are processes of the agent's.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from distributed import Worker, get_worker

from gc3libs.backends.dask import layout
from gc3libs.backends.local import machine
from gc3libs.backends.local.supervisor import wire
from gc3libs.backends.local.supervisor.processes import end_orphans, look
from gc3libs.exceptions import RecoverableError, UnrecoverableError

PROTOCOL = 1
"""Of what engine and worker say to each other."""

_AGENT = Path(__file__).with_name("agent") / "run.py"
_CHUNK = 1 << 18


class Place(msgspec.Struct, frozen=True):
    """The work directory, and what engine and worker must agree upon.

    Attributes:
        workdir: Its path, the same wherever workers run.
        identity: A word that lies there.
        grace: Seconds from SIGTERM to SIGKILL for jobs that are to end.
        python: The engine's version of Python, major and minor.
        protocol: The engine's `PROTOCOL`.
    """

    workdir: str
    identity: str
    grace: float
    python: tuple[int, int] = sys.version_info[:2]
    protocol: int = PROTOCOL

    @property
    def topic(self) -> str:
        """Under which news of jobs are published."""
        return f"gc3libs-{self.identity}"


class Chunk(msgspec.Struct, frozen=True):
    """Some of the jobs of a batch, which one worker runs one after the other.

    Attributes:
        rows: As the agent takes them: index, order, files by name, whether it is a call.
    """

    batch: str
    number: int
    rows: Sequence[tuple[Any, ...]]


async def run_chunk(chunk: Chunk, place: Place) -> None:
    """Run those jobs of a chunk that nobody has claimed; returns when they are over.

    Raises:
        UnrecoverableError: This worker can run no jobs of this engine; none was started.
        RecoverableError: The agent was killed.
    """
    hand = await _hand(get_worker(), place)
    await hand.run(chunk)


async def cancel(tokens: Sequence[str], place: Place, dask_worker: Worker) -> None:
    """End those of these jobs that run on this worker."""
    hand = _hands.get((dask_worker.id, place.identity))
    if hand is not None and hand.lives:
        hand.say("cancel", list(tokens))


_hands: dict[tuple[str, str], Hand] = {}
_starting: dict[tuple[str, str], asyncio.Lock] = {}


async def _hand(worker: Worker, place: Place) -> Hand:
    """The worker's agent for this work directory, started if there is none."""
    key = (worker.id, place.identity)
    async with _starting.setdefault(key, asyncio.Lock()):
        hand = _hands.get(key)
        if hand is None or not hand.lives:
            _check(worker, place)
            hand = _hands[key] = await Hand.start(worker, place)
        return hand


def _check(worker: Worker, place: Place) -> None:
    """See that this worker can run the engine's jobs.

    Raises:
        UnrecoverableError: It cannot; says why.
    """
    where = f"Dask worker {worker.address} on {socket.gethostname()}"
    if place.protocol != PROTOCOL:
        raise UnrecoverableError(f"{where} has another version of gc3libs than this program")
    here = sys.version_info[:2]
    if tuple(place.python) != here:
        wanted, found = (".".join(map(str, each)) for each in (place.python, here))
        raise UnrecoverableError(f"{where} runs Python {found}, and this program Python {wanted}")
    try:
        identity = Path(place.workdir, layout.IDENTITY).read_text()
    except OSError:
        identity = ""
    if identity != place.identity:
        raise UnrecoverableError(
            f"{where} does not see {place.workdir}; put the session on a file system that all"
            " workers share"
        )


class Hand:
    """A worker's end of the conversation with its agent."""

    def __init__(
        self, worker: Worker, place: Place, name: str, agent: subprocess.Popen[bytes]
    ) -> None:
        self._worker = worker
        self._name = name
        self._topic = place.topic
        self._agent = agent
        entry = look(agent.pid)
        self._start = 0 if entry is None else entry.start
        self._numbers = itertools.count()
        self._chunks: dict[int, tuple[asyncio.Future[None], Chunk]] = {}
        self._unpacker = wire.Unpacker()
        self.lives = True

    @classmethod
    async def start(cls, worker: Worker, place: Place) -> Hand:
        """Start an agent."""
        mine, its = socket.socketpair()
        name = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        limit = worker.memory_manager.memory_limit or machine.memory()
        command = [sys.executable, "-P", str(_AGENT), place.workdir, name, str(its.fileno())]
        with its:
            agent = subprocess.Popen(
                [*command, str(worker.state.nthreads), str(limit), str(place.grace)],
                pass_fds=(its.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        hand = cls(worker, place, name, agent)
        reader, hand._writer = await asyncio.open_unix_connection(sock=mine)
        hand._listening = asyncio.create_task(hand._listen(reader))
        return hand

    _writer: asyncio.StreamWriter
    _listening: asyncio.Task[None]

    async def run(self, chunk: Chunk) -> None:
        """Have the agent run a chunk."""
        number = next(self._numbers)
        over = asyncio.get_running_loop().create_future()
        self._chunks[number] = over, chunk
        self.say("run", number, chunk.batch, chunk.number, list(chunk.rows))
        await over

    def say(self, *message: Any) -> None:
        """Tell the agent something."""
        self._writer.write(wire.pack(message))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while data := await _read(reader):
            for kind, number, lines in self._unpacker.feed(data):
                if lines:
                    batch = self._chunks[number][1].batch
                    self._worker.log_event(self._topic, (batch, self._name, lines))
                if kind == "done":
                    over, _ = self._chunks.pop(number)
                    if not over.done():
                        over.set_result(None)
        await self._mourn()

    async def _mourn(self) -> None:
        """The agent is gone: end what it has left, and say so."""
        self.lives = False
        self._writer.close()
        tokens = {row[1][0] for _, chunk in self._chunks.values() for row in chunk.rows}
        await asyncio.to_thread(end_orphans, self._agent.pid, self._start, set(), tokens)
        await asyncio.to_thread(self._agent.wait)
        for over, _ in self._chunks.values():
            if not over.done():
                over.set_exception(RecoverableError("the agent of a Dask worker was killed"))


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return b""
