"""Values of numpy and pandas: the two libraries beside the standard one whose values are kept.

Neither is imported unless a value at hand is theirs, or a record holds one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gc3libs.persistence import numpy_values, pandas_values

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]

RESTORERS: dict[str, Callable[..., Any]] = {
    name: function
    for module in (numpy_values, pandas_values)
    for name, function in vars(module).items()
    if name.startswith(("numpy_", "pandas_"))
}
"""The functions that records may have called, by name. They check whatever they are given."""

_REDUCERS: dict[str, Callable[[Any], Reduced]] = {
    "numpy": numpy_values.reduce_numpy,
    "pandas": pandas_values.reduce_pandas,
}


def reduce_value(obj: Any) -> Reduced | None:
    """A value of numpy's or pandas', or a type of numpy's scalars, as a call of a restorer.

    None if it comes from elsewhere.

    Raises:
        SaveError: It is theirs, and of a kind that is not kept.

    >>> reduce_value(7) is None
    True
    """
    cls = obj if isinstance(obj, type) else type(obj)
    reducer = _REDUCERS.get(cls.__module__.partition(".")[0])
    return None if reducer is None else reducer(obj)
