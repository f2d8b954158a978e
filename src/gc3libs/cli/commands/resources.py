"""`gc3 resources`."""

from __future__ import annotations

import argparse
import os

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import write_json
from gc3libs.cli._place import ambient, find
from gc3libs.cli._tables import Cell, Column, Row, write_table
from gc3libs.quantity import format_bytes

MORE = ""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 resources [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    types.add_table_options(parser)


def run(args: argparse.Namespace) -> int:
    from gc3libs.backends.local import machine
    from gc3libs.config import load_settings

    if len(args.words) > 1:
        raise exits.UsageError(f"{args.words[1]!r} is too much: gc3 resources [SESSION]")
    named = args.session or (args.words[0] if args.words else None)
    path = find(named) if named is not None else ambient()
    local = load_settings(session=path).resources.local
    cores = machine.cores() if local.cores is None else local.cores
    memory = machine.memory() if local.memory is None else local.memory.in_bytes()
    if args.json:
        found = {
            "name": "local",
            "cores": cores,
            "memory": memory,
            "host": os.uname().nodename,
            "answers": True,
        }
        where = None if path is None else str(path.absolute())
        write_json("resources", where, resources=[found])
        return exits.OK
    columns = [
        Column("RESOURCE"),
        Column("CORES", right=True),
        Column("MEMORY", right=True),
        Column("ANSWERS"),
        Column("WHAT", shrinks=True),
    ]
    what = f"this machine, {os.uname().nodename}"
    row: Row = ["local", str(cores), format_bytes(memory), Cell("yes", "green"), what]
    write_table(columns, [row], header=not args.no_header)
    return exits.OK
