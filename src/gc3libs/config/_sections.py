"""What a section `[resource/NAME]` of GC3Pie's configuration means as settings of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from gc3libs.config._clusters import KINDS, Cluster, HostResource, Kind, LocalResource, decode
from gc3libs.exceptions import ConfigurationError, InvalidValue
from gc3libs.quantity import GB, Duration, Memory, hours

RESOURCE = "resource/"
AUTH = "auth/"
_NAME = re.compile(r"\w[\w.-]*")
_TRUE = ("yes", "true", "on", "1")
_HERE = "shellcmd"
_BATCH = ("lsf", "pbs", "sge", "slurm")
Words = Mapping[str, str]
_R = TypeVar("_R", bound=msgspec.Struct)


def words_of(items: Mapping[str, Any]) -> dict[str, str]:
    """Keys in small letters, and their values without blanks around."""
    return {key.lower(): str(value).strip() for key, value in items.items()}


class Section:
    """A section `[resource/NAME]`.

    Attributes:
        name: Of the resource.
        type: As the section says; empty if it does not.
        settings: What it means; None if there are no resources of this type.

    Raises:
        ConfigurationError: A value makes no sense, or there is no section for its `auth`.
    """

    def __init__(self, name: str, words: Words, logins: Mapping[str, Words]) -> None:
        self.name = name
        self.type = words.get("type", "")
        self.settings: LocalResource | Cluster | None = None
        try:
            if not _NAME.fullmatch(name):
                raise InvalidValue("a resource is called by letters, digits, -, _ and .")
            if self.type == _HERE and _transport(words) == "local":
                self.settings = _this_machine(words)
            elif self.type == _HERE:
                self.settings = _cluster(HostResource, words, logins)
            elif self.type in _BATCH:
                self.settings = _cluster(KINDS[self.type], words, logins)
        except (InvalidValue, ValueError) as err:
            raise ConfigurationError(f"resource {name}: {err}", do_log=False) from err


def _this_machine(words: Words) -> LocalResource:
    cores = int(words["max_cores"]) if "max_cores" in words else None
    of_one = _memory(words["max_memory_per_core"]) if "max_memory_per_core" in words else None
    return _made(
        LocalResource,
        enabled=_is_enabled(words),
        cores=cores,
        memory=None if of_one is None or cores is None else of_one * cores,
    )


def _cluster(kind: Kind, words: Words, logins: Mapping[str, Words]) -> Cluster:
    found: dict[str, Any] = {"enabled": _is_enabled(words)}
    for key, (name, read) in _KEYS.items():
        if key in words and name in kind.__struct_fields__:
            found[name] = read(words[key])
    if kind is HostResource and "max_cores" in found:
        found["cores"] = found.pop("max_cores")
    if _transport(words) == "ssh":
        found |= {"transport": "ssh", "host": words.get("frontend"), **_login(words, logins)}
    return _made(kind, **found)


def _login(words: Words, logins: Mapping[str, Words]) -> dict[str, Any]:
    name = words.get("auth", "none")
    if name != "none" and name not in logins:
        raise InvalidValue(f"there is no section [{AUTH}{name}]")
    login = logins.get(name, {})
    return {
        "user": login.get("username"),
        "identity": words.get("keyfile") or login.get("keyfile"),
        "port": int(words.get("port") or login.get("port") or 0) or None,
        "directory": words.get("spooldir"),
    }


def _made(kind: type[_R], **settings: Any) -> _R:
    config = kind.__struct_config__
    tag = {} if config.tag_field is None else {config.tag_field: config.tag}
    try:
        return msgspec.convert(settings | tag, kind, dec_hook=decode)
    except msgspec.ValidationError as err:
        raise InvalidValue(str(err)) from err


def _transport(words: Words) -> str:
    name = words.get("transport", "local")
    if name not in ("local", "ssh"):
        raise InvalidValue(f"transport={name}: it is local or ssh")
    return name


def _is_enabled(words: Words) -> bool:
    return words.get("enabled", "yes").lower() in _TRUE


def _memory(text: str) -> Memory:
    return int(text) * GB if text.isdigit() else Memory(text)


def _walltime(text: str) -> Duration:
    return int(text) * hours if text.isdigit() else Duration(text)


def _architecture(text: str) -> str | None:
    """One, or None if there are several, so that all will do."""
    return None if "," in text or not text else text


_KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "architecture": ("architecture", _architecture),
    "epilogue_content": ("epilogue", str),
    "max_cores": ("max_cores", int),
    "max_cores_per_job": ("max_cores_per_job", int),
    "max_memory_per_core": ("max_memory_per_core", _memory),
    "max_walltime": ("max_walltime", _walltime),
    "default_pe": ("parallel_environment", str),
    "prologue_content": ("prologue", str),
    "queue": ("queue", str),
}
"""Name, in our settings, of each key that has one, and what reads its value."""
