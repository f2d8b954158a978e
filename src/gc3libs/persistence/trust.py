"""What reading a record may touch.

Records may come from anybody, so nothing that a record names is taken unless it is

* on the literal lists of this module: value types of the standard library and gc3libs' own classes;
* a class or function defined in a module that the running program has imported from outside the
  standard library and site-packages;
* or one of a package that the user trusts: `gc3libs.trust("package")`.

What is taken is not thereby called. Functions are kept as values, by name, and never called.
Instances are made of the listed types, each in its own checked way, and of *value classes*: see
`why_no_value`. Nothing is imported because a record asks for it, but for the modules of the lists.
"""

from __future__ import annotations

import collections
import enum
import functools
import importlib
import sys
import weakref
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from gc3libs.persistence.naming import loaded_module, lookup


def _pairs(table: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((module, name) for module, names in table.items() for name in names.split())


STANDARD_TYPES: frozenset[tuple[str, str]] = _pairs(
    {
        "argparse": "Namespace",
        "builtins": "bool bytearray bytes complex dict float frozenset int list object range set"
        " slice str tuple",
        "collections": "ChainMap Counter OrderedDict defaultdict deque",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "http": "HTTPStatus",
        "ipaddress": "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "re": "Pattern RegexFlag",
        "signal": "Signals",
        "types": "SimpleNamespace",
        "uuid": "UUID",
        "zoneinfo": "ZoneInfo",
    }
)
"""Types of the standard library whose instances, and that themselves, may be values."""

SINGLETONS: frozenset[tuple[str, str]] = _pairs({"builtins": "Ellipsis NotImplemented"})

ATOMS = (tuple, str, bytes, int, float, complex)
"""Builtin types whose value an instance of a class derived from them is made with."""

OWN_CLASSES: frozenset[str] = frozenset(
    {
        "gc3libs:Application",
        "gc3libs:FunctionTask",
        "gc3libs:Run",
        "gc3libs:Task",
        "gc3libs._struct:Struct",
        "gc3libs.model.facts:History",
        "gc3libs.model.state:State",
        "gc3libs.model.termination:Signals",
        "gc3libs.persistence:Persistable",
        "gc3libs.persistence.persistable:Persistable",
        "gc3libs.quantity:Duration",
        "gc3libs.quantity:Memory",
        "gc3libs.url:Url",
        "gc3libs.url:UrlKeyDict",
        "gc3libs.url:UrlValueDict",
        "gc3libs.workflow:AbortOnError",
        "gc3libs.workflow:ChunkedParameterSweep",
        "gc3libs.workflow:DependentTaskCollection",
        "gc3libs.workflow:ParallelTaskCollection",
        "gc3libs.workflow:RetryableTask",
        "gc3libs.workflow:SequentialTaskCollection",
        "gc3libs.workflow:StagedTaskCollection",
        "gc3libs.workflow:StopOnError",
        "gc3libs.workflow:TaskCollection",
    }
)
"""gc3libs' own classes of tasks, collections and values."""

_trusted_packages: set[str] = set()
_verdicts: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


class NotTrusted(Exception):
    """Says why a name is not taken, or an operation not carried out."""


def trust(*packages: str) -> None:
    """Let records name classes and functions of these packages, and of the modules below them.

    They are still not imported because a record names them: import them in the program that opens
    the session.

    Raises:
        ValueError: What may be named of gc3libs and of the standard library is fixed.

    >>> trust("mymodels")
    """
    for package in packages:
        if not isinstance(package, str) or not package:
            raise TypeError(f"trust() takes names of packages, not {package!r}")
        top = package.partition(".")[0]
        if top == "gc3libs" or top in sys.stdlib_module_names:
            raise ValueError(f"trust({package!r}): what of {top} may be in a record is fixed")
    _trusted_packages.update(packages)
    _verdicts.clear()


def find(module: str, qualname: str) -> Any:
    """The class or function that a record may name so.

    Raises:
        NotTrusted: It may not, or it is not there.
    """
    if module == "pathlib._local":  # how Python 3.13 calls it
        module = "pathlib"
    if (module, qualname) in STANDARD_TYPES or (module, qualname) in SINGLETONS:
        return getattr(importlib.import_module(module), qualname)
    top = module.partition(".")[0]
    if top == "builtins":
        return _builtin_exception(qualname)
    if top == "gc3libs":
        return _own(module, qualname)
    return _users(module, qualname)


def _builtin_exception(qualname: str) -> type:
    found = vars(sys.modules["builtins"]).get(qualname)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    raise NotTrusted(f"builtins.{qualname} is not one of the values that are kept")


def _own(module: str, qualname: str) -> type:
    found = None
    if f"{module}:{qualname}" in OWN_CLASSES:
        found = getattr(importlib.import_module(module), qualname, None)
    elif module == "gc3libs.exceptions":
        found = vars(importlib.import_module(module)).get(qualname)
    if isinstance(found, type):
        return found
    raise NotTrusted(f"{module}.{qualname} is no task or value of gc3libs")


def _users(module: str, qualname: str) -> Any:
    loaded = loaded_module(module)
    if loaded is None:
        raise NotTrusted(_advice_to_import(module))
    if not _is_trusted(loaded):
        raise NotTrusted(_advice_to_trust(module, qualname))
    try:
        found = lookup(loaded, qualname)
    except LookupError as err:
        reason = f"{err}; if it was renamed, derive a class of the old name from it"
        raise NotTrusted(reason) from None
    if not isinstance(found, type | FunctionType):
        raise NotTrusted(f"{module}.{qualname} is neither a class nor a function")
    if found.__module__ != loaded.__name__ or found.__qualname__ != qualname:
        home = f"{found.__module__}.{found.__qualname__}"
        raise NotTrusted(f"{module}.{qualname} is defined elsewhere, as {home}")
    return found


def _advice_to_import(module: str) -> str:
    return (
        f"{module} is not imported: run, or import, the script or package that defines it, then"
        " open the session"
    )


def _advice_to_trust(module: str, qualname: str) -> str:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"{module}.{qualname} is not one of the standard library's values that are kept"
    return f'{top} is an installed package; if you trust it, say gc3libs.trust("{top}")'


def _is_trusted(module: ModuleType) -> bool:
    name = module.__name__
    if any(name == each or name.startswith(f"{each}.") for each in _trusted_packages):
        return True
    return is_users_own(module)


def is_users_own(module: ModuleType) -> bool:
    """Whether a module is the user's.

    Its file lies outside the standard library and site-packages, or it is the program itself in an
    interactive session.
    """
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return module.__name__ == "__main__"
    return module.__name__.partition(".")[0] != "gc3libs" and not _is_installed(file)


@functools.lru_cache(maxsize=1024)
def _is_installed(file: str) -> bool:
    path = Path(file).resolve()
    if not {"site-packages", "dist-packages"}.isdisjoint(path.parts):
        return True
    return any(path.is_relative_to(each) for each in _installed_directories())


@functools.lru_cache(maxsize=1)
def _installed_directories() -> tuple[Path, ...]:
    import site
    import sysconfig

    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths.update(site.getsitepackages())
    paths.add(site.getusersitepackages())
    paths.add(str(Path(enum.__file__).parent))
    return tuple(Path(path).resolve() for path in paths if path)


def why_no_value(cls: type) -> str:
    """Why instances of a user's class are no values; empty if they are.

    They are if making one and giving it its attributes runs nothing but a `__new__` without
    arguments and a `__setstate__` of the user's own, and nothing runs when it goes.
    """
    verdict = _verdicts.get(cls)
    if verdict is None:
        verdict = _verdicts[cls] = _verdict(cls)
    return verdict


def _verdict(cls: type) -> str:
    if issubclass(cls, type):
        return "it is a class of classes"
    if issubclass(cls, enum.Enum):
        return ""
    if hasattr(cls, "__del__"):
        return ACTS_AT_ITS_END
    if not issubclass(cls, ATOMS) and needs_arguments(cls):
        return MADE_WITH_ARGUMENTS
    for name in ("__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"):
        definer = _definer(cls, name)
        if definer is not None and not _rebuilds_plainly(definer, name, cls):
            return (
                f"{definer.__qualname__}.{name} decides how it is rebuilt, which reading a session"
                " must not run; use __getstate__ and __setstate__"
            )
    definer = _definer(cls, "__setstate__")
    if definer is not None and not _is_own_code(definer):
        return f"{definer.__module__}.{definer.__qualname__} has a __setstate__ of its own"
    return ""


ACTS_AT_ITS_END = "it has __del__, which would act on whatever a record says"
MADE_WITH_ARGUMENTS = "its __new__ needs arguments, which are not kept; give them defaults"


def needs_arguments(cls: type) -> bool:
    """Whether `cls.__new__(cls)` cannot be called."""
    new = cls.__new__
    if type(new) is not FunctionType:
        return False
    code = new.__code__
    needed = code.co_argcount - len(new.__defaults__ or ())
    return needed > 1 or code.co_kwonlyargcount > len(new.__kwdefaults__ or ())


def _definer(cls: type, name: str) -> type | None:
    return next((base for base in cls.__mro__ if name in vars(base)), None)


_NAMED_TUPLE = vars(collections.namedtuple("_", ""))["__getnewargs__"].__code__


def _rebuilds_plainly(definer: type, name: str, cls: type) -> bool:
    if name in ("__reduce__", "__reduce_ex__"):
        return definer is object or (
            definer.__module__ == "builtins" and issubclass(cls, BaseException)
        )
    if getattr(vars(definer)[name], "__code__", None) is _NAMED_TUPLE:
        return True
    return definer.__module__ == "builtins"


def _is_own_code(definer: type) -> bool:
    if definer is BaseException:
        return True
    module = sys.modules.get(definer.__module__)
    return module is not None and _is_trusted(module)
