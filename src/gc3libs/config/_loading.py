"""Finding the files, reading them, and telling the user what is wrong in them."""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import platformdirs

from gc3libs.config._clusters import decode
from gc3libs.config._kinds import kinds_of, resource_tables
from gc3libs.config._misspelt import unknown
from gc3libs.config._settings import (
    COMMAND_LINE,
    LOCAL,
    RESOURCES,
    Settings,
    Types,
    is_user_only,
    types_of,
)
from gc3libs.exceptions import ConfigurationFileError, InvalidSetting

FILE = "gc3.toml"
Values = dict[str, Any]


class Source(NamedTuple):
    """What one file says; `is_own`: it is the user's own."""

    origin: str
    document: Values
    is_own: bool


def load_settings(
    start: str | os.PathLike[str] | None = None,
    session: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings that hold here.

    Each of these wins over those after it: flags; the environment (`GC3_MAX_IN_FLIGHT`,
    `GC3_RESOURCES_LOCAL_CORES`, ...); the session's `gc3.toml`; the nearest `gc3.toml` in the
    directory or above it; the user's own, which is `gc3/gc3.toml` in the directory where the system
    keeps configuration, or the file that `GC3_CONFIG` names.

    Args:
        start: The directory to begin at; default: the current one.
        session: The session's directory.
        environ: The environment; default: that of this process.
        flags: What the command line says, by dotted key; None stands for what it does not say.

    Raises:
        InvalidSetting: There is no such key, its value is impossible, or it may be set in the
            user's own configuration only.
        ConfigurationFileError: A file cannot be read, or is not TOML.
    """
    environ = os.environ if environ is None else environ
    files = list(_files(Path(start or "."), session, environ))
    types = types_of(kinds_of(_resource_tables(files, environ)))
    values: Values = {}
    origins: dict[str, str] = {}
    for origin, found in _values(files, environ, flags or {}, types):
        values |= found
        origins |= dict.fromkeys(found, origin)
    return _build(values, origins)


# where settings are found


def _files(
    start: Path, session: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> Iterator[Source]:
    """The files that count; what wins comes last."""
    own = _users_file(environ)
    if own:
        yield Source(str(own), _read(own), is_own=True)
    others = [_nearest(start), Path(session) / FILE if session else None]
    for path in dict.fromkeys(path for path in others if path):
        if path.is_file() and not (own and path.samefile(own)):
            yield Source(str(path), _read(path), is_own=False)


def _users_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("GC3_CONFIG")
    if named:
        return Path(named).expanduser()
    path = platformdirs.user_config_path("gc3") / FILE
    return path if path.is_file() else None


def _nearest(start: Path) -> Path | None:
    directory = start.absolute()
    candidates = (each / FILE for each in (directory, *directory.parents))
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> Values:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        raise ConfigurationFileError(f"cannot read {path}: {reason}", do_log=False) from err


def _resource_tables(
    files: Iterable[Source], environ: Mapping[str, str]
) -> Iterator[tuple[str, str, Any]]:
    """Where, under which name and how resources are spoken of."""
    for origin, document, _ in files:
        yield from resource_tables(origin, document)
    prefix, suffix = variable(RESOURCES), "_TYPE"
    for name, text in environ.items():
        if name.startswith(prefix) and name.endswith(suffix) and text:
            resource = name[len(prefix) : -len(suffix)].lower()
            yield f"${name}", resource, {"type": text}


def variable(key: str) -> str:
    """The environment variable of a setting.

    >>> variable("resources.local.cores"), variable("resources.my-cluster.max_jobs")
    ('GC3_RESOURCES_LOCAL_CORES', 'GC3_RESOURCES_MY_CLUSTER_MAX_JOBS')
    """
    return "GC3_" + key.upper().replace(".", "_").replace("-", "_")


# what they say


def _values(
    files: Iterable[Source], environ: Mapping[str, str], flags: Mapping[str, Any], types: Types
) -> Iterator[tuple[str, Values]]:
    """What is set where; what wins comes last."""
    for source in files:
        yield source.origin, dict(_of_file(source, types))
    for key in types:
        name = variable(key)
        if environ.get(name):
            yield f"${name}", {key: _from_text(environ[name], key, f"${name}", types)}
    for key, value in flags.items():
        if value is not None:
            yield COMMAND_LINE, {key: _checked(value, key, COMMAND_LINE, types)}


def _of_file(source: Source, types: Types) -> Iterator[tuple[str, Any]]:
    for key, value in _flatten(source.document, source.origin, types):
        if is_user_only(key) and not source.is_own:
            own = platformdirs.user_config_path("gc3") / FILE
            reason = f"only your own configuration can set this: {own}"
            raise InvalidSetting(source.origin, key, reason)
        yield key, _checked(value, key, source.origin, types)


def _flatten(
    table: Mapping[str, Any], where: str, types: Types, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = prefix + name
        if key in types:
            yield key, value
        elif not any(known.startswith(f"{key}.") for known in types):
            raise unknown(where, prefix, name, types)
        elif isinstance(value, dict):
            yield from _flatten(value, where, types, f"{key}.")
        else:
            raise InvalidSetting(where, key, f"this is a table: [{key}]")


def _from_text(text: str, key: str, where: str, types: Types) -> Any:
    if not str(types[key]).startswith("tuple"):
        return _checked(text, key, where, types, strict=False)
    words = shlex.split(text) if key.endswith(".options") else text.split(",")
    return _checked([each.strip() for each in words], key, where, types)


def _checked(value: Any, key: str, where: str, types: Types, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, types[key], strict=strict, dec_hook=decode)
    except KeyError:
        table, _, name = key.rpartition(".")
        raise unknown(where, f"{table}." if table else "", name, types) from None
    except msgspec.ValidationError as err:
        raise InvalidSetting(where, key, f"{value!r} will not do: {err}") from err


def _build(values: Values, origins: dict[str, str]) -> Settings:
    resources: dict[str, Any] = {}
    tree: dict[str, Any] = {"origins": origins}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        if table:
            resources.setdefault(table.removeprefix(RESOURCES), {})[name] = value
        else:
            tree[name] = value
    tree["resources"] = {"local": resources.pop(LOCAL, {}), "clusters": resources}
    return msgspec.convert(tree, Settings, dec_hook=decode)
