"""`FunctionTask`: a call of a Python function, in a process of its own."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from gc3libs._runner import is_plain
from gc3libs.exceptions import (
    LoadError,
    NoResult,
    UnexpectedStateError,
    UntrustedObject,
)
from gc3libs.model import termination
from gc3libs.model.callables import Source, by_value, source_of
from gc3libs.model.details import RemoteError
from gc3libs.model.job import Command, Job
from gc3libs.model.state import State
from gc3libs.model.termination import EX_SOFTWARE
from gc3libs.persistence.serialization import loads_checked
from gc3libs.persistence.trust import NotTrusted

_RUNNER = str(Path(__file__).parents[1] / "_runner.py")
_CALL = ".gc3-call"
_FUNCTION = ".gc3-function"
_ARGUMENTS = ".gc3-arguments"
_OUTCOME = ".gc3-outcome"
_PARAMETERS = frozenset({int, float, str, bool, type(None)})
_SIMPLE = _PARAMETERS | {complex, bytes}


class FunctionTask(Job):
    """A call of a Python function whose value is `result`.

    The function runs in a fresh process, in a directory of its own; nothing of what it does to this
    process's objects comes back but its value. Arguments that are numbers, text, booleans or None
    are attributes, too, by the names of the function's parameters.

    Args:
        function: At the top of a module that a job can import, or anything else that can be called,
            which then travels by value.
        *args, **kwargs: Of the call.

    >>> import math
    >>> task = FunctionTask(math.hypot, 3, 4)
    >>> task.function_name
    'hypot'
    """

    _function: tuple[Any, ...]
    _args: tuple[Any, ...]
    _kwargs: dict[str, Any]
    _arguments: str

    def __init__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        source, data = source_of(function)
        self._fill(source, data, args, kwargs, _named(function, args, kwargs))

    @classmethod
    def _make(
        cls,
        source: Source,
        data: bytes | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parameters: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> Self:
        """A task of a function whose source is known; `settings` are attributes."""
        task = cls.__new__(cls)
        task.__dict__.update(settings)
        task._fill(source, data, args, kwargs, parameters)
        return task

    def _fill(
        self,
        source: Source,
        data: bytes | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parameters: Mapping[str, Any],
    ) -> None:
        attributes = self.__dict__
        own = self.own_attribute_names()
        for name, value in parameters.items():
            if type(value) in _PARAMETERS and name not in own:
                attributes[name] = value
        attributes["_function"] = _as_tuple(source)
        if data is not None:
            self._keep_blob(source.blob, data)
        if all(map(is_builtin, args)) and all(map(is_builtin, kwargs.values())):
            attributes["_args"], attributes["_kwargs"] = args, kwargs
        else:
            packed = by_value((args, kwargs))
            attributes["_arguments"] = hashlib.sha256(packed).hexdigest()
            self._keep_blob("arguments", packed)

    @property
    def _source(self) -> Source:
        return Source(*self.__dict__["_function"])

    @property
    def function_name(self) -> str:
        """The qualified name of the function, for people."""
        return self._source.qualname

    def job_spec(self) -> Command:
        """What is to be run."""
        source = self._source
        call: dict[str, Any] = {"path": source.path, "main": source.main}
        shared = []
        if source.blob:
            call["function"] = _FUNCTION
            shared.append((source.blob, _FUNCTION))
        else:
            call["function"] = (source.module, source.qualname)
        if "_arguments" in self.__dict__:
            call["arguments"] = _ARGUMENTS
            owner = "" if self.persistent_id is None else f"{self.persistent_id}/"
            shared.append((f"{owner}arguments", _ARGUMENTS))
        else:
            call["arguments"] = (self._args, self._kwargs)
        return Command(
            argv=(sys.executable, "-P", _RUNNER, _CALL, _OUTCOME),
            environment=dict(self.environment),
            files=((_CALL, pickle.dumps(call, protocol=5)),),
            shared=tuple(shared),
            outcome=_OUTCOME,
            capture=self.capture,
            **self._requests(),
        )

    def accept_outcome(self, data: bytes | None) -> None:
        """Take over what the job left: a value or an error; anything unreadable is a failure."""
        match _outcome_in(data):
            case {
                "kind": "error",
                "type": str(kind),
                "message": str(message),
                "traceback": str(traceback),
            }:
                self._accept_error(RemoteError(type=kind, message=message, traceback=traceback))
            case {"kind": "plain", "value": value} if is_plain(value):
                self._accept_result("plain", value)
            case {"kind": "blob", "data": bytes(pickled), "value": value} if is_plain(value):
                self._accept_result("blob", value)
                self._keep_blob(self._result_name, pickled)
            case _ if self.execution.returncode == 0:
                self.execution.details.reason = "it ended without leaving a result"
                self.execution.returncode = (0, EX_SOFTWARE)
        self.execution.touch()

    def _accept_result(self, kind: str, value: Any) -> None:
        details = self.execution.details
        details.result, details.result_kind = value, kind

    def _accept_error(self, error: RemoteError) -> None:
        details = self.execution.details
        details.error = error
        if not details.reason:
            details.reason = f"{error.type}: {error.message}" if error.message else error.type
        if self.execution.returncode == 0:
            self.execution.returncode = (0, 1)

    @property
    def _result_name(self) -> str:
        return f"result.{self.execution.attempt}"

    @property
    def result(self) -> Any:
        """What the function returned.

        Raises:
            UnexpectedStateError: The task is not over.
            NoResult: The function raised (the message holds the traceback), or the job was ended.
            UntrustedObject: Reading the value would run code of a package that is not trusted.
        """
        run = self.execution
        details = run.details
        if run.state is not State.TERMINATED:
            raise UnexpectedStateError(f"{self} is {run.state}: it has no result yet")
        if details.error is not None:
            error = details.error
            raise NoResult(str(self), f"{error.type}: {error.message}", error.traceback)
        if details.result_kind == "plain":
            value = details.result
            return dict(value) if isinstance(value, dict) else value
        if details.result_kind == "blob":
            return self._result_of_blob()
        raise NoResult(
            str(self), details.reason or termination.words(run.returncode), details.traceback
        )

    def _result_of_blob(self) -> Any:
        data = self._blob(self._result_name)
        where = f"its store, as {self._result_name!r}"
        if data is None:
            raise LoadError(str(self), where, "the result was kept outside the record and is gone")
        try:
            return loads_checked(data)
        except NotTrusted as err:
            raise UntrustedObject(str(self), where, str(err)) from None

    def _parameters(self) -> dict[str, Any]:
        parameters = super()._parameters()
        for name, value in self.__dict__.get("_kwargs", {}).items():
            parameters.setdefault(name, value)
        return parameters

    def _identity(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        attributes = self.__dict__
        return (
            self._source.identity,
            attributes.get("_args"),
            attributes.get("_kwargs"),
            attributes.get("_arguments"),
            attributes.get("environment") or {},
            parameters,
        )


def _as_tuple(source: Source) -> tuple[Any, ...]:
    return source.module, source.qualname, source.blob, source.identity, source.path, source.main


def _named(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name, as far as the names of the positional ones can be known."""
    if not args:
        return kwargs
    function = getattr(function, "__gc3_function__", function)
    code = getattr(function, "__code__", None)
    names = () if code is None else code.co_varnames[: code.co_argcount]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def is_builtin(value: Any) -> bool:
    """Whether a value consists of builtin ones only, which any pickle can hold."""
    kind = type(value)
    if kind in _SIMPLE:
        return True
    if kind in (list, tuple, set, frozenset):
        return all(map(is_builtin, value))
    return kind is dict and all(map(is_builtin, value)) and all(map(is_builtin, value.values()))


def _outcome_in(data: bytes | None) -> Any:
    """What a job has left; None if that cannot be read."""
    try:
        return None if data is None else _BuiltinsOnly(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001  # a damaged pickle raises anything
        return None


class _BuiltinsOnly(pickle.Unpickler):
    """Reads what a job left; names are not looked up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} in an outcome")
