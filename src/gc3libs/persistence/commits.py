"""How files get into a `FilesystemStore`: a batch as a whole or not at all, synced if need be."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence

from gc3libs.exceptions import Conflict
from gc3libs.persistence.places import File, Place, children_place
from gc3libs.persistence.state_file import UNKNOWN, Mark
from gc3libs.persistence.tree import COMMIT, NEW, Tree

_MOST_REMEMBERED = 100_000


class Commits:
    """Writes batches of files, and knows what is not synced yet. The caller holds the lock.

    Args:
        url: Of the store, for messages.

    Attributes:
        wrote: Something was written here that a power failure may lose.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._writer = secrets.token_hex(8)
        self._mark = UNKNOWN
        self._state = -1
        self._unsynced: set[Place] = set()  # new, so that replacing them needs no care
        self._refused: dict[Place, str] = {}
        self.wrote = False

    def begin(self, tree: Tree, state: int) -> None:
        """The lock was taken; `state` is the state file's descriptor."""
        self._state = state
        self._mark = tree.mark(state)
        if self._mark.writer != self._writer:
            self._unsynced.clear()
        tree.recover()
        if self._refused:
            self._take_back(tree)

    def announce(self, tree: Tree, *, durable: bool) -> None:
        """Have other writers know what is about to happen."""
        self._leave_mark(tree, synced=self._mark.synced and durable)
        self.wrote |= not durable

    def _leave_mark(self, tree: Tree, *, synced: bool) -> None:
        mark = Mark(self._writer, synced)
        if mark != self._mark:
            tree.set_mark(self._state, mark)
            self._mark = mark

    def put(self, tree: Tree, files: Sequence[File], *, durable: bool) -> None:
        """Write files so that all of them are there or none, even if this process is killed.

        Raises:
            Conflict: A new one's place is taken. Nothing was written.
        """
        if not files:
            return
        self._prepare(tree, files, durable=durable)
        self.announce(tree, durable=durable)
        if len(files) == 1:
            self._place(tree, NEW, files[0])
        else:
            tree.commit_new()
            self._place_all(tree, files)
        self._refused.clear()
        if not durable:
            self._note_unsynced(files)
        elif not self._mark.synced:
            self.sync(tree)
        else:
            tree.sync_places({file.place[0] for file in files})

    def _prepare(self, tree: Tree, files: Sequence[File], *, durable: bool) -> None:
        """Write files into `new`; synced if they replace what a power failure cannot harm."""
        try:
            for file in files:
                tree.write_new(file.temporary, file.data)
                tree.directory(file.place[0], make=True)
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

    def _place_all(self, tree: Tree, files: Sequence[File]) -> None:
        """Move a batch to its places; whoever takes the lock next goes on where this fails."""
        try:
            try:
                for file in files:
                    self._place(tree, COMMIT, file)
                tree.end_commit()
            except OSError:
                tree.finish_commit()
        except BaseException:
            self._refused = {file.place: file.kind for file in files}
            raise

    def _take_back(self, tree: Tree) -> None:
        """Remove what is new of a batch of which the caller was told that it failed."""
        for place, kind in self._refused.items():
            if kind == "new":
                tree.remove(place)
        self._refused = {place: kind for place, kind in self._refused.items() if kind != "new"}

    def was_refused(self, place: Place) -> bool:
        """Whether what is there came there after the caller was told that it could not."""
        return place in self._refused

    def _note_unsynced(self, files: Sequence[File]) -> None:
        for file in files:
            if file.kind == "new":
                self._unsynced.update((file.place, children_place(file.name)))
        if len(self._unsynced) > _MOST_REMEMBERED:
            self._unsynced.clear()

    def sync(self, tree: Tree) -> None:
        """Make everything survive a power failure, whoever wrote it."""
        if not self._mark.synced:
            tree.sync_all()
            self._leave_mark(tree, synced=True)
        self._unsynced.clear()
        self.wrote = False

    def forget(self) -> None:
        """In a process made by fork: be another writer."""
        self._writer = secrets.token_hex(8)
        self._unsynced.clear()
        self._refused.clear()
        self.wrote = False
