"""Parsers of command lines: the same options everywhere, and one line for what is wrong."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from typing import Any, NoReturn

from gc3libs.cli._exits import UsageError


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` instead of ending the program, and suggests the nearest option."""

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else "."
        raise UsageError(f"{message}{end} See: {self.prog} --help")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """What a command line says.

        Raises:
            UsageError: It makes no sense.
        """
        args, unknown = self.parse_known_intermixed_args(list(argv))
        if unknown:
            self.error(self._unknown(unknown[0]))
        return args

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is too much"
        near = difflib.get_close_matches(
            word.partition("=")[0], list(self._option_string_actions), 1
        )
        return f"there is no option {word}" + (f". Did you mean {near[0]}?" if near else "")

    def takes_value(self, option: str) -> bool:
        """Whether the next word belongs to an option."""
        action = self._option_string_actions.get(option)
        return action is not None and action.nargs is None


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        width = int(os.environ.get("COLUMNS") or 80)
        super().__init__(prog, max_help_position=26, width=min(width, 100))


def make_parser(name: str, summary: str, *, more: str = "") -> Parser:
    """The parser of a command; `add_common_options` completes it.

    Args:
        more: What follows the list of options.
    """
    return Parser(
        prog=f"gc3 {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=more or None,
        formatter_class=_Help,
        allow_abbrev=False,
        add_help=False,
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that all commands take."""
    common = parser.add_argument_group("for every command")
    common.add_argument("-h", "--help", action="help", help="show this")
    common.add_argument("-V", "--version", action="version", version=version(), help="the version")
    common.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    common.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    common.add_argument("--json", action="store_true", help="data as JSON")
    common.add_argument(
        "-s", "--session", metavar="SESSION", help="the session, if it is not the first word"
    )


def version() -> str:
    """The name of the command and its version."""
    import gc3libs

    return f"gc3 {gc3libs.__version__}"


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that print a table."""
    parser.add_argument("--no-header", action="store_true", help="without the line of headings")


def add_changing_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that change something, and ask."""
    add_dry_run(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """The option of commands that change something."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """A whole number, for argparse."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return number


def memory(text: str) -> Any:
    """A size such as `4GB`, for argparse."""
    from gc3libs.quantity import Memory

    return _quantity(Memory, text)


def duration(text: str) -> Any:
    """A length of time such as `1h30`, for argparse."""
    from gc3libs.quantity import Duration

    return _quantity(Duration, with_last_unit(text))


def _quantity(kind: Any, text: str) -> Any:
    from gc3libs.exceptions import InvalidValue

    try:
        return kind(text)
    except InvalidValue as err:
        raise argparse.ArgumentTypeError(str(err)) from err


_SMALLER = {"d": "h", "h": "m", "m": "s"}


def with_last_unit(text: str) -> str:
    """A length of time whose last number has the unit that follows: `1h30` is `1h30m`.

    >>> with_last_unit("1h30"), with_last_unit("90m"), with_last_unit("90")
    ('1h30m', '90m', '90')
    """
    head = text.rstrip("0123456789")
    if head and head != text and head[-1:] in _SMALLER and head[0].isdigit():
        return text + _SMALLER[head[-1]]
    return text
