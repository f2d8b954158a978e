"""Former home of GC3Pie's commands, which `gc3` has replaced."""

from __future__ import annotations

from typing import NoReturn

_NOW = {
    "cmd_gclean": "gc3 rm",
    "cmd_gget": "gc3 results",
    "cmd_ginfo": "gc3 show",
    "cmd_gkill": "gc3 kill",
    "cmd_gresub": "gc3 retry",
    "cmd_gservers": "gc3 resources",
    "cmd_gsession": "gc3 ls",
    "cmd_gstat": "gc3 status",
    "cmd_gtail": "gc3 logs",
}


def __getattr__(name: str) -> NoReturn:
    if name.startswith("cmd_"):
        command = _NOW.get(name, "gc3")
        raise ImportError(f"{__name__}.{name} is gone: the command is `{command}` now")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
