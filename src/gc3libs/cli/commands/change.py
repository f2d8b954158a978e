"""`gc3 retry`, `kill`, `hold`, `release`, `tag`, `rm`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._filters import add_filters
from gc3libs.cli._ordering import catch_up, order, say_left
from gc3libs.cli._output import confirm, plural, printable, say, write_json
from gc3libs.cli._place import open_session, shown, split
from gc3libs.cli._scripts import import_script
from gc3libs.cli._select import Selection
from gc3libs.cli._words import state_word
from gc3libs.cmdline._desk import Outcome
from gc3libs.cmdline._requests import Request
from gc3libs.cmdline._retrying import factor_of
from gc3libs.exceptions import InvalidValue

if TYPE_CHECKING:
    from gc3libs.persistence import Summary
    from gc3libs.session import Session

MORE = """\
tasks:
  an ID (Application.17), its number (17), a range (3-7), a name or a pattern,
  or - for a list on the standard input; all of them only with --all

While somebody runs the session, what is wanted is queued, and done by the run.
gc3 undo takes it back.
"""
_EXAMPLES: Final = 3


class _Verb(NamedTuple):
    """What a command does.

    Attributes:
        present: "would ..."; past: "... 3 tasks".
        fits: Which tasks of a session are meant when only filters, or --all, say which.
        asks: Whether it asks first.
        next: What to type next, if there is something.
    """

    present: str
    past: str
    fits: Callable[[Session, Summary], bool]
    asks: bool = False
    next: str = ""


_VERBS: Final = {
    "retry": _Verb("retry", "will be run again:", lambda _, s: s.failed, next="gc3 run {}"),
    "kill": _Verb("end", "ended", lambda _, s: s.state != "TERMINATED", asks=True),
    "hold": _Verb(
        "hold", "held", lambda _, s: s.state == "NEW" and not s.held, next="gc3 release {} --all"
    ),
    "release": _Verb("release", "released", lambda _, s: s.held, next="gc3 run {}"),
    "tag": _Verb("tag", "tagged", lambda _, s: True),
    "rm": _Verb("remove", "removed", lambda session, s: s.id in session, asks=True),
}


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = f"gc3 {name} [SESSION] [TASK ...] [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help=argparse.SUPPRESS)
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all tasks")
    if name == "retry":
        parser.add_argument("--family", metavar="F", help="of this family of gc3 failures: F1")
        parser.add_argument("--memory", metavar="SIZE", help="ask for this: 4GB, or x2")
        parser.add_argument("--walltime", metavar="TIME", help="ask for this: 2h, or x2")
        parser.add_argument(
            "--script",
            metavar="FILE",
            help="import it for its classes, to ask for more",
        )
    if name == "tag":
        parser.add_argument("--add", metavar="WORD", action="append", default=[], help="put it on")
        parser.add_argument(
            "--remove", metavar="WORD", action="append", default=[], help="take it off"
        )
    if name == "rm":
        parser.add_argument(
            "--orphaned", action="store_true", help="that the session's script makes no more"
        )
    types.add_changing_options(parser)


def run(args: argparse.Namespace) -> int:
    verb = _VERBS[args.command]
    request = _request(args)
    path, words = split(args.session, args.words)
    session = open_session(path)
    try:
        if not args.dry_run:
            catch_up(session)
        tasks = _chosen(args, verb, session, words)
        if not tasks:
            return _nothing(args, session)
        if args.dry_run:
            return _only_say(args, verb, session, tasks)
        question = f"{_sentence(verb.present, tasks)} of {session.name}?"
        if _asks(verb, args.command, tasks) and not confirm(question.capitalize(), yes=args.yes):
            say("nothing was done")
            return exits.FATAL
        ids = tuple(each.id for each in tasks)
        if getattr(args, "script", None):
            import_script(Path(args.script))
        outcome = order(session, _with_ids(request, ids))
        return _report(args, verb, session, path, ids, outcome)
    finally:
        session.close()


def _request(args: argparse.Namespace) -> Request:
    """What is wanted, checked before anything is looked at."""
    more: dict[str, Any] = {}
    if args.command == "tag":
        if not args.add and not args.remove:
            raise exits.UsageError("which tag? gc3 tag SESSION TASK --add WORD, or --remove WORD")
        more = {"add": tuple(args.add), "remove": tuple(args.remove)}
    if args.command == "retry":
        for name, check in (("memory", types.memory), ("walltime", types.duration)):
            text = getattr(args, name)
            if text:
                _check_wish(name, text, check)
                more[name] = types.with_last_unit(text)
    return Request(verb=args.command, **more)


def _check_wish(name: str, text: str, check: Callable[[str], object]) -> None:
    try:
        if factor_of(text) is None:
            check(text)
    except (InvalidValue, argparse.ArgumentTypeError) as err:
        raise exits.UsageError(f"--{name}: {err}") from err


def _with_ids(request: Request, ids: tuple[str, ...]) -> Request:
    from msgspec.structs import replace

    return replace(request, ids=ids)


def _chosen(
    args: argparse.Namespace, verb: _Verb, session: Session, words: Sequence[str]
) -> list[Summary]:
    """The tasks that are meant.

    Raises:
        UsageError: Nothing was said that would leave any out.
    """
    family = getattr(args, "family", None)
    if family:
        from gc3libs.cli.commands.failures import family_ids

        words = [*words, *family_ids(session, family)]
    if getattr(args, "orphaned", False):
        words = [*words, *_orphaned(session)]
        if not words:
            return []
    selection = Selection(session, words, args, tree=args.command == "rm")
    if selection.is_everything and not args.all:
        raise exits.UsageError(
            f"which tasks? Name some, or choose: --failed, --where ..., --all."
            f" See: gc3 {args.command} --help"
        )
    named = bool(words)
    return [each for each in selection if named or verb.fits(session, each)]


def _orphaned(session: Session) -> list[str]:
    """Tasks that the session's script makes no more, as it has noted when it was run last."""
    from gc3libs.cmdline._memo import read_memo

    memo = read_memo(session.path)
    return [] if memo is None else [each for each in memo.orphaned if each in session]


def _asks(verb: _Verb, command: str, tasks: Iterable[Summary]) -> bool:
    return verb.asks or (command == "retry" and any(each.ok for each in tasks))


def _sentence(present: str, tasks: Sequence[Summary]) -> str:
    """What would be done, to how many, and which, for example."""
    states: dict[str, int] = {}
    for task in tasks:
        word = state_word(task)
        states[word] = states.get(word, 0) + 1
    counts = ", ".join(f"{count:,} {word}" for word, count in states.items())
    names = ", ".join(printable(task.name) for task in tasks[:_EXAMPLES])
    more = ", ..." if len(tasks) > _EXAMPLES else ""
    return f"{present} {plural(len(tasks))} ({counts}: {names}{more})"


def _nothing(args: argparse.Namespace, session: Session) -> int:
    if args.json:
        write_json(args.command, session.path, ids=[], left={}, queued=False)
    else:
        say(f"no such tasks: nothing to {_VERBS[args.command].present}", quiet=args.quiet)
    return exits.OK


def _only_say(
    args: argparse.Namespace, verb: _Verb, session: Session, tasks: Sequence[Summary]
) -> int:
    if args.json:
        ids = [task.id for task in tasks]
        write_json(args.command, session.path, ids=ids, left={}, queued=False, dry_run=True)
    else:
        say(f"would {_sentence(verb.present, tasks)}", quiet=args.quiet)
    return exits.OK


def _report(
    args: argparse.Namespace,
    verb: _Verb,
    session: Session,
    path: Path,
    ids: Sequence[str],
    outcome: Outcome | None,
) -> int:
    if outcome is None:
        return _queued(args, session, ids)
    if args.json:
        write_json(args.command, session.path, ids=outcome.done, left=outcome.left, queued=False)
    else:
        if outcome.done:
            hint = f". Next: {verb.next.format(shown(path))}" if verb.next else ""
            say(f"{verb.past} {plural(len(outcome.done))}{hint}", quiet=args.quiet)
        say_left(outcome.left)
    return exits.OK if outcome.done else exits.FATAL


def _queued(args: argparse.Namespace, session: Session, ids: Sequence[str]) -> int:
    holder = session.holder()
    who = "somebody" if holder is None else f"{holder.host}, process {holder.pid},"
    if args.json:
        write_json(args.command, session.path, ids=list(ids), left={}, queued=True)
    else:
        say(
            f"queued: {args.command} of {plural(len(ids))}; {who} runs {session.name} and will do"
            " it",
            quiet=args.quiet,
        )
    return exits.OK
