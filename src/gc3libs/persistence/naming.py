"""Names of classes, as records keep them: "module:qualname".

A class of the running script is recorded under the script's own module name, so that it is found
again both when the script runs and when another program imports it. Nothing is ever imported here.
"""

from __future__ import annotations

import keyword
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from gc3libs.exceptions import SaveError

_names: dict[type, str] = {}


def class_name(cls: type) -> str:
    """The name under which `cls` is recorded.

    Raises:
        SaveError: The class is local to a function, so that no name leads to it.

    >>> from fractions import Fraction
    >>> class_name(Fraction)
    'fractions:Fraction'
    """
    name = _names.get(cls)
    if name is None:
        name = _names[cls] = qualified_name(cls)
    return name


def qualified_name(thing: Any) -> str:
    """The recorded name of a class or function."""
    module, qualname = thing.__module__, thing.__qualname__
    if "<locals>" in qualname:
        raise SaveError(
            f"{qualname} of {module}",
            "it is defined inside a function and cannot be found again; define it at the top of its"
            " module",
        )
    return f"{script_name() if module in ('__main__', '__mp_main__') else module}:{qualname}"


def script_name() -> str:
    """The module name of the running script; its file's name where that is no module name.

    "__main__" if there is no script: in an interactive session, or after `python -c`.
    """
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name)
    file = getattr(main, "__file__", None)
    if file is None:
        return "__main__"
    path = Path(file)
    return path.stem if path.stem.isidentifier() and not keyword.iskeyword(path.stem) else path.name


def loaded_module(name: str) -> ModuleType | None:
    """The module that a recorded name speaks of, if the program has loaded it.

    The running script included.
    """
    module = sys.modules.get(name)
    if module is not None and name != "__main__":
        return module
    if name == script_name():
        return sys.modules["__main__"]
    if name.endswith(".py"):
        return next(
            (each for each in tuple(sys.modules.values()) if _file_name(each) == name), None
        )
    return None


def _file_name(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return Path(file).name if file else None


def lookup(module: ModuleType, qualname: str) -> Any:
    """What `qualname` names in `module`, going through classes only.

    Raises:
        LookupError: There is no such thing, or the way there leads through something that is no
            class.
    """
    found: Any = module
    for part in qualname.split("."):
        if found is not module and not isinstance(found, type):
            raise LookupError(f"{qualname!r} leads through something that is no class")
        try:
            found = vars(found)[part]
        except KeyError:
            raise LookupError(f"{module.__name__} has no {qualname!r}") from None
    return found
