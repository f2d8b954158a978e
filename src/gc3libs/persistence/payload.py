"""Payloads: the pickled state, headed by the IDs that it refers to, if there are any."""

from __future__ import annotations

from collections.abc import Iterable

_HEAD = b"R"


def pack(pickled: bytes, references: Iterable[str]) -> bytes:
    """A payload that says first to which IDs its pickle refers."""
    head = "\n".join(references).encode()
    return b"".join((_HEAD, len(head).to_bytes(4, "big"), head, pickled))


def unpack(payload: bytes) -> tuple[list[str], bytes]:
    """IDs that a payload refers to, and its pickle."""
    if payload[:1] != _HEAD:
        return [], payload
    end = 5 + int.from_bytes(payload[1:5], "big")
    return payload[5:end].decode().split("\n"), payload[end:]
