"""pandas' values as plain data and numpy arrays, and back.

Every `pandas_...` function below rebuilds a value from what a record gives, which may be anything,
through pandas' public constructors; they raise ValueError or TypeError where the parts do not fit
together.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from gc3libs.exceptions import SaveError
from gc3libs.persistence.standard_values import is_zone_key

if TYPE_CHECKING:
    import pandas as pd

Reduced = tuple[Any, tuple[Any, ...]]


def reduce_pandas(obj: Any) -> Reduced:
    """A value that is pandas', as one of the functions below and its arguments.

    Raises:
        SaveError: It is none of those that are kept.
    """
    import pandas as pd

    cls = type(obj)
    if cls is pd.DataFrame:
        return _reduce_frame(obj)
    if cls is pd.Series:
        return pandas_series, (_plain_array(obj.array), obj.index, obj.name, dict(obj.attrs))
    if isinstance(obj, pd.Index):
        return _reduce_index(obj)
    if obj is pd.NaT or obj is pd.NA:
        return pandas_missing, ("NaT" if obj is pd.NaT else "NA",)
    if cls is pd.Timestamp:
        return pandas_timestamp, (obj.to_datetime64(), _zone(obj.tz))
    if cls is pd.Timedelta:
        return pandas_timedelta, (obj.to_timedelta64(),)
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return _reduce_array(obj)
    name = obj.__qualname__ if isinstance(obj, type) else cls.__qualname__
    raise SaveError(f"pandas' {name}", _ADVICE)


_ADVICE = "DataFrame, Series, Index, their usual arrays, Timestamp and Timedelta are kept"


def _plain_array(array: Any) -> Any:
    """numpy's own array where pandas only wraps one."""
    import pandas as pd

    if type(array) is pd.arrays.NumpyExtensionArray:
        return array.to_numpy()
    return array


def _reduce_frame(frame: pd.DataFrame) -> Reduced:
    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and dtypes.pop().kind in "biufc" and frame.shape[1] > 1:
        values = frame.to_numpy()
        if values.dtype == frame.dtypes.iloc[0]:
            return pandas_frame, (values, frame.index, frame.columns, dict(frame.attrs))
    arrays = [_plain_array(frame.iloc[:, at].array) for at in range(frame.shape[1])]
    return pandas_frame, (arrays, frame.index, frame.columns, dict(frame.attrs))


def _reduce_index(index: pd.Index[Any]) -> Reduced:
    import pandas as pd

    if type(index) is pd.RangeIndex:
        return pandas_range_index, (index.start, index.stop, index.step, index.name)
    if type(index) is pd.MultiIndex:
        codes = [list(each) for each in index.codes]
        return pandas_multi_index, (list(index.levels), codes, list(index.names))
    if type(index) in (pd.Index, pd.CategoricalIndex):
        return pandas_index, (_plain_array(index.array), index.name, None)
    if type(index) in (pd.DatetimeIndex, pd.TimedeltaIndex):
        return pandas_index, (index.array, index.name, _frequency(index))
    raise SaveError(f"pandas' {type(index).__qualname__} of dtype {index.dtype}", _ADVICE)


def _frequency(index: Any) -> str | None:
    import pandas as pd

    if index.freq is None:
        return None
    frequency: str = index.freqstr
    if pd.tseries.frequencies.to_offset(frequency) != index.freq:
        raise SaveError(
            f"pandas' {type(index).__qualname__} with freq={index.freq!r}",
            "no text stands for this frequency; set index.freq = None",
        )
    return frequency


def _reduce_array(array: Any) -> Reduced:
    import pandas as pd

    for kind in ("IntegerArray", "FloatingArray", "BooleanArray"):
        if type(array) is getattr(pd.arrays, kind):
            return pandas_nullable, (kind, array._data, array._mask)
    if isinstance(array.dtype, pd.StringDtype):
        missing = array.dtype.na_value is not pd.NA
        items = [None if pd.isna(each) else each for each in array]
        return pandas_strings, (items, array.dtype.storage, missing)
    if type(array) is pd.Categorical:
        return pandas_categorical, (array.codes.copy(), array.categories, bool(array.ordered))
    if type(array) is pd.arrays.DatetimeArray:
        return pandas_times, (array.to_numpy(dtype=f"M8[{array.unit}]"), _zone(array.tz))
    if type(array) is pd.arrays.TimedeltaArray:
        return pandas_times, (array.to_numpy(), None)
    raise SaveError(f"pandas' {type(array).__qualname__} of dtype {array.dtype}", _ADVICE)


def _zone(zone: Any) -> datetime.tzinfo | str | None:
    from zoneinfo import ZoneInfo  # not at the top: that would slow down every start

    if zone is None or type(zone) in (datetime.timezone, ZoneInfo):
        return zone  # type: ignore[no-any-return]
    key = getattr(zone, "zone", None)  # pytz, which pandas 2 uses
    if isinstance(key, str):
        return key
    raise SaveError(f"a time in {zone!r}", "use a time zone of zoneinfo's, or a fixed offset")


def _check(value: Any, *classes: type) -> None:
    if type(value) not in classes:
        raise TypeError(f"a {type(value).__name__} where pandas needs a {classes[0].__name__}")


def _check_zone(zone: Any) -> None:
    from zoneinfo import ZoneInfo

    _check(zone, ZoneInfo, datetime.timezone, type(None), str)
    if isinstance(zone, str) and (not is_zone_key(zone) or zone.startswith("dateutil")):
        raise ValueError(f"{zone!r} is no key of a time zone")


def _check_array(array: Any) -> None:
    import numpy as np
    import pandas as pd

    if not isinstance(array, np.ndarray | pd.api.extensions.ExtensionArray) or array.ndim != 1:
        raise TypeError(f"a {type(array).__name__} where pandas needs an array")


def _check_index(index: Any, length: int) -> None:
    import pandas as pd

    if not isinstance(index, pd.Index) or len(index) != length:
        raise ValueError(f"no index for {length} items")


def pandas_frame(columns_of: Any, index: Any, columns: Any, attrs: Any) -> pd.DataFrame:
    """A DataFrame, from one array with two dimensions or a list of its columns."""
    import numpy as np
    import pandas as pd

    _check(attrs, dict)
    if type(columns_of) is np.ndarray and columns_of.ndim == 2:
        _check_index(index, columns_of.shape[0])
        _check_index(columns, columns_of.shape[1])
        frame = pd.DataFrame(columns_of, index=index, columns=columns)
    else:
        _check(columns_of, list)
        _check_index(index, len(columns_of[0]) if columns_of else len(index))
        _check_index(columns, len(columns_of))
        series = {at: pandas_series(each, index, None, {}) for at, each in enumerate(columns_of)}
        frame = pd.DataFrame(series, index=index)
        frame.columns = columns
    frame.attrs = attrs
    return frame


def pandas_series(array: Any, index: Any, name: Any, attrs: Any) -> pd.Series[Any]:
    """A Series."""
    import pandas as pd

    _check(attrs, dict)
    _check_array(array)
    _check_index(index, len(array))
    series = pd.Series(array, index=index, name=name, dtype=array.dtype)
    series.attrs = attrs
    return series


def pandas_index(array: Any, name: Any, frequency: Any) -> pd.Index[Any]:
    """An Index of the kind that the array's dtype asks for."""
    import pandas as pd

    _check_array(array)
    index = pd.Index(array, name=name, dtype=array.dtype)
    if frequency is not None:
        _check(frequency, str)
        if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            raise TypeError(f"a {type(index).__name__} has no frequency")
        index.freq = frequency
    return index


def pandas_range_index(start: Any, stop: Any, step: Any, name: Any) -> pd.RangeIndex:
    """A RangeIndex."""
    import pandas as pd

    for each in (start, stop, step):
        _check(each, int)
    return pd.RangeIndex(start, stop, step, name=name)


def pandas_multi_index(levels: Any, codes: Any, names: Any) -> pd.MultiIndex:
    """A MultiIndex; pandas checks that the codes are within the levels."""
    import pandas as pd

    for each in (levels, codes, names):
        _check(each, list)
    for level in levels:
        _check_index(level, len(level))
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=True)


def pandas_nullable(kind: Any, data: Any, mask: Any) -> Any:
    """An array of whole numbers, floats or booleans with gaps."""
    import pandas as pd

    _check(kind, str)
    if kind not in ("IntegerArray", "FloatingArray", "BooleanArray"):
        raise ValueError(f"{kind!r} is no kind of array with gaps")
    _check_array(data)
    _check_array(mask)
    return getattr(pd.arrays, kind)(data, mask)


def pandas_strings(items: Any, storage: Any, missing_is_nan: Any) -> Any:
    """An array of strings, None where there is none."""
    import pandas as pd

    _check(items, list)
    for each in items:
        _check(each, str, type(None))
    _check(storage, str)
    if storage not in ("python", "pyarrow"):
        raise ValueError(f"{storage!r} is no storage of strings")
    try:
        return pd.array(items, dtype=_string_dtype(storage, missing_is_nan))
    except ImportError:  # written where pyarrow is installed
        return pd.array(items, dtype=_string_dtype("python", missing_is_nan))


def _string_dtype(storage: str, missing_is_nan: Any) -> pd.StringDtype:
    import pandas as pd

    if not missing_is_nan:
        return pd.StringDtype(storage)
    return pd.StringDtype(storage, na_value=float("nan"))


def pandas_categorical(codes: Any, categories: Any, ordered: Any) -> pd.Categorical:
    """A Categorical; pandas checks that the codes are within the categories."""
    import pandas as pd

    _check_array(codes)
    _check_index(categories, len(categories))
    return pd.Categorical.from_codes(codes, categories=categories, ordered=bool(ordered))


def pandas_times(data: Any, zone: Any) -> Any:
    """An array of points in time (UTC if there is a zone) or of time differences."""
    import pandas as pd

    _check_array(data)
    _check_zone(zone)
    if data.dtype.kind not in "mM":
        raise TypeError(f"an array of dtype {data.dtype} holds no times")
    array: Any = pd.array(data, dtype=data.dtype)
    return array if zone is None else array.tz_localize("UTC").tz_convert(zone)


def pandas_timestamp(moment: Any, zone: Any) -> Any:
    """A Timestamp, from numpy's in UTC."""
    import numpy as np
    import pandas as pd

    _check(moment, np.datetime64)
    _check_zone(zone)
    stamp: Any = pd.Timestamp(moment)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def pandas_timedelta(difference: Any) -> Any:
    """A Timedelta."""
    import numpy as np
    import pandas as pd

    _check(difference, np.timedelta64)
    return pd.Timedelta(difference)


def pandas_missing(name: Any) -> Any:
    """What stands for a value that is missing."""
    import pandas as pd

    _check(name, str)
    return {"NaT": pd.NaT, "NA": pd.NA}[name]
