"""`task`: a function whose calls can be made tasks."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

from gc3libs.exceptions import InvalidArgument, InvalidType
from gc3libs.model.callables import source_of
from gc3libs.model.function import FunctionTask
from gc3libs.model.job import as_environment
from gc3libs.model.resources import check_cores
from gc3libs.quantity import Duration, Memory

P = ParamSpec("P")
R = TypeVar("R")


class TaskFunction(Generic[P, R]):
    """A function, to be called as ever, and a maker of tasks that call it.

    >>> @task(cores=1, memory="500 MB")
    ... def misfit(beta, gamma):
    ...     return beta / gamma
    >>> misfit(1.0, 0.5)
    2.0
    >>> [each.jobname for each in misfit.over(beta=[1.5, 1.6], gamma=[0.4])]
    ['beta=1.5-gamma=0.4', 'beta=1.6-gamma=0.4']
    """

    __gc3_function__: Callable[P, R]

    def __init__(self, function: Callable[P, R], settings: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.__gc3_function__ = function
        self._settings = settings

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__gc3_function__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.__gc3_function__.__qualname__}>"

    def task(self, *args: P.args, **kwargs: P.kwargs) -> FunctionTask:
        """The task of one call.

        Raises:
            InvalidArgument: The function does not take these arguments.
        """
        made = FunctionTask(self.__gc3_function__, *args, **kwargs)
        _check_call(self.__gc3_function__, args, kwargs)
        vars(made).update(self._settings)
        return made

    def over(self, **values: Iterable[Any]) -> Grid:
        """Tasks of all combinations of these values, by parameter; the last one varies fastest.

        Raises:
            InvalidArgument: The function does not take these parameters.
            InvalidType: The values of one cannot be iterated over.
        """
        return Grid(self, values, itertools.product, math.prod)

    def zip(self, **values: Iterable[Any]) -> Grid:
        """Tasks of the first values of all parameters, of the second ones, and so on.

        Raises:
            InvalidArgument: The function does not take these parameters, or one has fewer values.
            InvalidType: The values of one cannot be iterated over.
        """
        grid = Grid(self, values, zip, lambda lengths: lengths[0] if lengths else 0)
        lengths = {name: len(column) for name, column in grid.values.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidArgument(
                f"zip() needs equally many values of each parameter, not {lengths}"
            )
        return grid


class Grid(Iterable[FunctionTask]):
    """Tasks of one function for many values, made while they are iterated over."""

    def __init__(
        self,
        function: TaskFunction[Any, Any],
        values: Mapping[str, Iterable[Any]],
        combine: Callable[..., Iterable[tuple[Any, ...]]],
        count: Callable[[list[int]], int],
    ) -> None:
        self.values = {name: _column(name, each) for name, each in values.items()}
        self._combine = combine
        self._count = count
        self._settings = function._settings
        self._source, self._data = source_of(function)
        first = {name: column[0] for name, column in self.values.items() if column}
        if len(first) == len(self.values):
            _check_call(function.__gc3_function__, (), first)

    def __len__(self) -> int:
        return self._count([len(column) for column in self.values.values()])

    def __iter__(self) -> Iterator[FunctionTask]:
        names = tuple(self.values)
        labels = [[f"{name}={value}" for value in column] for name, column in self.values.items()]
        named = self._combine(*labels)
        for combination, words in zip(self._combine(*self.values.values()), named, strict=True):
            kwargs = dict(zip(names, combination, strict=True))
            settings = {**self._settings, "jobname": "-".join(words)} if words else self._settings
            yield FunctionTask._make(self._source, self._data, (), kwargs, kwargs, settings)


def _column(name: str, values: Iterable[Any]) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidType(f"{name}={values!r}: give a list of the values that {name} shall take")
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    """Python's own number for one of numpy's."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _check_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as err:
        raise InvalidArgument(f"{function.__qualname__}() cannot be called so: {err}") from None
    except ValueError:
        return  # a builtin that does not say what it takes


@overload
def task(function: Callable[P, R], /) -> TaskFunction[P, R]: ...
@overload
def task(
    *,
    cores: int = 1,
    memory: str | Memory | None = None,
    walltime: str | Duration | None = None,
    environment: Mapping[str, Any] | None = None,
    capture: bool = True,
) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    cores: int = 1,
    memory: str | Memory | None = None,
    walltime: str | Duration | None = None,
    environment: Mapping[str, Any] | None = None,
    capture: bool = True,
) -> Any:
    """Let calls of a function be made tasks: `@task`, or `@task(cores=2, memory="500 MB")`.

    Args:
        cores: Slots that each task occupies.
        memory: Of each task; one that takes more is ended.
        walltime: Time after which a task is ended.
        environment: Variables of the job's.
        capture: What is written to standard output and error is kept (the first 10 MB).
    """
    settings: dict[str, Any] = {}
    if cores != 1:
        settings["requested_cores"] = check_cores(cores)
    if memory is not None:
        settings["requested_memory"] = Memory(memory)
    if walltime is not None:
        settings["requested_walltime"] = Duration(walltime)
    if environment:
        settings["environment"] = as_environment(environment)
    if not capture:
        settings["capture"] = False

    def decorate(function: Callable[..., Any]) -> TaskFunction[Any, Any]:
        return TaskFunction(function, settings)

    return decorate if function is None else decorate(function)
