"""The engine's connection to a Dask scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, TypeVar

import msgspec
from distributed import Client, Future, Security

from gc3libs.backends.dask import worker
from gc3libs.backends.dask.worker import Chunk, Place
from gc3libs.exceptions import RecoverableError

logger = logging.getLogger(__name__)
logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors say it in one line

_PATIENCE = 10.0  # seconds for a scheduler to take a connection
_ANSWER = 60.0  # seconds for an answer to a question

# What Dask says about one that is gone, whatever was asked.
_GONE = (OSError, TimeoutError, RuntimeError, asyncio.CancelledError, futures.CancelledError)

T = TypeVar("T")
Order = tuple[Chunk, tuple[str, ...] | None]
"""A chunk, and the addresses of the workers that may run it; None: all."""


class Address(msgspec.Struct, frozen=True):
    """Where a scheduler is, and what lets one in, if that is needed."""

    url: str
    security: Security | None = None


class Workers(msgspec.Struct, frozen=True):
    """Slots and bytes of memory (0: not known) of each worker, by address."""

    slots: Mapping[str, int] = {}
    memory: Mapping[str, int] = {}


class Link:
    """A connection, made when it is needed, and made anew after it broke.

    Dask's side of it lives in a thread of its own.

    Args:
        find: Gives the scheduler's address.
        place: The work directory.

    Attributes:
        url: The scheduler's address; `""` before there is one.
        heard: News of jobs as `worker` publishes them, in the order in which they came. The other
            thread adds to it.
    """

    def __init__(self, find: Callable[[], Address], place: Place) -> None:
        self._find = find
        self._place = place
        self._loop = _Loop()
        self._client: Client | None = None
        self._arrived = threading.Event()
        self.url = ""
        self.heard: deque[tuple[str, str, Sequence[bytes]]] = deque()

    @property
    def is_up(self) -> bool:
        """The scheduler answers, as far as is known."""
        return self._client is not None and self._client.status == "running"

    def connect(self) -> bool:
        """Have a connection; whether it is a new one.

        Raises:
            RecoverableError: There is no answer.
        """
        if self.is_up:
            return False
        self._hang_up()
        address = self._find()
        self.url = address.url
        self._client = self._do(self._connect(address))
        return True

    async def _connect(self, address: Address) -> Client:
        with _versions_logged():
            client = Client(
                address.url,
                security=address.security,
                timeout=_PATIENCE,
                set_as_default=False,
                asynchronous=True,
                name="gc3libs",
            )
            await client
        client.subscribe_topic(self._place.topic, self._hear)
        return client

    def close(self) -> None:
        """Let go of the connection."""
        self._hang_up()
        self._loop.stop()

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(RecoverableError):
                self._do(_close(client))

    def _hear(self, event: tuple[float, tuple[str, str, Sequence[bytes]]]) -> None:
        self.heard.append(event[1])
        self._arrived.set()

    def wait(self, timeout: float) -> None:
        """Wait so many seconds, or until something is heard."""
        self._arrived.wait(timeout)
        self._arrived.clear()

    # what a scheduler is asked for; each raises RecoverableError if it does not answer

    def submit(self, name: str, orders: Sequence[Order]) -> list[Future[None]]:
        """Have chunks run, and their futures published under a name."""
        return self._ask(lambda client: self._submit(client, name, orders))

    async def _submit(
        self, client: Client, name: str, orders: Sequence[Order]
    ) -> list[Future[None]]:
        numbered: dict[int, Future[Any]] = {}
        for able in dict.fromkeys(able for _, able in orders):
            chunks = [chunk for chunk, each in orders if each == able]
            found = client.map(
                worker.run_chunk,
                chunks,
                key=[f"{self._key(name)}-{chunk.number:06d}" for chunk in chunks],
                place=self._place,
                workers=None if able is None else list(able),
            )
            numbered |= zip((chunk.number for chunk in chunks), found, strict=True)
        ordered = [numbered[number] for number in sorted(numbered)]
        await client.publish_dataset(ordered, name=self._key(name))
        return ordered

    def find(self, names: Sequence[str]) -> dict[str, list[Future[None]]]:
        """Published futures of chunks, by name; those that it does not know are absent."""
        keys: list[Any] = [self._key(name) for name in names]
        found = self._ask(lambda client: client.get_dataset(keys, default=None))
        return {name: each for name, each in zip(names, found, strict=True) if each is not None}

    def forget(self, names: Sequence[str]) -> None:
        """Have it drop what is published under these names."""
        keys: list[Any] = [self._key(name) for name in names]
        self._ask(lambda client: client.unpublish_dataset(keys))

    def cancel(self, tokens: Sequence[str]) -> None:
        """End those of these jobs that run."""
        call = (worker.cancel, tokens, self._place)
        self._ask(lambda client: client.run(*call, on_error="ignore"))

    def workers(self) -> Workers:
        """The workers that are there."""
        found = self._ask(_identity)["workers"]
        return Workers(
            slots={address: each["nthreads"] for address, each in found.items()},
            memory={address: each["memory_limit"] or 0 for address, each in found.items()},
        )

    def error_of(self, future: Future[None]) -> BaseException | None:
        """What a chunk has raised."""
        error: BaseException | None = self._ask(lambda _: future.exception())
        return error

    def _ask(self, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        client = self._client
        if client is None or not self.is_up:
            raise RecoverableError(f"lost the connection to the Dask scheduler at {self.url}")

        async def ask() -> T:
            return await question(client)

        return self._do(ask())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it done in the other thread; what Dask raises is turned into one line."""
        try:
            return self._loop.run(work)
        except _GONE as err:
            reason = str(err).partition("\n")[0] or type(err).__name__
            raise RecoverableError(
                f"the Dask scheduler at {self.url} does not answer: {reason}"
            ) from err

    def _key(self, name: str) -> str:
        return f"{self._place.topic}-{name}"


class _Loop:
    """A thread in which coroutines run; it starts with the first one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it run, and give what it returns."""
        if self._thread is None:
            target = self._loop.run_forever
            self._thread = threading.Thread(target=target, name="gc3libs-dask", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER)

    def stop(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self.run(_end_others())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()


def _identity(client: Client) -> Coroutine[Any, Any, Mapping[str, Any]]:
    scheduler: Any = client.scheduler
    identity: Coroutine[Any, Any, Mapping[str, Any]] = scheduler.identity(n_workers=-1)
    return identity


async def _close(client: Client) -> None:
    await client.close()


async def _end_others() -> None:
    """End what still goes on in this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


@contextlib.contextmanager
def _versions_logged() -> Iterator[None]:
    """Log, in a line, what Dask says of versions that differ, instead of a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for each in caught:
        logger.warning("%s", " ".join(str(each.message).split()))
