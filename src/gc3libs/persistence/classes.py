"""Which classes of objects a store keeps."""

from __future__ import annotations

from gc3libs.exceptions import SaveError
from gc3libs.persistence.naming import class_name
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.trust import NotTrusted, find

_CONTAINERS = (dict, list, set, frozenset, tuple, str, bytes, bytearray, int, float, complex)
_REBUILDERS = ("__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__")

_checked: set[type] = set()


def check_class(cls: type) -> None:
    """See that objects of `cls` can be saved and will be found again.

    Raises:
        SaveError: They cannot, or would not; says why.
    """
    if cls in _checked:
        return
    container = next((each for each in _CONTAINERS if issubclass(cls, each)), None)
    if container is not None:
        raise SaveError(
            cls.__qualname__,
            f"a task cannot be a {container.__name__}; let it have one as an attribute",
        )
    for name in _REBUILDERS:
        if getattr(cls, name, None) is not getattr(object, name, None):
            raise SaveError(
                cls.__qualname__,
                f"it defines {name}, which reading a session must not run; use __getstate__ and"
                " __setstate__",
            )
    module, _, qualname = class_name(cls).partition(":")
    try:
        found = find(module, qualname)
    except NotTrusted as err:
        raise SaveError(cls.__qualname__, str(err)) from None
    if found is not cls:
        raise SaveError(
            cls.__qualname__, f"{module}.{qualname} is another class: it would be loaded instead"
        )
    _checked.add(cls)


def class_of(name: str) -> type[Persistable]:
    """The class recorded as "module:qualname".

    Raises:
        NotTrusted: It cannot be had, or is no class of objects that a store keeps.
    """
    module, _, qualname = name.partition(":")
    found = find(module, qualname)
    if not isinstance(found, type) or not issubclass(found, Persistable):
        raise NotTrusted(f"{module}.{qualname} is no class of tasks")
    return found
