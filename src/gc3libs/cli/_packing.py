"""What of a session travels, and how it is packed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gc3libs.cli._exits import CannotDo, UsageError

if TYPE_CHECKING:
    from gc3libs.session import Session

STAYS: Final = frozenset({"run", "undo", "requests", "lost", "run.log"})
"""What is of use only where the session is."""
OUTPUTS: Final = "out"
_BESIDE: Final = ("-wal", "-shm", "-journal")
ENDINGS: Final = (".tar.zst", ".tar.gz", ".tgz", ".tar.xz", ".tar")
_MODES: Final = {".tar.gz": "gz", ".tgz": "gz", ".tar.xz": "xz", ".tar": ""}


def ending_of(file: Path) -> str:
    """How an archive is packed, by its name.

    Raises:
        UsageError: In no way that is known.
    """
    for ending in ENDINGS:
        if file.name.endswith(ending):
            return ending
    raise UsageError(f"{file}: the name of an archive ends with {', '.join(ENDINGS)}")


@contextmanager
def belongings(session: Session, *, outputs: bool) -> Iterator[dict[str, Path]]:
    """The files and directories that travel, by name; an SQLite file as it is at this moment.

    Needs the lease. `CannotDo` if the store is not inside.
    """
    home = Path(session.path)
    database: Path | None = getattr(session.store, "path", None)
    if database is None or home.resolve() not in database.resolve().parents:
        raise CannotDo(
            f"the tasks of {session.name} are kept outside of it, in {session.store_url}: copy it"
            f" to a store inside first: gc3 copy {session.name} NEW --store sqlite"
        )
    with tempfile.TemporaryDirectory(prefix="gc3-pack-") as scratch:
        found = {}
        for path in sorted(home.iterdir()):
            if path.name in STAYS or (path.name == OUTPUTS and not outputs):
                continue
            if path.name.endswith(_BESIDE):
                continue
            found[path.name] = path
        if database.is_file():
            session.store.flush()
            snapshot = Path(scratch) / database.name
            _snapshot(database, snapshot)
            found[database.name] = snapshot
        yield found


def _snapshot(database: Path, copy: Path) -> None:
    url = f"file:{quote(str(database))}?mode=ro"
    with (
        closing(sqlite3.connect(url, uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def pack(found: dict[str, Path], name: str, file: Path) -> None:
    """Write an archive, all or nothing.

    Raises:
        CannotDo: The program that packs it is missing, or has failed.
    """
    beside = file.with_name(f".{file.name}.new")
    try:
        with _writing(beside, ending_of(file)) as archive:
            for each, path in found.items():
                archive.add(path, arcname=f"{name}/{each}")
        beside.rename(file)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


@contextmanager
def _writing(file: Path, ending: str) -> Iterator[tarfile.TarFile]:
    if ending != ".tar.zst":
        mode: Any = f"w:{_MODES[ending]}"
        with tarfile.open(file, mode) as archive:
            yield archive
        return
    with file.open("wb") as target, _zstd("-q", "-c", stdin=subprocess.PIPE, stdout=target) as pipe:
        assert pipe.stdin is not None
        with tarfile.open(fileobj=pipe.stdin, mode="w|") as archive:
            yield archive
        pipe.stdin.close()


@contextmanager
def reading(file: Path) -> Iterator[tarfile.TarFile]:
    """An archive, to be read from its beginning to its end.

    Raises:
        CannotDo: It cannot be read.
    """
    ending = ending_of(file)
    try:
        with file.open("rb") as source:
            if ending == ".tar.zst":
                with _zstd("-q", "-d", "-c", stdin=source, stdout=subprocess.PIPE) as pipe:
                    with tarfile.open(fileobj=pipe.stdout, mode="r|") as archive:
                        yield archive
                    _drain(pipe.stdout)
            else:
                mode: Any = f"r|{_MODES[ending]}"
                with tarfile.open(fileobj=source, mode=mode) as archive:
                    yield archive
    except (tarfile.TarError, EOFError) as err:
        raise CannotDo(f"{file} cannot be unpacked: {err}") from err
    except OSError as err:
        raise CannotDo(f"cannot read {file}: {err.strerror or err}") from err


def _drain(stream: IO[bytes] | None) -> None:
    while stream is not None and stream.read(1 << 16):
        pass


@contextmanager
def _zstd(*options: str, stdin: Any, stdout: Any) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("zstd")
    if program is None:
        raise CannotDo("there is no program zstd here: install it, or use .tar.gz")
    with subprocess.Popen([program, *options], stdin=stdin, stdout=stdout) as pipe:
        yield pipe
    if pipe.returncode:
        raise CannotDo(f"zstd has failed, with exit code {pipe.returncode}")


def unpack(file: Path, target: Path) -> None:
    """Unpack a session, all or nothing.

    Raises:
        CannotDo: It is none, or cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix=".gc3-unpack-", dir=target.parent) as scratch:
        with reading(file) as archive:
            for member in archive:
                try:
                    archive.extract(member, scratch, filter="data")
                except tarfile.FilterError as err:
                    raise CannotDo(
                        f"{file} holds {member.name!r}, which was refused: {err}"
                    ) from err
        tops = list(Path(scratch).iterdir())
        if len(tops) != 1 or not (tops[0] / "store.url").is_file():
            raise CannotDo(f"{file} holds no session")
        tops[0].rename(target)
