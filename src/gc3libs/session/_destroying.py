"""Destroying a session: what it made goes, what was there before it stays."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gc3libs.exceptions import StoreUnavailable
from gc3libs.session._place import Place
from gc3libs.session._register import Register

_BESIDE_SQLITE = ("-wal", "-shm", "-journal")


def destroy(register: Register) -> None:
    """Remove a session's directory, and its tasks from a store outside of it. Needs the lease.

    Raises:
        StoreUnavailable: Something could not be removed; doing it again goes on.
    """
    place, store, origin = register.place, register.store, register.origin
    with register.changing():
        keeps_store = not register.store_is_inside or not origin.made_store
        if keeps_store:
            register.remove(list(register.listing), flush=True)
        if keeps_store:
            register.close()
        else:
            store.close()
        try:
            register.listing.index.empty()
            for path in _own_files(place, None if keeps_store else getattr(store, "path", None)):
                _remove(path)
            place.give_up()
            if origin.made_directory:
                _remove_tree(place.path)
            else:
                with contextlib.suppress(OSError):
                    place.path.rmdir()
        except OSError as err:
            raise StoreUnavailable(f"cannot remove {err.filename}: {err.strerror}") from err
        register.gone = True


def _own_files(place: Place, store: Path | None) -> Iterator[Path]:
    """What goes first, so that what is left of an interrupted removal is an empty session."""
    if store is not None:
        yield from (store, *(store.with_name(store.name + end) for end in _BESIDE_SQLITE))
    yield from (place.run, place.finished)


def _remove(path: Path) -> None:
    """What a symbolic link leads to is not the session's."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _remove_tree(path: Path) -> None:
    """The session's directory; a link to it goes, too."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(os.path.realpath(path))
        if path.is_symlink():
            path.unlink()
