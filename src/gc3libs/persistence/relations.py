"""Who owns whom in a `FilesystemStore`: a file for each owner, to which children are added.

A child leaves a relation when it is removed from the store, of which a file `removed` beside the
owners' tells. One whose record is lost stays, so that it is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gc3libs.persistence import frame
from gc3libs.persistence.frame import Damaged
from gc3libs.persistence.places import (
    CHILDREN,
    File,
    bucket_of,
    children_place,
    record_place,
    removed_place,
)
from gc3libs.persistence.tree import NotAFile, Tree

_MOST_REMEMBERED = 10_000


class Relations:
    """Reads relations, and knows what is to be written to change them."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, int]] = {}

    def children(self, tree: Tree, id_: str) -> list[str]:
        """What an object owns, without what was removed since.

        Raises:
            Damaged, NotAFile: The file cannot be used.
        """
        return self._read(tree, id_)[0]

    def _read(self, tree: Tree, id_: str) -> tuple[list[str], int]:
        """The children, and the length of the list."""
        content = tree.read(children_place(id_))
        if content is None:
            if _should_own(tree, id_):
                raise Damaged("the list of what it owns is gone")
            return [], 0
        parts, size = frame.unpack_list(content)
        listed = [child for part in parts for child in part.decode().split()]
        return _without_removed(tree, listed), size

    def change(self, tree: Tree, id_: str, start: int, children: Sequence[str]) -> File:
        """The file to write so that `children` follow the first `start` ones that there are.

        Raises:
            Damaged, NotAFile: What is there cannot be used.
        """
        text = "\n".join(children).encode()
        stay: list[str] = []
        if start:
            size, count = self._end(tree, id_)
            if size and start >= count:
                addition = frame.pack_bytes(text)
                self._note(id_, size + len(addition), count + len(children))
                return File("append", id_, frame.pack_addition(size, addition))
            stay = self.children(tree, id_)[:start]
        listed = frame.pack_bytes("\n".join([*stay, *children]).encode())
        size = frame.LIST_HEAD + len(listed)
        self._note(id_, size, len(stay) + len(children))
        return File("children", id_, frame.list_head(size) + listed)

    def _end(self, tree: Tree, id_: str) -> tuple[int, int]:
        """The length of an owner's file, and of how many children at most it tells."""
        known = self._ends.get(id_)
        if known is not None and known[0] == tree.size(children_place(id_)):
            return known
        listed, size = self._read(tree, id_)
        return size, len(listed)

    def _note(self, id_: str, size: int, count: int) -> None:
        if len(self._ends) >= _MOST_REMEMBERED:
            self._ends.clear()
        self._ends[id_] = size, count


def _should_own(tree: Tree, id_: str) -> bool:
    """Whether an object's record says that there is a list of what it owns.

    One that is damaged says nothing: who loads it will hear of that.
    """
    try:
        head = tree.read(record_place(id_), frame.HEADER_SIZE)
        return head is not None and bool(frame.unpack_header(head).owns)
    except (Damaged, NotAFile):
        return False


def note_removed(tree: Tree, ids: Iterable[str], *, durable: bool) -> None:
    """Have these leave all relations, once their records are gone."""
    if not tree.exists(CHILDREN):
        return
    by_bucket = defaultdict(list)
    for id_ in ids:
        by_bucket[bucket_of(id_)].append(id_)
    for bucket, gone in by_bucket.items():
        place = removed_place(bucket)
        _, end = frame.unpack_parts(tree.read(place) or b"")
        tree.append(place, end, frame.pack_bytes("\n".join(gone).encode()), durable=durable)


def _without_removed(tree: Tree, listed: list[str]) -> list[str]:
    removed: set[str] = set()
    for bucket in {bucket_of(child) for child in listed}:
        content = tree.read(removed_place(bucket))
        if content is not None:
            removed.update(
                id_ for part in frame.unpack_parts(content)[0] for id_ in part.decode().split()
            )
    gone = {
        child for child in removed.intersection(listed) if tree.size(record_place(child)) is None
    }
    return [child for child in listed if child not in gone] if gone else listed
