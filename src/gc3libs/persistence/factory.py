"""Stores by URL."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from gc3libs.exceptions import InvalidType, InvalidValue
from gc3libs.persistence.store import Store

Constructor = Callable[..., Store]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_ENTRY_POINTS = "gc3libs.stores"


def make_store(url: Any, *args: Any, **kwargs: Any) -> Store:
    """The store at a URL.

    | URL | store |
    | --- | --- |
    | a path, `file:PATH`, `file:///PATH` | one file an object, in that directory |
    | `sqlite:///PATH`, `sqlite:////PATH` | an SQLite file; both paths are absolute |
    | `sqlite:PATH` | an SQLite file, relative to the current directory |
    | `postgresql://USER@HOST:PORT/DATABASE` | a table in PostgreSQL |
    | `mysql://USER@HOST:PORT/DATABASE` | a table in MariaDB or MySQL |
    | `memory:` | the memory of this process |

    `#table=NAME` at the end names the table. In URLs, `%`, `#` and `?` that are part of a path are
    written `%25`, `%23` and `%3F`. The other arguments go to the store's constructor.

    Args:
        url: The URL, as text or as an object whose text it is, a path, or a `Store`, which is
            returned as it is.

    Raises:
        InvalidValue: No kind of store has this scheme, or the URL makes no sense.
        StoreUnavailable: The store cannot be reached, or made where it should be.

    >>> make_store("memory:").url
    'memory:'
    """
    if isinstance(url, Store):
        if args or kwargs:
            raise InvalidValue(f"{url!r} is a store already and takes no more arguments")
        return url
    text = os.fsdecode(url) if isinstance(url, os.PathLike) else str(url)
    match = None if isinstance(url, os.PathLike) else _SCHEME.fullmatch(text)
    if match is None:
        return _file_store(text, *args, **kwargs)
    return _constructor(match[1].lower())(text, *args, **kwargs)


def register(scheme: str, constructor: Constructor) -> None:
    """Have `make_store` call `constructor(url, *args, **kwargs)` for URLs of a scheme.

    Packages do so by an entry point of the group `gc3libs.stores`, named after the scheme.

    Raises:
        InvalidType: The constructor cannot be called.
    """
    if not callable(constructor):
        raise InvalidType(f"the constructor of {scheme!r} stores must be callable")
    _constructors[scheme.lower()] = constructor


def _constructor(scheme: str) -> Constructor:
    if scheme not in _constructors:
        from importlib.metadata import entry_points  # takes longer than opening a store

        for entry in entry_points(group=_ENTRY_POINTS):
            _constructors.setdefault(entry.name.lower(), _loader(entry))
    try:
        return _constructors[scheme]
    except KeyError:
        known = ", ".join(sorted(_constructors))
        raise InvalidValue(f"no kind of store has URLs with {scheme}:, only {known}") from None


def _loader(entry: Any) -> Constructor:
    def load(*args: Any, **kwargs: Any) -> Store:
        constructor = entry.load()
        register(entry.name, constructor)
        store: Store = constructor(*args, **kwargs)
        return store

    return load


def _memory(url: str, *args: Any, **kwargs: Any) -> Store:
    from gc3libs.persistence.memory import MemoryStore

    return MemoryStore(*args, **kwargs)


def _file(url: str, *args: Any, **kwargs: Any) -> Store:
    path, options = _split(url)
    if options:
        raise InvalidValue(f"{url}: a store in files has no {', '.join(options)}")
    return _file_store(_path(path, url), *args, **kwargs)


def _file_store(path: str, *args: Any, **kwargs: Any) -> Store:
    from gc3libs.persistence.filesystem import FilesystemStore

    return FilesystemStore(path, *args, **kwargs)


def _sqlite(url: str, *args: Any, **kwargs: Any) -> Store:
    from gc3libs.persistence.sqlite import SqliteStore

    path, options = _split(url)
    return SqliteStore(_path(path, url), *args, **_with_options(url, options, kwargs))


def _server(url: str, *args: Any, **kwargs: Any) -> Store:
    from gc3libs.persistence.sql import SqlStore

    address, options = _split(url)
    return SqlStore(address, *args, **_with_options(url, options, kwargs))


def _split(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its fragment, and what the fragment says."""
    address, _, fragment = url.partition("#")
    options = {}
    for option in filter(None, fragment.split("&")):
        name, equals, value = option.partition("=")
        if name != "table" or not equals:
            raise InvalidValue(f"{url}: after # only table=NAME is possible, not {option!r}")
        options[name] = value
    return address, options


def _with_options(url: str, options: dict[str, str], kwargs: dict[str, Any]) -> dict[str, Any]:
    if "table_name" in kwargs:  # as old scripts call it
        kwargs = kwargs | {"table": kwargs["table_name"] or "store"}
        del kwargs["table_name"]
    for name, value in options.items():
        if kwargs.get(name, value) != value:
            raise InvalidValue(f"{url}: the {name} is given as {kwargs[name]!r}, too")
    return kwargs | options


def _path(address: str, url: str) -> str:
    """The path in `scheme:path` or `scheme:///path`."""
    path = address.partition(":")[2]
    if path.startswith("//"):
        path = path[2:].removeprefix("localhost")
        if not path.startswith("/"):
            scheme = address.partition(":")[0]
            raise InvalidValue(
                f"{url}: write {scheme}:///PATH (absolute) or {scheme}:PATH (relative)"
            )
        path = "/" + path.lstrip("/")
    if not path:
        raise InvalidValue(f"{url}: there is no path in it")
    return os.fsdecode(unquote_to_bytes(path))


_constructors: dict[str, Constructor] = {
    "file": _file,
    "memory": _memory,
    "mysql": _server,
    "mysql+pymysql": _server,
    "postgresql": _server,
    "postgresql+psycopg": _server,
    "sqlite": _sqlite,
}
