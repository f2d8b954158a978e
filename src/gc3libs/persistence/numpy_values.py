"""numpy's values as plain data, and back.

What is written is a description of the type and the raw bytes; nothing of numpy's own pickling is
used. Every `numpy_...` function below rebuilds a value from what a record gives, which may be
anything: it checks all of it, needs no more memory than what it was given has, and raises
ValueError or TypeError otherwise.
"""

from __future__ import annotations

import math
import pickle
import re
from typing import TYPE_CHECKING, Any

from gc3libs.exceptions import SaveError

if TYPE_CHECKING:
    import numpy as np

_SIMPLE = re.compile(r"[<>|][biufcSUVmM]\d{1,10}(\[\d{0,10}[A-Za-z]{1,2}\])?", re.ASCII)
_KINDS = frozenset("biufcSUVmM")
_TYPE_NAMES = """bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong
    float16 float32 float64 longdouble complex64 complex128 clongdouble str_ bytes_ void object_
    datetime64 timedelta64"""
_TYPES = frozenset(_TYPE_NAMES.split())
_ADVICE = {
    "memmap": "keep the path of its file, or numpy.array(it)",
    "MaskedArray": "keep its data and its mask, two arrays",
    "Generator": "keep its seed, or generator.bit_generator.state, which is a dict",
    "RandomState": "keep its seed, or get_state(legacy=False), which is a dict",
}

Reduced = tuple[Any, tuple[Any, ...]]


def reduce_numpy(obj: Any) -> Reduced:
    """A value that is numpy's, as one of the functions below and its arguments.

    Raises:
        SaveError: It is none of those that are kept.
    """
    import numpy as np

    if type(obj) is np.ndarray:
        return _reduce_array(obj)
    if isinstance(obj, np.str_):
        return numpy_text, (str.__getitem__(obj, slice(None)),)  # item() cuts null characters off
    if isinstance(obj, np.bytes_):
        return numpy_text, (bytes.__getitem__(obj, slice(None)),)
    if isinstance(obj, np.generic):
        return numpy_scalar, (_description(obj.dtype), obj.tobytes())
    if isinstance(obj, np.dtype):
        return numpy_dtype, ("O" if obj == np.dtype(object) else _description(obj),)
    if isinstance(obj, type) and obj.__name__ in _TYPES and getattr(np, obj.__name__) is obj:
        return numpy_type, (obj.__name__,)
    name = obj.__qualname__ if isinstance(obj, type) else type(obj).__qualname__
    raise SaveError(
        f"numpy's {name}",
        _ADVICE.get(name, "of numpy's values, plain arrays, scalars and their types are kept"),
    )


def _reduce_array(array: np.ndarray[Any, Any]) -> Reduced:
    import numpy as np

    order: Any = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    if array.dtype == np.dtype(object):
        return numpy_objects, (array.shape, order, array.ravel(order=order).tolist())
    description = _description(array.dtype)
    if array.size and not array.dtype.itemsize:
        raise SaveError("an array of numpy's", "its items have no size")
    flat = np.ravel(array, order=order)
    raw = _buffer(flat.view(np.uint8)) if flat.size else b""
    return numpy_array, (description, array.shape, order, raw)


def _buffer(flat: Any) -> pickle.PickleBuffer:
    return pickle.PickleBuffer(flat)  # pickle copies it into the stream, and nowhere else


def _description(dtype: np.dtype[Any]) -> Any:
    import numpy as np

    again = None
    try:
        description = np.lib.format.dtype_to_descr(dtype) if dtype.kind in _KINDS else None
        again = _dtype(description)
    except (TypeError, ValueError):  # what numpy's format, or the check of it, has no words for
        description = None
    if again != dtype:
        raise SaveError(
            f"a value of numpy's dtype {dtype}", "this dtype is not kept; convert it to a plain one"
        )
    return description


def _dtype(description: Any) -> np.dtype[Any]:
    import numpy as np

    _check_description(description)
    return np.lib.format.descr_to_dtype(description)


def _check_description(description: Any) -> None:
    if type(description) is str:
        if _SIMPLE.fullmatch(description) is None:
            raise ValueError(f"{description!r} describes no plain dtype")
    elif type(description) is tuple and len(description) == 2:
        _check_description(description[0])
        _check_shape(description[1])
    elif type(description) is list:
        for field in description:
            _check_field(field)
    else:
        raise TypeError(f"a {type(description).__name__} describes no dtype")


def _check_field(field: Any) -> None:
    if type(field) is not tuple or len(field) not in (2, 3):
        raise TypeError("a field of a dtype is a name, a type and perhaps a shape")
    names = field[0] if type(field[0]) is tuple and len(field[0]) == 2 else (field[0],)
    if any(type(name) is not str for name in names):
        raise TypeError("the name of a field is a string")
    _check_description(field[1])
    if len(field) == 3:
        _check_shape(field[2])


def _check_shape(shape: Any) -> None:
    if type(shape) is not tuple or any(type(length) is not int or length < 0 for length in shape):
        raise TypeError("a shape is a tuple of lengths")


def numpy_array(description: Any, shape: Any, order: Any, data: Any) -> np.ndarray[Any, Any]:
    """An array of plain items, from their bytes."""
    import numpy as np

    dtype = _dtype(description)
    _check_shape(shape)
    if type(data) not in (bytes, bytearray) or type(order) is not str or order not in ("C", "F"):
        raise TypeError("an array needs its bytes, and an order")
    count = math.prod(shape)
    if len(data) != count * dtype.itemsize or (count and not data):
        raise ValueError(f"{len(data)} bytes make no array of shape {shape} and dtype {dtype}")
    array: Any = np.ndarray(shape, dtype, buffer=data, order=order)  # type: ignore[arg-type]
    return array if array.flags.writeable else array.copy(order=order)  # type: ignore[no-any-return]


def numpy_objects(shape: Any, order: Any, items: Any) -> np.ndarray[Any, Any]:
    """An array of Python objects."""
    import numpy as np

    _check_shape(shape)
    if type(items) is not list or type(order) is not str or order not in ("C", "F"):
        raise TypeError("an array of objects needs a list of them, and an order")
    if len(items) != math.prod(shape):
        raise ValueError(f"{len(items)} items make no array of shape {shape}")
    flat = np.fromiter(items, dtype=object, count=len(items))  # the one way that looks into no item
    array: np.ndarray[Any, Any] = flat.reshape(shape, order=order)  # type: ignore[call-overload]
    return array


def numpy_scalar(description: Any, data: Any) -> Any:
    """A scalar, from its bytes."""
    return numpy_array(description, (1,), "C", data)[0]


def numpy_text(value: Any) -> Any:
    """A scalar of text or of bytes."""
    import numpy as np

    if type(value) is str:
        return np.str_(value)
    if type(value) is bytes:
        return np.bytes_(value)
    raise TypeError("a string or bytes are needed")


def numpy_dtype(description: Any) -> np.dtype[Any]:
    """A dtype."""
    import numpy as np

    return (
        np.dtype(object) if type(description) is str and description == "O" else _dtype(description)
    )


def numpy_type(name: Any) -> type:
    """A type of scalars, such as `numpy.float32`."""
    import numpy as np

    if type(name) is not str or name not in _TYPES:
        raise ValueError(f"{name!r} is no type of numpy's scalars")
    found: type = getattr(np, name)
    return found
