"""What a backend for a batch system is made of."""

from __future__ import annotations

import secrets
from pathlib import Path

from gc3libs._atomic import write_file
from gc3libs._clock import Clock
from gc3libs.backends.batch.book import Book
from gc3libs.backends.batch.files import Files, LocalFiles, RemoteFiles
from gc3libs.backends.batch.place import Place
from gc3libs.backends.batch.scheduler import Scheduler
from gc3libs.backends.batch.sending import Sender
from gc3libs.backends.batch.watch import Watch
from gc3libs.backends.transport.base import Transport
from gc3libs.config import BatchResource


class Parts:
    """What lies on the host, jobs' files, who looks after jobs, and who hands them over.

    Args:
        settle: As `Watch` takes it.
    """

    def __init__(
        self,
        book: Book,
        scheduler: Scheduler,
        transport: Transport,
        settings: BatchResource,
        workdir: Path,
        clock: Clock,
        *,
        settle: float,
    ) -> None:
        here = transport.is_local
        self.place = Place(transport, str(workdir) if here else _root(transport, settings, workdir))
        self.files: Files = LocalFiles(workdir)
        if not here:
            self.files = RemoteFiles(transport, self.place.root, workdir)
        self.watch = Watch(
            book,
            self.place,
            scheduler,
            clock,
            outputs=workdir / "jobs" if here else None,
            settle=settle,
        )
        self.sender = Sender(book, self.place, scheduler, clock, settings.submissions_per_minute)


def _root(transport: Transport, settings: BatchResource, workdir: Path) -> str:
    """The directory on another host: not that of any other work directory, and always the same."""
    note = workdir / "root"
    try:
        return note.read_text()
    except FileNotFoundError:
        base = settings.directory or f"{transport.home()}/.gc3libs"
        root = f"{base}/{secrets.token_hex(8)}"
    workdir.mkdir(parents=True, exist_ok=True)
    write_file(note, root, alone=True)
    return root
