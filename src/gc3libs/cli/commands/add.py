"""`gc3 add`."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import plural, say, write, write_json
from gc3libs.cli._parameters import Grid, Row, Template, over, shown, table
from gc3libs.cli._place import open_session, split
from gc3libs.cli._place import shown as shown_path

if TYPE_CHECKING:
    from gc3libs.model import Application

MORE = """\
Everything behind -- is the command; {x} in it stands for the parameter x, {{
and }} for braces. It is started as it is, without a shell. A task that is there
already is not added again.

examples:
  gc3 add flu --over beta=1:3:0.1 --over gamma=0.4,0.5 --inputs sir.py \\
      --outputs fit.json -- python3 sir.py {beta} {gamma}
  gc3 add flu --from table.csv --name 'run-{id}' -- ./model {id} {file}
"""
_UNSAFE: Final = re.compile(r"[^\w.=,+@-]+")


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 add [SESSION] [options] -- COMMAND {x} ..."
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    values = parser.add_argument_group("parameters")
    values.add_argument(
        "--over",
        metavar="X=VALUES",
        action="append",
        default=[],
        help="x=0:1:0.1 (1 included), x=a,b,c or x=@FILE (one a line)",
    )
    values.add_argument(
        "--from",
        dest="tables",
        metavar="FILE",
        action="append",
        default=[],
        help="CSV with names in its first line, or JSON Lines (.jsonl)",
    )
    values.add_argument("--zip", action="store_true", help="one value of each, not all pairs")
    task = parser.add_argument_group("each task")
    task.add_argument("--name", metavar="NAME", help="its name, such as 'run-{x}'")
    task.add_argument("--inputs", metavar="FILE", nargs="+", default=[], help="files it reads")
    task.add_argument("--outputs", metavar="FILE", nargs="+", default=[], help="files it leaves")
    task.add_argument(
        "--output-dir", metavar="DIR", help="where to; default: SESSION/out/NAME of the task"
    )
    task.add_argument("--cores", metavar="N", type=types.positive, help="how many it uses")
    task.add_argument("--memory", metavar="SIZE", type=types.memory, help="such as 4GB")
    task.add_argument("--walltime", metavar="TIME", type=types.duration, help="such as 90m, 1h30")
    task.add_argument("--tag", metavar="WORD", action="append", default=[], help="put on it")
    parser.add_argument("-n", "--dry-run", action="store_true", help="print the first task, count")


def take_apart(parser: object, words: list[str]) -> tuple[list[str], list[str]]:
    """What is before `--`, and what behind it."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: the command comes behind --")
    if not args.rest:
        raise exits.UsageError("what is to be run? gc3 add SESSION [options] -- COMMAND ...")
    grid = Grid(
        [over(each) for each in args.over], [table(f) for f in args.tables], zipped=args.zip
    )
    maker = _Maker(args, path, grid)
    if args.dry_run:
        return _only_say(args, path, grid, maker)
    session = open_session(path)
    try:
        ids = session.add_many(maker.tasks(), new_only=True)
        if ids:
            _tell_whoever_runs(session, ids)
        if args.json:
            write_json("add", session.path, added=len(ids), known=len(grid) - len(ids), ids=ids)
        else:
            known = len(grid) - len(ids)
            there = f"; {known:,} {'is' if known == 1 else 'are'} there already" if known else ""
            named = shown_path(path)
            say(f"added {plural(len(ids))}{there}. Next: gc3 run {named}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def _tell_whoever_runs(session: Any, ids: Sequence[str]) -> None:
    if session.holder() is not None:
        from gc3libs.cmdline._requests import Queue, Request, whoami

        Queue(session.path).put(Request(verb="feed", ids=tuple(ids), by=whoami()))


def _only_say(args: argparse.Namespace, path: Path, grid: Grid, maker: _Maker) -> int:
    first = next(iter(grid), None)
    if args.json:
        example = None if first is None else maker.description(first)
        write_json("add", str(path.absolute()), count=len(grid), first=example, dry_run=True)
    elif first is not None:
        for name, value in maker.description(first).items():
            if value:
                text = shlex.join(value) if isinstance(value, list) else str(value)
                write(f"{name + ':':<11} {text}")
        say(f"{plural(len(grid))} in all; nothing was added", quiet=args.quiet)
    else:
        say("no tasks: there are no values", quiet=args.quiet)
    return exits.OK


def literal(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Words that mean themselves to an `Application`, which would expand `$` and backticks.

    Such a word goes into the environment.

    >>> literal(["echo", "$5"])
    (['echo', '$GC3_WORD_1'], {'GC3_WORD_1': '$5'})
    """
    environment = {
        f"GC3_WORD_{place}": word for place, word in enumerate(words) if "$" in word or "`" in word
    }
    return [
        f"$GC3_WORD_{place}" if f"GC3_WORD_{place}" in environment else word
        for place, word in enumerate(words)
    ], environment


class _Maker:
    """Makes tasks of rows of values."""

    def __init__(self, args: argparse.Namespace, path: Path, grid: Grid) -> None:
        from gc3libs.model import Application

        self._args = args
        self._path = path
        self._grid = grid
        self._words = [Template(word) for word in args.rest]
        self._inputs = [Template(each) for each in args.inputs]
        self._outputs = [Template(each) for each in args.outputs]
        self._name = Template(args.name) if args.name else None
        self._place = Template(args.output_dir) if args.output_dir else None
        self._check(Application)

    def _check(self, application: type[Application]) -> None:
        texts = [*self._words, *self._inputs, *self._outputs]
        texts += [each for each in (self._name, self._place) if each is not None]
        known = set(self._grid.names)
        for template in texts:
            for name in sorted(template.names - known):
                raise exits.UsageError(
                    f"{{{name}}} in {template.text!r} has no values: add --over {name}=..., or"
                    f" write {{{{{name}}}}} for braces"
                )
        for name in self._grid.names:
            if name in application.own_attribute_names():
                raise exits.UsageError(
                    f"a parameter cannot be called {name!r}: that is an attribute of tasks"
                )

    def tasks(self) -> Iterator[Application]:
        return map(self.task, self._grid)

    def name(self, row: Row) -> str:
        if self._name is not None:
            return self._name.filled(row)
        if not row:
            return Path(self._args.rest[0]).name
        return "-".join(f"{name}={shown(value)}" for name, value in row.items())

    def _output_dir(self, row: Row) -> str:
        if self._place is not None:
            return str(Path(self._place.filled(row)).absolute())
        name = _UNSAFE.sub("_", self.name(row)).strip(".") or "task"
        return str(self._path.absolute() / "out" / name[:200])

    def description(self, row: Row) -> dict[str, Any]:
        args = self._args
        return {
            "name": self.name(row),
            "command": [each.filled(row) for each in self._words],
            "inputs": [each.filled(row) for each in self._inputs],
            "outputs": [each.filled(row) for each in self._outputs],
            "output dir": self._output_dir(row),
            "parameters": ", ".join(f"{k} = {shown(v)}" for k, v in row.items()),
            "cores": args.cores,
            "memory": str(args.memory) if args.memory else None,
            "walltime": str(args.walltime) if args.walltime else None,
        }

    def task(self, row: Row) -> Application:
        from gc3libs.model import Application

        args = self._args
        wishes = {
            "requested_cores": args.cores,
            "requested_memory": args.memory,
            "requested_walltime": args.walltime,
        }
        extra = {name: value for name, value in wishes.items() if value is not None}
        if args.tag:
            extra["tags"] = args.tag
        words, environment = literal([each.filled(row) for each in self._words])
        if environment:
            extra["environment"] = environment
        return Application(
            arguments=words,
            inputs=[each.filled(row) for each in self._inputs],
            outputs=[each.filled(row) for each in self._outputs],
            output_dir=self._output_dir(row),
            stdout="stdout.txt",
            stderr="stderr.txt",
            jobname=self.name(row),
            **extra,
            **row,
        )
