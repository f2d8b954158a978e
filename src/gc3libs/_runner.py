"""Runs a Python function as a job: `python -P .../_runner.py CALL OUTCOME`, in the job's directory.

It reads the file CALL, calls the function, and leaves one file, OUTCOME, renamed into place: what
was returned, or what was raised. It imports gc3libs only to write results that are not made of
builtin values, and never the script that made the task. Both files are pickles of builtin values:

* call: `function` (module and qualified name, or the name of a file that holds it), `path` (added
  to `sys.path`), `main` (module name of the script), `arguments` (positional and keyword ones, or
  the name of a file that holds them);
* outcome: `format`; `kind` "plain" (`value` is the result), "blob" (`data` is the result's pickle,
  `value` what tables show of it) or "error" (`type`, `message`, `traceback`).
"""

from __future__ import annotations

import _pickle as pickle  # in C; importing the rest takes as long as starting Python
import io
import os
import sys

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = 1

_LONGEST_TRACEBACK = 20_000
_SCALARS = (int, float, str, bool, type(None))


class ResultError(Exception):
    """The function has returned something that cannot be kept."""


class _NoBuiltin(Exception):
    """A value is not made of builtin ones only."""


class _BuiltinPickler(pickle.Pickler):
    """Takes builtin values only: those need nothing of gc3libs to be read with care."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=5)

    def reducer_override(self, obj: Any) -> Any:
        raise _NoBuiltin


class _NamingPickler(pickle.Pickler):
    """Refers to classes that travelled by value by their names where they came from."""

    def __init__(self, file: Any, main: str) -> None:
        super().__init__(file, protocol=5)
        self._main = main

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and not _is_found(obj, obj.__module__):
            name = self._main if obj.__module__ == "__main__" else obj.__module__
            module = sys.modules.setdefault(name, type(sys)(name))
            if not hasattr(module, obj.__qualname__):
                obj.__module__ = name
                setattr(module, obj.__qualname__, obj)
        return NotImplemented


def _is_found(cls: type, module: str) -> bool:
    return getattr(sys.modules.get(module), cls.__qualname__.partition(".")[0], None) is not None


def load_file(name: str) -> Any:
    """What a file holds."""
    with open(name, "rb") as file:  # noqa: PTH123
        return pickle.load(file)


def main(call_file: str, outcome_file: str, load: Callable[[str], Any] = load_file) -> int:
    """Run the call; the exit code.

    Args:
        load: Reads the files of the call.
    """
    call = load(call_file)
    code = 0
    try:
        outcome = _pack(_call(call, load), call["main"])
    except BaseException as error:  # noqa: BLE001  # whatever a function raises is its outcome
        outcome = _describe(error)
        code = _exit_code(error)
    _leave({"format": FORMAT, **outcome}, outcome_file)
    return code


def _call(call: dict[str, Any], load: Callable[[str], Any]) -> Any:
    sys.path[:0] = [path for path in call["path"] if path not in sys.path]
    if isinstance(call["function"], str):
        function = load(call["function"])
    else:
        module, qualname = call["function"]
        __import__(module)
        function = sys.modules[module]
        for part in qualname.split("."):
            function = getattr(function, part)
        function = getattr(function, "__gc3_function__", function)
    arguments = call["arguments"]
    args, kwargs = load(arguments) if isinstance(arguments, str) else arguments
    return function(*args, **kwargs)


def _pack(value: Any, main_name: str) -> dict[str, Any]:
    if is_plain(value):
        return {"kind": "plain", "value": value}
    try:
        data = _dump(value, main_name)
    except Exception as error:
        raise ResultError(
            f"the result, a {type(value).__qualname__}, cannot be kept: {error}"
        ) from error
    return {"kind": "blob", "data": data, "value": _shown(value)}


def _dump(value: Any, main_name: str) -> bytes:
    """A pickle that the reader of records takes; of what it would refuse, any pickle."""
    try:
        return _bytes(_BuiltinPickler, value)
    except _NoBuiltin:
        pass
    try:
        from gc3libs.persistence.serialization import dumps_checked

        return dumps_checked(value, main_name)
    except Exception:  # noqa: BLE001  # whoever reads it hears why it is not taken
        return _bytes(lambda buffer: _NamingPickler(buffer, main_name), value)


def _bytes(make_pickler: Any, value: Any) -> bytes:
    buffer = io.BytesIO()
    make_pickler(buffer).dump(value)
    return buffer.getvalue()


def is_plain(value: Any) -> bool:
    """Whether a value is a number, text, boolean, None, or a flat dictionary of these by name."""
    if type(value) is dict:
        return all(type(name) is str and _is_scalar(each) for name, each in value.items())
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**63
    if type(value) is str:
        return value.isascii() or value.encode(errors="ignore").decode() == value
    return type(value) in _SCALARS


def _shown(value: Any) -> Any:
    """What stands in a table for a value that is not plain."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
        return value if _is_scalar(value) else None
    return None


def _describe(error: BaseException) -> dict[str, Any]:
    import traceback

    frames = error.__traceback__
    for _ in range(2):  # the two of this module
        if frames is not None:
            frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    sys.stderr.write(text)
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    last = traceback.format_exception_only(error)[-1].strip()
    return {
        "kind": "error",
        "type": name,
        "message": last.removeprefix(name).removeprefix(": "),
        "traceback": text[-_LONGEST_TRACEBACK:],
    }


def _exit_code(error: BaseException) -> int:
    code = error.code if isinstance(error, SystemExit) else 1
    return code if isinstance(code, int) and code & 0xFF else 1


def _leave(outcome: dict[str, Any], name: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    with open(f"{name}~", "wb") as file:  # noqa: PTH123
        pickle.dump(outcome, file, protocol=5)
    os.replace(f"{name}~", name)  # noqa: PTH105


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
