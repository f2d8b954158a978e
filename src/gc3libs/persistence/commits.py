"""How files get into a `FilesystemStore`: a batch as a whole or not at all, synced if need be."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from gc3libs.exceptions import Conflict
from gc3libs.persistence.places import File, Place, children_place
from gc3libs.persistence.tree import COMMIT, NEW, Tree

_MOST_REMEMBERED = 100_000


class Commits:
    """Writes batches of files, and knows what is not synced yet. The caller holds the lock.

    Args:
        url: Of the store, for messages.

    Attributes:
        sync_needed: Something was written that a power failure may lose.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._unsynced: set[Place] = set()  # new, so that replacing them needs no care
        self.sync_needed = False

    def put(self, tree: Tree, files: Sequence[File], *, durable: bool) -> None:
        """Write files so that all of them are there or none, even if this process is killed.

        Raises:
            Conflict: A new one's place is taken. Nothing was written.
        """
        if not files:
            return
        self._prepare(tree, files, durable=durable)
        source = NEW
        if len(files) > 1:
            tree.commit_new()
            source = COMMIT
        for file in files:
            self._place(tree, source, file)
        if source == COMMIT:
            tree.end_commit()
        if not durable:
            self._note_unsynced(files)
        elif self.sync_needed:
            self.sync(tree)
        else:
            tree.sync_places({file.place[0] for file in files})

    def _prepare(self, tree: Tree, files: Sequence[File], *, durable: bool) -> None:
        """Write files into `new`; synced if they replace what a power failure cannot harm."""
        try:
            for file in files:
                tree.write_new(file.temporary, file.data)
                if file.kind == "append":
                    tree.reserve(file.place, len(file.data))
            if durable or any(self._has_to_last(file) for file in files):
                tree.sync_new([file.temporary for file in files])
        except BaseException:
            with contextlib.suppress(OSError):
                tree.discard_new()
            raise

    def _has_to_last(self, file: File) -> bool:
        return file.kind != "new" and file.place not in self._unsynced

    def _place(self, tree: Tree, source: str, file: File) -> None:
        try:
            tree.place(source, file.temporary, durable=self._has_to_last(file))
        except FileExistsError:
            tree.remove((source, file.temporary))
            raise Conflict(file.name, self._url) from None

    def _note_unsynced(self, files: Sequence[File]) -> None:
        self.sync_needed = True
        for file in files:
            if file.kind == "new":
                self._unsynced.update((file.place, children_place(file.name)))
        if len(self._unsynced) > _MOST_REMEMBERED:
            self._unsynced.clear()

    def sync(self, tree: Tree) -> None:
        """Make everything survive a power failure."""
        tree.sync_all()
        self._unsynced.clear()
        self.sync_needed = False

    def forget(self) -> None:
        """In a process made by fork: take nothing for new."""
        self._unsynced.clear()
