"""Where scripts import from, old places included."""

import importlib
import logging
import os
import subprocess
import sys
import types

import pytest

from gc3libs import debug, utils


@pytest.mark.parametrize("name", ["gc3libs.optimizer", "gc3libs.optimizer.utils"])
def test_update_parameter_in_file_at_its_former_places(name):
    module = importlib.import_module(name)
    with pytest.warns(
        DeprecationWarning, match=r"gc3libs\.utils\.update_parameter_in_file"
    ) as seen:
        assert module.update_parameter_in_file is utils.update_parameter_in_file
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match=f"{name}.* 'nothing_there'"):
        _ = module.nothing_there


def test_the_lockfile_package_under_its_former_name(monkeypatch):
    package = types.ModuleType("lockfile")
    package.FileLock = object()
    monkeypatch.setitem(sys.modules, "lockfile", package)
    with pytest.warns(DeprecationWarning, match=r"use lockfile\.FileLock") as seen:
        from gc3libs.compat.lockfile import FileLock
    assert FileLock is package.FileLock
    assert seen[0].filename == __file__


def test_without_the_lockfile_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lockfile", None)
    with (
        pytest.warns(DeprecationWarning, match="lockfile"),
        pytest.raises(ImportError, match="pip install lockfile"),
    ):
        _ = importlib.import_module("gc3libs.compat.lockfile").FileLock


def test_utils_offers_what_it_lists():
    assert utils.__all__ == sorted(utils.__all__)
    for name in utils.__all__:
        assert callable(getattr(utils, name))


@pytest.mark.parametrize(
    ("environment", "own_file"),
    [({}, "/home/ada/.gc3/gc3pie.conf"), ({"GC3PIE_CONF": "/x.conf"}, "/x.conf")],
)
def test_defaults_follow_the_environment(environment, own_file):
    code = (
        "from gc3libs import defaults as d\n"
        "print(d.RCDIR, d.JOBS_DIR, d.SPOOLDIR, *d.CONFIG_FILE_LOCATIONS)\n"
        "print(d.PEEK_FILE_SIZE, d.SSH_PORT, d.VM_OS_OVERHEAD, d.SHELLCMD_LRMS)"
    )
    clean = {k: v for k, v in os.environ.items() if k != "GC3PIE_CONF"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"HOME": "/home/ada", "VIRTUAL_ENV": "/venv"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [
        "/home/ada/.gc3 /home/ada/.gc3/jobs /home/ada/.gc3pie_jobs"
        f" /etc/gc3/gc3pie.conf /venv/etc/gc3/gc3pie.conf {own_file}",
        "120 22 512MiB shellcmd",
    ]


def test_trace_logs_calls_results_and_errors(caplog):
    @debug.trace
    def divide(a, b):
        """Divide."""
        return a / b

    with caplog.at_level(logging.DEBUG, "gc3.gc3libs"):
        assert divide(1, b=2) == 0.5
        with pytest.raises(ZeroDivisionError):
            divide(1, 0)
    text = caplog.text
    assert "divide(1, b=2) returned 0.5" in text
    assert "divide(1, 0) raised ZeroDivisionError" in text
    assert divide.__doc__ == "Divide."


def test_the_backend_of_this_machine_under_its_former_name():
    from gc3libs.backends import shellcmd
    from gc3libs.backends.local import LocalBackend

    with pytest.warns(DeprecationWarning, match=r"use gc3libs\.backends\.local") as seen:
        assert shellcmd.ShellcmdLrms is LocalBackend
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = shellcmd.nothing_there


@pytest.mark.parametrize("name", ["Application", "defaults", "utils"])
def test_what_very_old_scripts_import(name):
    import gc3libs
    import gc3utils

    with pytest.warns(DeprecationWarning, match=rf"use gc3libs\.{name}") as seen:
        assert getattr(gc3utils, name) is getattr(gc3libs, name)
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = gc3utils.nothing_there


def test_a_former_command_says_which_it_is_now():
    from gc3utils import commands

    with pytest.raises(ImportError, match="the command is `gc3 status` now"):
        from gc3utils.commands import cmd_gstat  # noqa: F401
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = commands.nothing_there


@pytest.mark.parametrize(
    ("name", "place"), [("LocalTransport", "local"), ("SshTransport", "ssh"), ("Transport", "base")]
)
def test_transports_under_their_former_names(name, place):
    if place == "ssh":
        pytest.importorskip("asyncssh")
    from gc3libs.backends import transport

    with pytest.warns(DeprecationWarning, match=rf"use gc3libs\.backends\.transport\.{place}"):
        found = getattr(transport, name)
    assert found is getattr(importlib.import_module(f"gc3libs.backends.transport.{place}"), name)
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = transport.nothing_there
