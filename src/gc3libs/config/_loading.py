"""Finding the files, reading them, and telling the user what is wrong in them."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from gc3libs.config._settings import KEYS, USER_ONLY, Settings
from gc3libs.exceptions import ConfigurationFileError, InvalidSetting
from gc3libs.quantity import Memory

FILE = "gc3.toml"
Values = dict[str, Any]


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
    values: Values = {}
    origins: dict[str, str] = {}
    for origin, found in _sources(Path(start or "."), session, environ, flags or {}):
        values |= found
        origins |= dict.fromkeys(found, origin)
    return _build(values, origins)


def _sources(
    start: Path,
    session: str | os.PathLike[str] | None,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
) -> Iterator[tuple[str, Values]]:
    """What is set where; what wins comes last."""
    own = _users_file(environ)
    if own:
        yield str(own), _read(own, user_owned=True)
    others = [_nearest(start), Path(session) / FILE if session else None]
    for path in dict.fromkeys(path for path in others if path):
        if path.is_file() and not (own and path.samefile(own)):
            yield str(path), _read(path, user_owned=False)
    for key in KEYS:
        name = variable(key)
        if environ.get(name):
            yield f"${name}", {key: _from_text(environ[name], key, f"${name}")}
    for key, value in flags.items():
        if value is not None:
            yield "the command line", {key: _checked(value, key, "the command line")}


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


def variable(key: str) -> str:
    """The environment variable of a setting.

    >>> variable("resources.local.cores")
    'GC3_RESOURCES_LOCAL_CORES'
    """
    return "GC3_" + key.upper().replace(".", "_")


def _read(path: Path, *, user_owned: bool) -> Values:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        raise ConfigurationFileError(f"cannot read {path}: {reason}", do_log=False) from err
    values = dict(_flatten(document, str(path)))
    for key in values.keys() & USER_ONLY:
        if not user_owned:
            own = platformdirs.user_config_path("gc3") / FILE
            raise InvalidSetting(str(path), key, f"only your own configuration can set this: {own}")
    return {key: _checked(value, key, str(path)) for key, value in values.items()}


def _flatten(table: Mapping[str, Any], where: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = prefix + name
        if key in KEYS:
            yield key, value
        elif not any(known.startswith(f"{key}.") for known in KEYS):
            raise _unknown(where, prefix, name)
        elif isinstance(value, dict):
            yield from _flatten(value, where, f"{key}.")
        else:
            raise InvalidSetting(where, key, f"this is a table: [{key}]")


def _unknown(where: str, prefix: str, name: str) -> InvalidSetting:
    here = {key.removeprefix(prefix).partition(".")[0] for key in KEYS if key.startswith(prefix)}
    near = difflib.get_close_matches(name, sorted(here), 1)
    elsewhere = [key for key in sorted(KEYS) if key.rpartition(".")[2] == name]
    hint = near or elsewhere
    reason = f"unknown key {name!r}." + (f" Did you mean {hint[0]!r}?" if hint else "")
    if not hint:
        reason += f" Known here: {', '.join(sorted(here))}"
    return InvalidSetting(where, prefix.rstrip(".") or "top level", reason)


def _from_text(text: str, key: str, where: str) -> Any:
    if key in USER_ONLY:
        return _checked([each.strip() for each in text.split(",")], key, where)
    return _checked(text, key, where, strict=False)


def _checked(value: Any, key: str, where: str, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, KEYS[key], strict=strict, dec_hook=_decode)
    except KeyError:
        table, _, name = key.rpartition(".")
        raise _unknown(where, f"{table}." if table else "", name) from None
    except msgspec.ValidationError as err:
        raise InvalidSetting(where, key, f"{value!r} will not do: {err}") from err


def _decode(kind: type, value: Any) -> Any:
    if kind is Memory:
        return value if isinstance(value, Memory) else Memory(value)
    raise NotImplementedError(kind)


def _build(values: Values, origins: dict[str, str]) -> Settings:
    tree: dict[str, Any] = {"origins": origins}
    for key, value in values.items():
        *tables, name = key.split(".")
        table = tree
        for each in tables:
            table = table.setdefault(each, {})
        table[name] = value
    return msgspec.convert(tree, Settings, dec_hook=_decode)
