"""What is known of a task's runs beyond its summary, as plain data that anybody can read and edit.

A command that has the record of a task, and not its class, reads the details with `decode_details`,
changes them and writes them back with `encode_details`:

>>> details = decode_details(b"")
>>> details.history.append((1700000000.0, "released by hand"))
>>> decode_details(encode_details(details)).history
[(1700000000.0, 'released by hand')]

Fields that a later version wrote, and this one does not know, survive the round trip in `others`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Attempt(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How an earlier attempt went; the fields are those of `RunDetails` and `Summary`."""

    number: int
    returncode: int | None = None
    reason: str = ""
    token: str = ""
    resource: str = ""
    directory: str = ""
    output_path: str = ""
    started: float | None = None
    ended: float | None = None
    cpu_time: float | None = None
    memory: int | None = None


class RemoteError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a Python function raised: the exception's type, its message, the traceback as text."""

    type: str
    message: str
    traceback: str = ""


class RunDetails(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is known of the attempt that is under way, or was made last, and of the earlier ones.

    Attributes:
        history: Moment (UTC, seconds since the epoch) and text of whatever happened, all attempts.
        timestamps: When each state, by name, was last entered.
        token: Names the job at its backend; empty until one is about to be handed over.
        resource: Name of the backend.
        job: What the backend, or its batch system, calls the job.
        directory: Where the job runs or ran; empty once that is of no use.
        started, ended: Of the job itself; UTC, seconds since the epoch.
        duration, cpu_time: Seconds.
        memory: Peak, in bytes; `memory_is_bound`: that is only an upper bound.
        reason: Why it ended as it did, in words; empty if its exit status says it all.
        traceback: Of the user's code that raised in an engine.
        missing: Names of outputs that were promised and not there.
        output_path: Where the outputs were put, absolute.
        output_relative: The same, relative to the session's directory; empty if not known.
        result: What a function returned, if that is plain; else what tables show of it.
        result_kind: "" (none), "plain" (`result` is all of it) or "blob".
        error: What a function raised.
        attempts: Earlier attempts, in order.
        others: Fields that this version does not know.
    """

    history: list[tuple[float, str]] = []
    timestamps: dict[str, float] = {}
    token: str = ""
    resource: str = ""
    job: str = ""
    directory: str = ""
    started: float | None = None
    ended: float | None = None
    duration: float | None = None
    cpu_time: float | None = None
    memory: int | None = None
    memory_is_bound: bool = False
    reason: str = ""
    traceback: str = ""
    missing: list[str] = []
    output_path: str = ""
    output_relative: str = ""
    result: Any = None
    result_kind: str = ""
    error: RemoteError | None = None
    attempts: list[Attempt] = []
    others: dict[str, Any] = {}

    def archive(self, number: int, returncode: int | None) -> None:
        """Put the facts of this attempt among the earlier ones, and forget them otherwise."""
        facts = {name: getattr(self, name) for name in _ARCHIVED}
        self.attempts.append(Attempt(number=number, returncode=returncode, **facts))
        for name in _OF_ONE_ATTEMPT:
            setattr(self, name, getattr(_BLANK, name))
        self.missing = []


_ARCHIVED = tuple(
    name for name in Attempt.__struct_fields__ if name not in ("number", "returncode")
)
_LASTING = frozenset({"history", "timestamps", "attempts", "others", "missing"})
_OF_ONE_ATTEMPT = tuple(name for name in RunDetails.__struct_fields__ if name not in _LASTING)
_BLANK = RunDetails()

_decoder = msgspec.msgpack.Decoder(RunDetails)
_encoder = msgspec.msgpack.Encoder()


def decode_details(data: bytes) -> RunDetails:
    """The details of a record; of no bytes, empty ones.

    Raises:
        msgspec.DecodeError: The bytes are damaged.
    """
    if not data:
        return RunDetails()
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        fields = msgspec.msgpack.decode(data, type=dict[str, Any])
        known = {name: fields.pop(name) for name in RunDetails.__struct_fields__ if name in fields}
        details = msgspec.convert(known, RunDetails)
        details.others = fields
        return details


def encode_details(details: RunDetails) -> bytes:
    """The details as a record keeps them; empty ones are no bytes.

    Halves of characters, as the names of files may have, are kept escaped.
    """
    try:
        data = _encoder.encode(_with_others(details) if details.others else details)
    except UnicodeEncodeError:
        data = _encoder.encode(_escaped(_with_others(details)))
    return b"" if data == _NOTHING else data


def _with_others(details: RunDetails) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(details)
    fields.update(fields.pop("others", {}))
    return fields


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(name): _escaped(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return value


_NOTHING = _encoder.encode(_BLANK)
