"""What is said of a key or a word that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from gc3libs.config._settings import Types
from gc3libs.exceptions import InvalidSetting


def unknown(where: str, prefix: str, name: str, types: Types) -> InvalidSetting:
    """The error for a key that does not exist, with the one that may have been meant."""
    here = {key.removeprefix(prefix).partition(".")[0] for key in types if key.startswith(prefix)}
    elsewhere = [key for key in sorted(types) if key.rpartition(".")[2] == name]
    meant = nearest(name, here) or next(iter(elsewhere), "")
    reason = f"unknown key {name!r}." + (f" Did you mean {meant!r}?" if meant else "")
    if not meant:
        reason += f" Known here: {', '.join(sorted(here))}"
    return InvalidSetting(where, prefix.rstrip(".") or "top level", reason)


def nearest(word: str, known: Collection[str]) -> str:
    """Which of the known words was meant; empty if none looks like it.

    >>> nearest("slrum", ["sge", "slurm"]), nearest("condor", ["sge", "slurm"])
    ('slurm', '')
    """
    return next(iter(difflib.get_close_matches(word, sorted(known), 1)), "")
