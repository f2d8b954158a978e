"""Logging and error handling as old scripts know them."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from gc3libs.compat.errors import error_ignored
from gc3libs.compat.logs import configure_logger


@pytest.fixture(autouse=True)
def quiet_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_logger_of_a_script():
    logger = configure_logger(logging.INFO, "sweep")
    assert (logger.name, logger.level) == ("sweep", logging.INFO)


def test_a_file_says_more(tmp_path, monkeypatch):
    log = tmp_path / "sweep.log"
    (tmp_path / "sweep.log.conf").write_text(
        f"""
[loggers]
keys=root
[handlers]
keys=file
[formatters]
keys=
[logger_root]
level=DEBUG
handlers=file
[handler_file]
class=FileHandler
args=({str(log)!r},)
"""
    )
    monkeypatch.setenv("GC3PIE_CONF", str(tmp_path / "gc3pie.conf"))
    configure_logger(logging.WARNING, "sweep").warning("kept")
    for handler in logging.getLogger().handlers:
        handler.close()
    assert log.read_text() == "kept\n"


@pytest.mark.parametrize(
    ("words", "ignored"), [("", True), ("ALL", False), ("x,engine", False), ("ENGINE", True)]
)
def test_errors_that_are_wanted(words, ignored):
    program = "from gc3libs.compat.errors import error_ignored; print(error_ignored('Engine', 'a'))"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={"GC3PIE_NO_CATCH_ERRORS": words},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == f"{ignored}\n"


def test_errors_are_ignored_by_default():
    assert error_ignored()
