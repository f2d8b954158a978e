"""Destroying a session: what it made goes, what was there before it stays."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gc3libs.exceptions import StoreUnavailable
from gc3libs.session._lease import check_free
from gc3libs.session._place import Place
from gc3libs.session._register import Register

_BESIDE_SQLITE = ("-wal", "-shm", "-journal")


def destroy(register: Register, *, by_holder: bool) -> None:
    """Remove a session's directory, and its tasks from a store outside of it.

    Cut off, it leaves a session without tasks, or a directory that is none.

    Args:
        by_holder: Whoever calls it holds the lease.

    Raises:
        SessionInUse: Somebody else is running it.
        StoreUnavailable: Something could not be removed; doing it again goes on.
    """
    place = register.place
    try:
        if not register.ended:
            with register.ending() as keeps_store:
                if not by_holder:  # nobody can become it meanwhile
                    check_free(place.lease)
                _remove_tasks(register, keeps_store=keeps_store)
                _remove_files(register, keeps_store=keeps_store)
                register.ended = True
        if not place.holds_session():  # somebody may have made a new one
            _remove_directory(place.path, whole=register.origin.made_directory)
    except OSError as err:
        raise StoreUnavailable(f"cannot remove {err.filename}: {err.strerror}") from err
    register.gone = True


def _remove_tasks(register: Register, *, keeps_store: bool) -> None:
    if keeps_store and len(register.listing):
        register.remove(list(register.listing), flush=True)
    if keeps_store:
        register.close()
    else:
        register.store.close()
    register.listing.index.empty()


def _remove_files(register: Register, *, keeps_store: bool) -> None:
    place = register.place
    for path in _own_files(place, None if keeps_store else getattr(register.store, "path", None)):
        _remove(path)
    if register.origin.made_directory:
        for path in place.path.iterdir():
            if path not in place.vital:
                _remove(path)
    place.give_up()


def _own_files(place: Place, store: Path | None) -> Iterator[Path]:
    """What the session has made, but for what makes it one."""
    if store is not None:
        yield from (store, *(store.with_name(store.name + end) for end in _BESIDE_SQLITE))
    yield from (place.run, place.finished)


def _remove(path: Path) -> None:
    """What a symbolic link leads to is not the session's."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            _remove_tree(path)
        else:
            path.unlink()


def _remove_directory(path: Path, *, whole: bool) -> None:
    """The session's directory, unless it holds what is not the session's; a link to it goes, too.

    Raises:
        OSError: It cannot be removed.
    """
    if not whole:
        with contextlib.suppress(OSError):
            path.rmdir()
        return
    with contextlib.suppress(FileNotFoundError):
        _remove_tree(os.path.realpath(path))
        if path.is_symlink():
            path.unlink()


def _remove_tree(path: str | os.PathLike[str]) -> None:
    try:
        shutil.rmtree(path)
    except OSError as err:  # which may name a file without its directory
        raise OSError(err.errno, f"{err.strerror}: {err.filename}", path) from err
