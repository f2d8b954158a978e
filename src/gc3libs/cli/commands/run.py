"""`gc3 run`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gc3libs._clock import SYSTEM
from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._ending import exit_code
from gc3libs.cli._ordering import after_others
from gc3libs.cli._output import plural, say, write_json
from gc3libs.cli._place import find, is_session, open_session, shown
from gc3libs.cli._scripts import import_script, needed_script

if TYPE_CHECKING:
    from gc3libs.session import Session

MORE = """\
SCRIPT: a Python file that the session's tasks come from. It is imported for its
classes; with ARGS it is run as a program. No other script is ever imported.

Ctrl-C stops the run: what is running goes on to its end, what waits stays. With
--detach it goes on without the terminal; its messages go to run.log in the
session.

exit code: the sum of 1 (it could not be done), 2 (tasks failed), 4 (tasks are
in flight), 8 (tasks wait); 130 after Ctrl-C.
"""
_PATIENCE: Final = 15.0
"""Seconds that a detached run is given to begin."""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 run [SESSION] [options] [SCRIPT [ARGS]]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-j", "--cores", metavar="N", type=types.positive, help="slots for tasks")
    parser.add_argument(
        "--max-in-flight", metavar="N", type=types.natural, help="submitted or running; 0: any"
    )
    parser.add_argument(
        "--max-failures", metavar="N", type=types.natural, help="stop once more have failed"
    )
    parser.add_argument(
        "--canary", metavar="N", type=types.natural, help="first only N; the rest if they end well"
    )
    parser.add_argument(
        "-r", "--resource", metavar="NAME", help="where to; patterns, with commas between them"
    )
    parser.add_argument("--detach", action="store_true", help="go on without the terminal")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be run")
    parser.add_argument("-y", "--yes", action="store_true", help="import the script without asking")


def take_apart(parser: types.Parser, words: list[str]) -> tuple[list[str], list[str]]:
    """The words of `gc3 run`, and those of a script: from the first one that is a script on."""
    place, session_seen = 0, False
    while place < len(words):
        word = words[place]
        if word.startswith("-") and word != "-":
            place += 2 if parser.takes_value(word) else 1
            continue
        if session_seen or (word.endswith(".py") and not is_session(word)):
            return words[:place], words[place:]
        session_seen = True
        place += 1
    return words, []


def run(args: argparse.Namespace) -> int:
    if args.session and args.words:
        args.rest = args.words + args.rest
    path = find(args.session or (args.words[0] if args.words else None))
    if len(args.rest) > 1:
        return _run_program(path, args.rest)
    if args.dry_run:
        return _only_say(args, path)
    session = open_session(path)
    try:
        script = Path(args.rest[0]) if args.rest else needed_script(session, yes=args.yes)
        if args.detach:
            return _detach(args, session, script)
        if script is not None:
            import_script(script)
        return _run(args, session)
    finally:
        session.close()


def _run(args: argparse.Namespace, session: Session) -> int:
    import gc3libs.persistence.trust as trusting
    from gc3libs.cmdline import run as run_session
    from gc3libs.config import load_settings

    for package in load_settings(session=session.path).trust:
        trusting.trust(package)
    with _stopping_on_signals():
        counts = after_others(
            session,
            lambda: run_session(
                session,
                cores=args.cores,
                max_in_flight=args.max_in_flight,
                max_failures=args.max_failures,
                canary=args.canary,
                resources=args.resource or (),
                quiet=args.quiet,
            ),
        )
    if args.json:
        write_json("run", session.path, counts=dict(counts.items()), code=exit_code(counts))
    return exit_code(counts)


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP stop a run as Ctrl-C does; the exit code says which."""

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    received: list[int] = []
    former = {
        each: signal.signal(each, stop)
        for each in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(each) is not signal.SIG_IGN  # as nohup wants it
    }
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def _only_say(args: argparse.Namespace, path: Path) -> int:
    session = open_session(path)
    try:
        counts = session.counts()
        held = session.counts(held=True, state="NEW").total
        todo = counts.total - counts["TERMINATED"] - held
        if args.json:
            write_json("run", session.path, would_run=todo, held=held, dry_run=True)
        else:
            say(
                f"would run {plural(todo)} of {counts.total:,}"
                + (f"; {held:,} are held" * (held > 0))
            )
    finally:
        session.close()
    return exits.OK


# in the background


def _detach(args: argparse.Namespace, session: Session, script: Path | None) -> int:
    holder = session.holder()
    if holder is not None:
        session.lease("gc3 run").release()  # says who has it
    log = Path(session.path) / "run.log"
    command = [sys.executable, "-m", "gc3libs", "run", session.path, "--yes"]
    for option in ("cores", "max_in_flight", "max_failures", "canary", "resource"):
        if getattr(args, option) is not None:
            command += [f"--{option.replace('_', '-')}", str(getattr(args, option))]
    if script is not None:
        command.append(str(script.absolute()))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = SYSTEM.monotonic() + _PATIENCE
    while session.holder() is None and process.poll() is None:
        if SYSTEM.monotonic() > deadline:
            break
        SYSTEM.sleep(0.05)
    if process.poll() not in (None, 0, exits.FAILED):
        raise exits.CannotDo(
            f"the run ended at once, with exit code {process.returncode}: see {log}"
        )
    process.returncode = 0  # it is not waited for
    named = shown(session.path)
    if args.json:
        write_json("run", session.path, pid=process.pid, log=str(log))
    else:
        say(
            f"{session.name} runs in the background, process {process.pid}."
            f"\n  look:  gc3 status {named} --watch    stop:  kill {process.pid}",
            quiet=args.quiet,
        )
    return exits.OK


def _run_program(path: Path, words: Sequence[str]) -> int:
    """Run a script as a program, with the session at hand."""
    say(f"running {words[0]}")
    environment = {**os.environ, "GC3_SESSION": str(path.absolute())}
    try:
        return subprocess.call([sys.executable, *words], env=environment)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
