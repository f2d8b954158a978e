"""The options that all scripts have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gc3libs.cmdline.types import (
    duration_text,
    memory_amount,
    positive_int,
    valid_directory,
)
from gc3libs.defaults import CONFIG_FILE_LOCATIONS
from gc3libs.quantity import GB

__all__ = ["DECISIVE", "STANDARD_STATES", "add_again", "add_base", "add_standard"]

Add = Callable[..., Any]

DECISIVE = frozenset({"ncores", "memory_per_core", "wctime", "output"})
"""Standard options of which another value may mean other tasks."""

STANDARD_STATES = (
    "NEW",
    "SUBMITTED",
    "RUNNING",
    "STOPPED",
    "TERMINATING",
    "TERMINATED",
    "UNKNOWN",
)
"""What `-l` alone shows."""


def add_base(add: Add, version: str) -> None:
    """Options of every script; one that the script defines itself takes the place of ours."""
    add("-V", "--version", action="version", version=version)
    add(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say more of what is done: -v, -vv for details, -vvv for everything",
    )
    add(
        "--config-files",
        metavar="FILES",
        default=",".join(CONFIG_FILE_LOCATIONS),
        help="configuration files of GC3Pie, separated by commas; later ones win"
        " (default: the usual places, if there is no gc3.toml)",
    )


def add_again(add: Add) -> None:
    """What to do with a session that is there already."""
    add(
        "--update",
        dest="_update",
        action="store_true",
        help="make the tasks anew and add those that the session does not have, also if the"
        " arguments are the same as before",
    )
    add(
        "--dry-run",
        dest="_dry_run",
        action="store_true",
        help="say how many tasks are new, known or changed, and stop there",
    )
    add(
        "--rerun-changed",
        dest="_rerun_changed",
        action="store_true",
        help="run tasks again that are not the same as when they were added",
    )


def add_standard(add: Add, name: str) -> None:
    """Options of scripts with a session; a letter of theirs always means what it means here."""
    here = Path.cwd()
    _add_requests(add)
    add(
        "-s",
        "--session",
        metavar="PATH",
        default=str(here / name),
        help="directory of the session, made if it is not there; or URL of a store, all of whose"
        f" tasks are meant (default: {name} in the current directory)",
    )
    add(
        "-u",
        "--store-url",
        metavar="URL",
        help="where a new session keeps its tasks: a URL, or sqlite or file for a place inside the"
        " session (default: sqlite)",
    )
    add(
        "-N",
        "--new-session",
        action="store_true",
        help="begin anew: end and remove all tasks of the session first",
    )
    add(
        "-C",
        "--continuous",
        "--watch",
        dest="wait",
        metavar="NUM",
        type=positive_int,
        default=0,
        help="stay until all tasks are over, with a round every NUM seconds at least; otherwise"
        " start what can be started, collect what is over, and leave. Ctrl-C leaves what runs as it"
        " is; a second one ends it",
    )
    add(
        "-J",
        "--max-running",
        metavar="NUM",
        type=positive_int,
        default=50,
        help="at most so many tasks submitted or running (default: %(default)s)",
    )
    add(
        "-o",
        "--output",
        metavar="DIRECTORY",
        type=valid_directory,
        default=os.path.join(here, "NAME"),  # noqa: PTH118  # paths here are text
        help="where outputs go; NAME, SESSION, DATE and TIME in it are replaced (default: NAME in"
        " the current directory)",
    )
    add(
        "-l",
        "--state",
        dest="states",
        metavar="STATES",
        nargs="?",
        default="",
        const=",".join(STANDARD_STATES),
        help="list the tasks in these states, separated by commas; ok and failed are states, too"
        " (default: all)",
    )


def _add_requests(add: Add) -> None:
    add(
        "-c",
        "--cpu-cores",
        dest="ncores",
        metavar="NUM",
        type=positive_int,
        default=1,
        help="cores of a task (default: %(default)s)",
    )
    add(
        "-m",
        "--memory-per-core",
        metavar="GIGABYTES",
        type=memory_amount,
        default=2 * GB,
        help="memory of a core, with its unit, such as 2GB; a task that takes more is ended"
        " (default: %(default)s, which ends none)",
    )
    add(
        "-r",
        "--resource",
        dest="resource_name",
        metavar="NAME",
        help="run on this resource only; several names, or patterns, are separated by commas",
    )
    add(
        "-w",
        "--wall-clock-time",
        dest="wctime",
        metavar="DURATION",
        type=duration_text,
        default="8 hours",
        help="time of a task, such as '2 hours', after which it is ended (default: %(default)s)",
    )
