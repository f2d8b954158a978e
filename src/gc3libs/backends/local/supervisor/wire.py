"""Messages between an engine and the supervisor: tuples, marshalled, each preceded by its length.

Both ends belong to the same user: the socket lies in a private directory, and each end checks the
other's user.

An engine sends `("hello", PROTOCOL, environment, cores, memory, grace)` first, then `("submit",
[order, ...])`, `("cancel", [token, ...])`, `("free", [token, ...])` and, before it leaves,
`("bye",)`. It receives `("hello", PROTOCOL, pid)` or `("refused", reason)`; then `("reports",
[report, ...])`, at first of all jobs and later of those that changed; and for each submit one
`("taken", [reason or None, ...])`. An order is a tuple of `ORDER_FIELDS`, a report one of
`records.FIELDS`.
"""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 1

ORDER_FIELDS = (
    "token",
    "argv",
    "environment",
    "directory",
    "stdin",
    "stdout",
    "stderr",
    "join",
    "capture",
    "cores",
    "memory",
    "memory_limit",
    "walltime",
    "streams",
)

_MARSHAL = 4  # the format that every supported Python reads and writes
_LENGTH = 4


def pack(message: tuple[Any, ...]) -> bytes:
    """A message as it goes over the socket."""
    body = marshal.dumps(message, _MARSHAL)
    return len(body).to_bytes(_LENGTH, "little") + body


class Unpacker:
    """Cuts a stream of bytes into the messages that it holds."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[tuple[Any, ...]]:
        """The messages that `data` completes."""
        self._data += data
        messages = []
        at = 0
        while len(self._data) - at >= _LENGTH:
            end = at + _LENGTH + int.from_bytes(self._data[at : at + _LENGTH], "little")
            if end > len(self._data):
                break
            messages.append(marshal.loads(memoryview(self._data)[at + _LENGTH : end]))
            at = end
        del self._data[:at]
        return messages
