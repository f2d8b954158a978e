"""Logging as old scripts set it up."""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gc3libs.defaults import RCDIR

FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"


def configure_logger(
    level: int = logging.ERROR,
    name: str | None = None,
    format: str = FORMAT,
    datefmt: str = "%Y-%m-%d %H:%M:%S",
    colorize: bool | str = "auto",
) -> logging.Logger:
    """Have messages written to the standard error stream, and give a logger.

    A file `NAME.log.conf` or `gc3pie.log.conf`, beside the one that `GC3PIE_CONF` names or in
    `~/.gc3`, says more, if there is one; none is written.

    Args:
        level: Of the logger.
        name: Of the logger; None: that of the program.
        format, datefmt: Of a message.
        colorize: Kept for old scripts; without effect.
    """
    name = name or Path(sys.argv[0]).stem
    logging.basicConfig(level=level, format=format, datefmt=datefmt)
    for path in _files(name):
        if path.is_file():
            logging.config.fileConfig(path, {"RCDIR": RCDIR}, disable_existing_loggers=False)
            break
    logger = logging.getLogger(name)
    logger.setLevel(level)
    return logger


def _files(name: str) -> Iterator[Path]:
    named = os.environ.get("GC3PIE_CONF")
    for directory in ([Path(named).parent] if named else []) + [Path(RCDIR)]:
        yield directory / f"{name}.log.conf"
        yield directory / "gc3pie.log.conf"
