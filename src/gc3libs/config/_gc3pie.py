"""Configuration files of GC3Pie: finding them, and what they consist of."""

from __future__ import annotations

import configparser
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gc3libs.config._sections import AUTH, RESOURCE, Section, words_of
from gc3libs.exceptions import NoAccessibleConfigurationFile, NoValidConfigurationFile

logger = logging.getLogger(__name__)


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
    logins = {
        title.removeprefix(AUTH): words_of(parser[title])
        for title in parser.sections()
        if title.startswith(AUTH)
    }
    for title in parser.sections():
        if title.startswith(RESOURCE):
            section = Section(title.removeprefix(RESOURCE), words_of(parser[title]), logins)
            if section.settings is None:
                logger.warning(
                    "[%s] is left out: there are no resources of type %r", title, section.type
                )
            yield section


def _path(name: str) -> Path:
    return Path(os.path.expandvars(name)).expanduser()
