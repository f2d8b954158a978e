"""Making sessions, and opening those that are there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from gc3libs._atomic import write_file
from gc3libs.exceptions import InvalidValue, StoreUnavailable
from gc3libs.persistence import Store, make_store
from gc3libs.session._origin import new_origin, read_origin, write_origin
from gc3libs.session._place import Place
from gc3libs.session._register import Register


def open_existing(place: Place, store_or_url: Any, extra_args: Mapping[str, Any]) -> Register:
    """The session that is in a directory.

    Its store is the one in `store.url`, whatever is given: a `Store` is used if it is the same.

    Raises:
        DamagedStore, NewerFormat, StoreUnavailable: It cannot be opened.
    """
    url = place.recorded_url()
    known = read_origin(place.created)
    origin = known or new_origin(str(place.path), made_directory=False, made_store=False)
    own_store = not (isinstance(store_or_url, Store) and store_or_url.url == url)
    store = _open_store(place, url, extra_args) if own_store else store_or_url
    return Register(place, store, origin, known=known is not None, own_store=own_store)


def _open_store(place: Place, url: str, extra_args: Mapping[str, Any]) -> Store:
    try:
        store = make_store(url, **extra_args)
    except InvalidValue as err:
        raise InvalidValue(f"{place.store_url}: {err}") from err
    try:
        place.check_store(store)
    except BaseException:
        store.close()
        raise
    return store


def make(
    place: Place, store_or_url: Any, extra_args: Mapping[str, Any], *, whole_store: bool = False
) -> Register:
    """A new session in a directory; the one there, if somebody else was quicker.

    Raises:
        InvalidValue: The store's URL makes no sense.
        StoreUnavailable: Something could not be made; nothing is left behind.
    """
    made_directory = place.make()
    store = None
    try:
        store = place.open_store(store_or_url, **extra_args)
        path = getattr(store, "path", None)
        origin = new_origin(
            str(place.path),
            made_directory=made_directory or whole_store,
            made_store=path is not None and place.contains(path) and not path.exists(),
        )
        with place.being_made() as missing:
            if missing:
                _make_index(place)
                write_origin(place.created, origin)
                place.write_store_url(store.url)
                return Register(
                    place,
                    store,
                    origin,
                    known=True,
                    own_store=store is not store_or_url,
                    whole_store=whole_store,
                )
    except BaseException:
        _clean_up(place, made_directory)
        if store is not None and store is not store_or_url:
            store.close()
        raise
    if store is not store_or_url:
        store.close()
    return open_existing(place, store_or_url, extra_args)


def _make_index(place: Place) -> None:
    try:
        write_file(place.index, b"", alone=True)
    except OSError as err:
        raise StoreUnavailable(f"cannot make {place.index}: {err.strerror}") from err


def _clean_up(place: Place, made_directory: bool) -> None:
    """Remove what was made of a session, unless it is there by now."""
    with contextlib.suppress(OSError):
        if place.store_url.exists() and place.store_url.stat().st_size == 0:
            for path in place.vital:
                path.unlink(missing_ok=True)
    if made_directory:
        with contextlib.suppress(OSError):
            place.path.rmdir()
