"""`gc3 config`."""

from __future__ import annotations

import argparse
from typing import Any

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import write_json
from gc3libs.cli._place import ambient, find, is_session
from gc3libs.cli._tables import Column, write_table

MORE = """\
A flag wins over the environment, that over gc3.toml in the session, that over
the nearest gc3.toml in the current directory or above it, and that over your
own. Of resources that you have named, only what is set is listed, unless --all
is given.
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 config [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-a", "--all", action="store_true", help="all keys of all resources")
    types.add_table_options(parser)


def run(args: argparse.Namespace) -> int:
    from gc3libs.config import load_settings

    if len(args.words) > 1:
        raise exits.UsageError(f"{args.words[1]!r} is too much: gc3 config [SESSION]")
    named = args.session or (args.words[0] if args.words else None)
    path = find(named) if named is not None else ambient()
    assert path is None or is_session(path)
    settings = list(load_settings(session=path).items())
    if args.json:
        shown: list[dict[str, Any]] = [
            {"key": key, "value": _plain(value), "origin": origin}
            for key, value, origin in settings
        ]
        write_json("config", None if path is None else str(path.absolute()), settings=shown)
        return exits.OK
    columns = [Column("KEY"), Column("VALUE", shrinks=True), Column("FROM", shrinks=True)]
    rows = [
        [key, _text(value), origin]
        for key, value, origin in settings
        if args.all or origin != "default" or not _is_of_cluster(key)
    ]
    write_table(columns, rows, header=not args.no_header)
    return exits.OK


def _is_of_cluster(key: str) -> bool:
    return key.startswith("resources.") and not key.startswith("resources.local.")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return [str(each) for each in value] if isinstance(value, tuple) else str(value)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) or "-" if isinstance(value, tuple) else str(value)
