"""Records as rows of a table: the columns, and the way there and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gc3libs.persistence.record import Record, Summary, make_id, split_id

COLUMNS: Final[Mapping[str, str]] = {
    "number": "key",
    "prefix": "text",
    "class": "text",
    "session": "text",
    "position": "integer?",
    "leaf": "boolean",
    "state": "text",
    "returncode": "integer?",
    "jobname": "text",
    "info": "text",
    "resource": "text",
    "attempt": "integer",
    "held": "boolean",
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
    "details": "blob",
    "payload": "blob",
}
"""Names and kinds; `?` means that it may be empty.

What is long comes last, as rows are read from their beginning.
"""

SUMMARY: Final = tuple(COLUMNS)[:22]
"""What a `Summary` is made of."""

KEPT: Final = ("number", "prefix", "session", "position")
"""What a later write of the record leaves as it is."""

UPDATED: Final = tuple(name for name in COLUMNS if name not in KEPT)

_encode_tags = msgspec.json.Encoder().encode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode

Row = tuple[Any, ...]


def to_row(record: Record) -> Row:
    """The values of `COLUMNS`."""
    s = record.summary
    prefix, number = split_id(s.id)
    return (
        number,
        prefix,
        s.cls,
        s.session,
        s.position,
        s.leaf,
        s.state,
        s.returncode,
        s.jobname,
        s.info,
        s.resource,
        s.attempt,
        s.held,
        encode_tags(s.tags),
        s.created,
        s.changed,
        s.started,
        s.ended,
        s.cpu_time,
        s.memory,
        s.digest,
        s.parameters_json,
        record.revision,
        record.version,
        record.details,
        record.payload,
    )


def to_update(row: Row) -> Row:
    """The values of `UPDATED`, and those to find the row by: number, prefix, former revision."""
    return (row[2], *row[5:], row[0], row[1], row[22] - 1)


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
            _decode_tags(tags) if tags else (),
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
            cls,
            session,
            position,
            leaf,
            state,
            returncode,
            jobname,
            info,
            resource,
            attempt,
            held,
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


def to_records(rows: Iterable[Row]) -> list[Record]:
    """Records from the values of `COLUMNS`; place by place, too."""
    return [
        Record(
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
                _decode_tags(tags) if tags else (),
                created,
                changed,
                started,
                ended,
                cpu_time,
                memory,
                digest,
                parameters,
            ),
            revision,
            version,
            details,
            payload,
        )
        for (
            number,
            prefix,
            cls,
            session,
            position,
            leaf,
            state,
            returncode,
            jobname,
            info,
            resource,
            attempt,
            held,
            tags,
            created,
            changed,
            started,
            ended,
            cpu_time,
            memory,
            digest,
            parameters,
            revision,
            version,
            details,
            payload,
        ) in rows
    ]


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
