"""What tasks own, at whatever level."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from gc3libs.persistence import Query, Store
from gc3libs.session._mirror import BATCH, chunks, is_id


def levels_below(store: Store, ids: Iterable[str], known: Collection[str]) -> Iterator[list[str]]:
    """IDs of children, then of theirs, and so on; each once, and none of `known`.

    Args:
        known: Asked only for IDs of children.
    """
    seen: set[str] = set()
    level: Iterable[str] = ids
    while True:
        below: list[str] = []
        for some in chunks(level, BATCH):
            owned = store.children_of(filter(is_id, some))
            for children in owned.values():
                new = [id_ for id_ in children if id_ not in seen and id_ not in known]
                seen.update(new)
                below += dict.fromkeys(new)
        if not below:
            return
        yield below
        level = below


def strays(store: Store, uuid: str, listed: Collection[str]) -> list[str]:
    """Objects that bear a session's name, and neither are in it nor below what is, by number.

    Of a collection only itself, not what it owns.
    """
    known = {id_ for level in levels_below(store, listed, listed) for id_ in level}
    found = dict.fromkeys(
        each.id
        for each in store.summaries(Query(session=uuid))
        if each.id not in listed and each.id not in known
    )
    owned = {id_ for level in levels_below(store, found, ()) for id_ in level}
    return [id_ for id_ in found if id_ not in owned]


def doomed(store: Store, ids: Collection[str], listed: Collection[str]) -> list[str]:
    """These tasks and what goes with them: all below them but what somebody else owns.

    Args:
        listed: The session's top-level tasks, which go only if they are among `ids`.
    """
    first = dict.fromkeys(ids)
    going = dict.fromkeys(id_ for level in levels_below(store, first, first) for id_ in level)
    if not going:
        return list(first)
    stays = [id_ for id_ in going if id_ in listed]
    for some in chunks(going, BATCH):
        for child, owners in store.owners_of(some).items():
            if any(owner not in going and owner not in first for owner in owners):
                stays.append(child)
    while stays:
        for id_ in stays:
            going.pop(id_, None)
        owned = store.children_of(stays)
        stays = [id_ for children in owned.values() for id_ in children if id_ in going]
    return [*first, *going]
