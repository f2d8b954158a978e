"""One record as the content of a file: a header with lengths and checksums, then the parts."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import msgspec

from gc3libs.persistence.record import FORMAT, Record, Summary

_MAGIC = b"gc3libs\n"
_HEADER = struct.Struct("<8sHHqqIIQIII")
_CHECK = struct.Struct("<I")
_PLAIN = struct.Struct("<HHQI")

HEADER_SIZE = _HEADER.size + _CHECK.size
FIRST_READ = 4096
"""Bytes that hold header and summary of nearly every record."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Summary).decode


class Damaged(Exception):
    """Says what is wrong with the content. Never leaves this package."""


class Header(NamedTuple):
    """What a record's file begins with: lengths and CRC-32 of its parts.

    `owns`: there is a list of what the object owns.
    """

    owns: int
    revision: int
    version: int
    summary: int
    details: int
    payload: int
    summary_check: int
    details_check: int
    payload_check: int

    @property
    def total(self) -> int:
        """Length of the whole."""
        return HEADER_SIZE + self.summary + self.details + self.payload


def pack(record: Record, *, owns: bool) -> bytes:
    """The record as bytes; children and extra columns are kept elsewhere.

    Args:
        owns: There is, or will be, a list of what the object owns.
    """
    summary = _encode(record.summary)
    parts = summary, record.details, record.payload
    header = _HEADER.pack(
        _MAGIC,
        FORMAT,
        owns,
        record.revision,
        record.version,
        *map(len, parts),
        *map(zlib.crc32, parts),
    )
    return b"".join((header, _CHECK.pack(zlib.crc32(header)), *parts))


def unpack_header(data: bytes) -> Header:
    """The header that `data` begins with.

    Raises:
        Damaged: It is none.
    """
    if len(data) < HEADER_SIZE:
        raise Damaged(f"it ends after {len(data)} bytes, within its header")
    magic, format_, *rest = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise Damaged("it does not begin as a record does")
    if zlib.crc32(data[: _HEADER.size]) != _CHECK.unpack_from(data, _HEADER.size)[0]:
        raise Damaged("its header is damaged")
    if format_ > FORMAT:
        raise Damaged(
            f"it has format {format_}; this version of gc3libs knows formats up to {FORMAT}."
            " Upgrade gc3libs to read it"
        )
    return Header(*rest)


def unpack_summary(data: bytes, header: Header) -> Summary:
    """The summary; `data` need not go on after it.

    Raises:
        Damaged: It is incomplete, or not as it was written.
    """
    end = HEADER_SIZE + header.summary
    if len(data) < end:
        raise Damaged(f"it ends after {len(data)} of {header.total} bytes")
    summary = data[HEADER_SIZE:end]
    if zlib.crc32(summary) != header.summary_check:
        raise Damaged("its summary is not as it was written (the checksum differs)")
    try:
        return _decode(summary)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise Damaged(f"its summary makes no sense: {err}") from err


def unpack(data: bytes) -> Record:
    """The record that `data` is the whole of.

    Raises:
        Damaged: It is incomplete, or not as it was written.
    """
    header = unpack_header(data)
    if len(data) != header.total:
        verb = "ends after" if len(data) < header.total else "has"
        raise Damaged(f"it {verb} {len(data)} of {header.total} bytes")
    summary = unpack_summary(data, header)
    middle = HEADER_SIZE + header.summary
    end = middle + header.details
    details, payload = data[middle:end], data[end:]
    if zlib.crc32(details) != header.details_check or zlib.crc32(payload) != header.payload_check:
        raise Damaged("it is not as it was written (the checksum differs)")
    return Record(
        summary=summary,
        revision=header.revision,
        version=header.version,
        details=details,
        payload=payload,
    )


def pack_bytes(data: bytes) -> bytes:
    """Anything else that is kept in a file of its own, so that damage is noticed."""
    return b"".join((_MAGIC, _PLAIN.pack(FORMAT, 0, len(data), zlib.crc32(data)), data))


def list_head(size: int) -> bytes:
    """What a list of children begins with: its length in bytes, this head included."""
    return pack_bytes(size.to_bytes(8, "little"))


LIST_HEAD = len(list_head(0))
"""The head's own length."""


def unpack_list(content: bytes) -> tuple[list[bytes], int]:
    """The parts of a list of children, and its length; an addition that goes on is left out.

    Raises:
        Damaged: It is incomplete, or not as it was written.
    """
    size = int.from_bytes(unpack_bytes(content[:LIST_HEAD]), "little")
    if len(content) < size:
        raise Damaged(f"it ends after {len(content)} of {size} bytes")
    parts, end = unpack_parts(content[LIST_HEAD:size])
    if LIST_HEAD + end != size:
        raise Damaged("its last part is incomplete")
    return parts, size


def pack_addition(at: int, parts: bytes) -> bytes:
    """What is to be added to a file of parts, on its way there."""
    return pack_bytes(at.to_bytes(8, "little") + parts)


def unpack_addition(content: bytes) -> tuple[int, bytes]:
    """Where the parts belong, and the parts.

    Raises:
        Damaged: It is incomplete, or not as it was written.
    """
    data = unpack_bytes(content)
    return int.from_bytes(data[:8], "little"), data[8:]


def unpack_bytes(content: bytes) -> bytes:
    """What `pack_bytes` was given.

    Raises:
        Damaged: It is incomplete, or not as it was written.
    """
    data, end = _unpack_part(content, 0)
    if data is None or end != len(content):
        raise Damaged(f"it has {len(content)} of {end} bytes")
    return data


def unpack_parts(content: bytes) -> tuple[list[bytes], int]:
    """What `pack_bytes` was given, again and again, and where the last complete part ends.

    Raises:
        Damaged: One is not as it was written.
    """
    parts = []
    start = 0
    while start < len(content):
        data, end = _unpack_part(content, start)
        if data is None:
            break
        parts.append(data)
        start = end
    return parts, start


def _unpack_part(content: bytes, start: int) -> tuple[bytes | None, int]:
    """The part that begins at `start`, None if it is incomplete, and where it ends or should."""
    first = start + len(_MAGIC) + _PLAIN.size
    if not content.startswith(_MAGIC[: len(content) - start], start):
        raise Damaged("it does not begin as a file of a store does")
    if len(content) < first:
        return None, first
    format_, _, size, check = _PLAIN.unpack_from(content, start + len(_MAGIC))
    if format_ > FORMAT:
        raise Damaged(f"it has format {format_}; upgrade gc3libs to read it")
    data, end = content[first : first + size], first + size
    if len(data) != size:
        return None, end
    if zlib.crc32(data) != check:
        raise Damaged("it is not as it was written (the checksum differs)")
    return data, end
