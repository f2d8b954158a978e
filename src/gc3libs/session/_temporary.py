"""`TemporarySession`: a store, looked at as a session."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from typing import Any

from gc3libs.exceptions import ObjectNotFound
from gc3libs.persistence import make_store
from gc3libs.session._making import make
from gc3libs.session._mirror import existing
from gc3libs.session._place import Place
from gc3libs.session._session import Session


class TemporarySession(Session):
    """A session of all that is in a store, for code that wants a `Session`.

    Its directory is a temporary one, and its times are those of the object. Two of them cannot
    share a store: each would have all of it.

    Args:
        store_or_url: A `Store`, or a URL or path as `make_store` takes.
        task_ids: Only these tasks are in the session.
        delete: Remove the directory when the object goes, or the program ends. The store stays.
        **extra_args: Go to `make_store`.

    Raises:
        ObjectNotFound: One of `task_ids` is not in the store.
        StoreUnavailable: The store cannot be reached.

    >>> import gc3libs
    >>> store = gc3libs.persistence.make_store("memory:")
    >>> id_ = store.save(gc3libs.Task(jobname="first"))
    >>> session = TemporarySession(store)
    >>> [task.jobname for task in session]
    ['first']
    >>> session.destroy()
    """

    def __init__(
        self,
        store_or_url: Any,
        task_ids: Iterable[str] | None = None,
        delete: bool = True,
        **extra_args: Any,
    ) -> None:
        store = make_store(store_or_url, **extra_args)
        ids = store.list() if task_ids is None else list(dict.fromkeys(task_ids))
        if task_ids is not None:
            known = existing(store, ids)
            for id_ in ids:
                if id_ not in known:
                    raise ObjectNotFound(id_, store.url)
        place = Place(tempfile.mkdtemp(prefix="gc3-session-"))
        if delete:
            weakref.finalize(self, _remove, str(place.path), os.getpid())
        self._set_up(make(place, store, {}, whole_store=True))
        with self._register.changing():
            self._register.listing.index.append(ids, durable=False)


def _remove(path: str, pid: int) -> None:
    """By the process that made it alone."""
    if pid == os.getpid():
        shutil.rmtree(path, ignore_errors=True)
