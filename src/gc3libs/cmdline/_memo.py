"""With which arguments a session's tasks were made: the file `script.json` in its directory."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gc3libs._atomic import write_file
from gc3libs.exceptions import NewerFormat, StoreUnavailable

FILE = "script.json"
FORMAT = 1

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (bool, int, float, str, type(None))


class Memo(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says.

    Attributes:
        format: Of the file.
        program: The script's path.
        arguments: Those that differed from their defaults and decide which tasks there are.
        complete: All tasks were added; otherwise that was cut off.
        orphaned: IDs of tasks that the script does not make any more.
    """

    format: int = FORMAT
    program: str = ""
    arguments: dict[str, Any] = {}
    complete: bool = False
    orphaned: tuple[str, ...] = ()


def read_memo(directory: str) -> Memo | None:
    """The memo of a session; None if there is none that can be read.

    Raises:
        NewerFormat: A later version wrote it.
        StoreUnavailable: It cannot be read.
    """
    path = Path(directory) / FILE
    try:
        memo = msgspec.json.decode(path.read_bytes(), type=Memo)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    except OSError as err:
        raise StoreUnavailable(f"cannot read {path}: {err.strerror}") from err
    if memo.format > FORMAT:
        raise NewerFormat(str(path), memo.format, FORMAT)
    return memo


def write_memo(directory: str, memo: Memo) -> None:
    """Replace the memo of a session.

    Raises:
        StoreUnavailable: It cannot be written.
    """
    path = Path(directory) / FILE
    data = msgspec.json.format(msgspec.json.encode(memo), indent=1)
    try:
        write_file(path, data + b"\n")
    except OSError as err:
        raise StoreUnavailable(f"cannot write {path}: {err.strerror}") from err


def forget_memo(directory: str) -> None:
    """Remove the memo of a session, if there is one."""
    (Path(directory) / FILE).unlink(missing_ok=True)


def arguments_of(params: argparse.Namespace, actions: Iterable[argparse.Action]) -> dict[str, Any]:
    """The arguments that were given, as plain data, and differ from their defaults.

    >>> parser = argparse.ArgumentParser()
    >>> actions = [parser.add_argument("-n", type=int, default=3), parser.add_argument("files")]
    >>> arguments_of(parser.parse_args(["a.inp"]), actions)
    {'files': 'a.inp'}
    """
    given = {}
    for action in actions:
        value = plain(getattr(params, action.dest, None))
        if value != plain(action.default):
            given[action.dest] = value
    return given


def plain(value: Any) -> Any:
    """A value as a JSON file gives it back; equal values give equal data."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if type(value) in _PLAIN and value == value:
        return value
    return _ADDRESS.sub("", str(value))
