"""Putting IDs back to where they were in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def put_back(ids: Iterable[str], after: Mapping[str, str]) -> list[str]:
    """The IDs, with those of `after` behind the ones that they shall follow; "": at the beginning.

    What should follow something that is not there comes at the end.

    >>> put_back(["A.1", "A.4", "A.2", "A.3"], {"A.2": "A.1", "A.3": "A.2"})
    ['A.1', 'A.2', 'A.3', 'A.4']
    """
    followers: dict[str, list[str]] = {}
    for id_, before in after.items():
        followers.setdefault(before, []).append(id_)
    arranged: list[str] = []
    for id_ in ("", *(each for each in ids if each not in after)):
        waiting = [id_]
        while waiting:
            next_ = waiting.pop()
            arranged.append(next_)
            waiting += reversed(followers.pop(next_, ()))
    return [*arranged[1:], *(id_ for left in followers.values() for id_ in left)]
