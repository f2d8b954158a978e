"""Records as rows of a table: the columns, and the way there and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec.structs import replace

from gc3libs.persistence.record import Record, Summary, make_id, split_id

COLUMNS: Final[Mapping[str, str]] = {
    "number": "key",
    "prefix": "text",
    "session": "text",
    "position": "integer?",
    "leaf": "boolean",
    "held": "boolean",
    "class": "text",
    "state": "text",
    "returncode": "integer?",
    "jobname": "text",
    "info": "text",
    "resource": "text",
    "attempt": "integer",
    "tags": "text",
    "created": "real",
    "changed": "real",
    "started": "real?",
    "ended": "real?",
    "cpu_time": "real?",
    "memory": "integer?",
    "digest": "text",
    "parameters": "json",
    "revision": "integer",
    "version": "integer",
    "checksum": "integer",
    "details": "blob",
    "payload": "blob",
}
"""Names and kinds; `?` means that it may be empty.

What is long comes last, as rows are read from their beginning. The checksum covers what stands
around it, except session and position.
"""

_NAMES: Final = tuple(COLUMNS)
_LEAF, _HELD, _FACTS, _JSON, REVISION, _END = map(
    _NAMES.index, ("leaf", "held", "class", "parameters", "revision", "checksum")
)

SUMMARY: Final = _NAMES[:REVISION]
"""What a `Summary` is made of."""

KEPT: Final = ("number", "prefix", "session", "position")
"""What a later write of the record leaves as it is."""

UPDATED: Final = tuple(name for name in COLUMNS if name not in KEPT)

_encode = msgspec.msgpack.Encoder().encode
_encode_tags = msgspec.json.Encoder().encode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode

Row = tuple[Any, ...]


def to_row(record: Record, *, json_kept: bool) -> Row:
    """The values of `COLUMNS`.

    Args:
        json_kept: The database gives JSON back as it was written, so that the checksum covers it.
    """
    s = record.summary
    prefix, number = split_id(s.id)
    row = (
        number,
        prefix,
        s.session,
        s.position,
        s.leaf,
        s.held,
        s.cls,
        s.state,
        s.returncode,
        s.jobname,
        s.info,
        s.resource,
        s.attempt,
        encode_tags(s.tags),
        float(s.created),
        float(s.changed),
        _real(s.started),
        _real(s.ended),
        _real(s.cpu_time),
        s.memory,
        s.digest,
        s.parameters_json,
        record.revision,
        record.version,
    )
    details, payload = record.details, record.payload
    return (*row, _checksum(row, details, payload, json_kept), details, payload)


def _real(value: float | None) -> float | None:
    """As a database gives it back: it has no NaN."""
    return None if value is None or value != value else float(value)


def _checksum(row: Row, details: bytes, payload: bytes, json_kept: bool) -> int:
    """CRC-32 of what stands before a row's checksum, and after it."""
    facts = row[_FACTS:_END] if json_kept else (*row[_FACTS:_JSON], *row[_JSON + 1 : _END])
    head = _encode((row[0], row[1], row[_LEAF] == 1, row[_HELD] == 1, facts))
    return crc32(payload, crc32(details, crc32(head)))


def to_update(row: Row) -> Row:
    """The values of `UPDATED`, and those to find the row by: number, prefix, former revision."""
    return (*row[len(KEPT) :], row[0], row[1], row[REVISION] - 1)


def to_summaries(rows: Iterable[Sequence[Any]]) -> list[Summary]:
    """Summaries from the values of `SUMMARY`.

    Place by place, in the order of its fields: keywords would take six times as long.
    """
    return [
        Summary(
            f"{prefix}.{number}",
            cls,
            session,
            position,
            leaf == 1,
            state,
            returncode,
            jobname,
            info,
            resource,
            attempt,
            held == 1,
            _tags(tags) if tags else (),
            created,
            changed,
            started,
            ended,
            cpu_time,
            memory,
            digest,
            parameters,
        )
        for (
            number,
            prefix,
            session,
            position,
            leaf,
            held,
            cls,
            state,
            returncode,
            jobname,
            info,
            resource,
            attempt,
            tags,
            created,
            changed,
            started,
            ended,
            cpu_time,
            memory,
            digest,
            parameters,
        ) in rows
    ]


def _tags(text: str) -> tuple[str, ...]:
    """Tags from their JSON list; none if that is damaged."""
    try:
        return _decode_tags(text)
    except (msgspec.DecodeError, TypeError):
        return ()


def to_records(rows: Sequence[Row], *, json_kept: bool) -> Iterator[tuple[str, Record | None]]:
    """IDs and records from the values of `COLUMNS`; no record where the row is damaged."""
    summaries = to_summaries(row[:REVISION] for row in rows)
    for row, summary in zip(rows, summaries, strict=True):
        revision, version, checksum, details, payload = row[REVISION:]
        record = None
        if _is_checksum(checksum, row, details, payload, json_kept):
            record = Record(summary, revision, version, details, payload)
        yield summary.id, record


def _is_checksum(checksum: Any, row: Row, details: bytes, payload: bytes, json_kept: bool) -> bool:
    try:
        return bool(_checksum(row, details, payload, json_kept) == checksum)
    except (TypeError, UnicodeEncodeError):  # a value of another kind than its column's
        return False


def link_checksum(parent: int, position: int, child: int, prefix: str) -> int:
    """CRC-32 of a row that says who owns whom."""
    return crc32(f"{parent} {position} {child} {prefix}".encode())


def row_id(row: Row) -> str:
    """The ID of a row that begins with number and prefix."""
    return make_id(row[1], row[0])


def encode_tags(tags: Sequence[str]) -> str:
    """Tags as a JSON list, nothing if there are none."""
    return _encode_tags(tags).decode() if tags else ""


def storable(text: str) -> str:
    """The text with what not every database takes (halves of characters, NUL) escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


def is_storable(summary: Summary) -> bool:
    """Whether every database takes the summary's texts."""
    text = summary.jobname + summary.info + summary.resource + "".join(summary.tags)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable_summary(summary: Summary) -> Summary:
    """The summary with every text made storable."""
    return replace(
        summary,
        jobname=storable(summary.jobname),
        info=storable(summary.info),
        resource=storable(summary.resource),
        tags=tuple(map(storable, summary.tags)),
    )
