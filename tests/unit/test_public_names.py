"""What the package offers by name, and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import warnings
from types import ModuleType

import pytest

import gc3libs

HEAVY = {
    "asyncssh",
    "cloudpickle",
    "distributed",
    "numpy",
    "pandas",
    "psycopg",
    "pymysql",
    "rich",
    "sqlalchemy",
    "textual",
}


def public_modules() -> list[str]:
    names = [found.name for found in pkgutil.walk_packages(gc3libs.__path__, "gc3libs.")]
    return ["gc3libs", *(name for name in names if "._" not in name)]


def load(name: str) -> ModuleType:
    """A module; the old import paths among them warn, rightly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(name)


@pytest.mark.parametrize("name", public_modules())
def test_all_is_sorted_and_true(name: str) -> None:
    module = load(name)
    names = getattr(module, "__all__", [])
    assert list(names) == sorted(set(names))
    assert [each for each in names if not hasattr(module, each)] == []


def test_every_package_that_reexports_says_what() -> None:
    for name in public_modules():
        module = load(name)
        if hasattr(module, "__path__") and name != "gc3libs.optimizer":
            reexported = [
                key
                for key, value in vars(module).items()
                if not key.startswith("_")
                and getattr(value, "__module__", name).startswith("gc3libs.")
                and not isinstance(value, ModuleType)
            ]
            assert not reexported or hasattr(module, "__all__"), f"{name}: {reexported}"


def test_import_loads_nothing_heavy() -> None:
    program = "import gc3libs, sys; print(sorted({name.split('.')[0] for name in sys.modules}))"
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert HEAVY & set(ast.literal_eval(printed)) == set()


def test_modules_and_packages_say_what_they_are() -> None:
    silent = [name for name in public_modules() if not (load(name).__doc__ or "").strip()]
    assert silent == []
