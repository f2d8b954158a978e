"""How a Python function gets to where it runs: by its name, or by value."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections import ChainMap
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import msgspec

from gc3libs.exceptions import InvalidType
from gc3libs.persistence.naming import script_name


class Source(msgspec.Struct, frozen=True, array_like=True):
    """Where a job finds the function that it is to call.

    Attributes:
        module, qualname: Its name, if it is to be imported; `module` is empty if `blob` holds it.
        blob: Key of the bytes that hold it: "sha256/..." and their digest.
        identity: The same for the same function, in this process and another.
        path: Directories in which its module, and those that it uses, are searched.
        main: Module name of the script that made the task.
    """

    module: str
    qualname: str
    blob: str
    identity: str
    path: tuple[str, ...]
    main: str


def source_of(function: Callable[..., Any]) -> tuple[Source, bytes | None]:
    """Where a job finds `function`, and the bytes that hold it unless it is to be imported.

    A function at the top of a module is imported by the job. What is defined in the running script,
    a lambda, a function inside another one, and any other callable travels by value, as it is now.

    Raises:
        InvalidType: It cannot be called, or cannot be made bytes of.
    """
    function = getattr(function, "__gc3_function__", function)
    if not callable(function):
        raise InvalidType(f"{function!r} cannot be called: give a function")
    qualname = getattr(function, "__qualname__", type(function).__qualname__)
    path, main = _search_path(), script_name()
    module = _importable(function)
    if module is not None:
        identity = f"{module}:{qualname}"
        return Source(module, qualname, "", identity, path, main), None
    data = by_value(function)
    key = f"sha256/{hashlib.sha256(data).hexdigest()}"
    return Source("", qualname, key, _identity(function, key), path, main), data


def by_value(value: Any) -> bytes:
    """A pickle that holds functions and classes of the running script themselves, not their names.

    Raises:
        InvalidType: Something in it cannot be pickled.
    """
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table = ChainMap({CodeType: _reduce_code}, cloudpickle.Pickler.dispatch_table)

    home = sys.modules.get(getattr(value, "__module__", None) or "__main__")
    whole = [_script_as_module()]
    if home is not None and home.__name__ != "__main__" and not _is_findable(home):
        whole.append(home)
    by_value = [each for each in whole if each is not None]
    for module in by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        buffer = io.BytesIO()
        Pickler(buffer, protocol=5).dump(value)
        return buffer.getvalue()
    except Exception as err:
        raise InvalidType(f"{value!r} cannot be sent to a job: {err}") from err
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    """As cloudpickle has it, but with the name of the file, which tracebacks show."""
    import cloudpickle

    make, args = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if each == "<dynamic-code>" else each for each in args)


def _importable(function: Callable[..., Any]) -> str | None:
    """Name of the module that a job can import the function from; None if there is none."""
    if not isinstance(function, FunctionType | BuiltinFunctionType | type):
        return None
    name = function.__module__
    module = sys.modules.get(name or "__main__")
    if name in (None, "__main__", "__mp_main__") or module is None or module is _script_as_module():
        return None
    found: Any = module
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    if getattr(found, "__gc3_function__", found) is not function or not _is_findable(module):
        return None
    return name


def _is_findable(module: ModuleType) -> bool:
    """Whether a search of `sys.path` leads to this module: another process can import it, too."""
    path: Sequence[str] | None = None
    parts = module.__name__.split(".")
    spec = None
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        specs = (finder.find_spec(name, path, None) for finder in sys.meta_path)
        spec = next((each for each in specs if each is not None), None)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return spec is not None and spec.origin == getattr(module.__spec__, "origin", spec.origin)


def _script_as_module() -> ModuleType | None:
    """The module that is the running script once more, imported under its own name."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    twin = sys.modules.get(script_name())
    if file is None or twin is None or twin is sys.modules["__main__"]:
        return None
    twin_file = getattr(twin, "__file__", None)
    return twin if twin_file is not None and _same_file(file, twin_file) else None


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _search_path() -> tuple[str, ...]:
    """The directories of `sys.path` that a fresh interpreter may not have."""
    usual = (f"{sys.prefix}/lib", f"{sys.base_prefix}/lib")
    wanted = (os.path.abspath(path) for path in sys.path)  # noqa: PTH100
    return tuple(dict.fromkeys(path for path in wanted if not path.startswith(usual)))


def _identity(function: Callable[..., Any], key: str) -> str:
    if not isinstance(function, FunctionType):
        return key
    name = f"{script_name()}:{function.__qualname__}"
    return f"{name}#{_fingerprint(function)}" if "<" in function.__qualname__ else name


def _fingerprint(function: FunctionType) -> str:
    """Of the code of a function without a name of its own, and of what it has caught."""
    caught = [_cell(cell.cell_contents) for cell in function.__closure__ or ()]
    parts = repr((_code(function.__code__), function.__defaults__, caught))
    return hashlib.blake2b(parts.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _cell(value: Any) -> str:
    return _fingerprint(value) if isinstance(value, FunctionType) else repr(value)


def _code(code: CodeType) -> tuple[Any, ...]:
    return (
        code.co_code,
        code.co_names,
        code.co_varnames,
        [_constant(each) for each in code.co_consts],
    )


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else value
