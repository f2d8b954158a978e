"""Configuration files of GC3Pie: what they say of resources that are this machine."""

from __future__ import annotations

import configparser
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gc3libs.exceptions import (
    ConfigurationError,
    InvalidValue,
    NoAccessibleConfigurationFile,
    NoValidConfigurationFile,
)
from gc3libs.quantity import GB, Memory

logger = logging.getLogger(__name__)

PREFIX = "resource/"
_TRUE = ("yes", "true", "on", "1")


class Configuration:
    """Which files hold that are of GC3Pie's kind, and what else holds; scripts hand it to `Core`.

    Args:
        *locations: Of files; later ones win.
        cfg_dict: Sections by name, which win over the files.
        **defaults: Taken by old scripts for granted; without effect.

    Attributes:
        locations, sections: As given.
    """

    def __init__(
        self,
        *locations: str,
        cfg_dict: Mapping[str, Mapping[str, Any]] | None = None,
        **defaults: Any,
    ) -> None:
        self.locations = locations
        self.sections = dict(cfg_dict or {})


class Section:
    """A section `[resource/NAME]`.

    Attributes:
        name: Of the resource.
        is_here: It is this machine, and not a batch system or another host.
        enabled: Whether it may be used.
        cores: How many it has; None: not said.
        memory: How much it has in all; None: not said.

    Raises:
        ConfigurationError: A number is none.
    """

    def __init__(self, name: str, items: Mapping[str, Any]) -> None:
        self.name = name
        words = {key.lower(): str(value).strip() for key, value in items.items()}
        self.is_here = (
            words.get("type") == "shellcmd" and words.get("transport", "local") == "local"
        )
        self.enabled = words.get("enabled", "yes").lower() in _TRUE
        try:
            self.cores = int(words["max_cores"]) if "max_cores" in words else None
            self.memory = _memory(words, self.cores)
        except (InvalidValue, ValueError) as err:
            raise ConfigurationError(f"resource {name}: {err}", do_log=False) from err


def _memory(words: Mapping[str, str], cores: int | None) -> Memory | None:
    text = words.get("max_memory_per_core")
    if text is None or cores is None:
        return None
    of_one = int(text) * GB if text.isdigit() else Memory(text)
    return of_one * cores


def read_sections(
    files: Sequence[str], *, named: bool, more: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Section]:
    """The resources of all files; of equal keys, those of the last file hold.

    Args:
        files: `~` and variables in their names are expanded; one that is missing is left out.
        named: The user has named them: one of them must be there.
        more: Sections by name, read last.

    Raises:
        NoAccessibleConfigurationFile: None of the named files can be read.
        NoValidConfigurationFile: A file is not well-formed.
        ConfigurationError: A value makes no sense.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    found = [path for path in map(_path, files) if path.is_file() and os.access(path, os.R_OK)]
    if named and files and not found:
        raise NoAccessibleConfigurationFile(f"cannot read any of: {', '.join(files)}", do_log=False)
    for path in found:
        try:
            parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
        except (configparser.Error, UnicodeDecodeError) as err:
            reason = " ".join(str(err).split())
            raise NoValidConfigurationFile(f"{path}: {reason}", do_log=False) from err
    parser.read_dict(more or {})
    return list(_sections(parser))


def _sections(parser: configparser.ConfigParser) -> Iterator[Section]:
    for title in parser.sections():
        if title.startswith(PREFIX):
            section = Section(title.removeprefix(PREFIX), parser[title])
            if not section.is_here:
                logger.info("resource %s is left out: it is not this machine", section.name)
            yield section


def _path(name: str) -> Path:
    return Path(os.path.expandvars(name)).expanduser()
