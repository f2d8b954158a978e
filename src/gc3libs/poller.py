"""Looking at directories for files that have come, changed or gone, whenever one wants to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gc3libs.cmdline._watching import Inboxes
from gc3libs.exceptions import InvalidArgument
from gc3libs.url import Url

__all__ = ["FilePoller", "make_poller"]


class FilePoller:
    """Reports what has happened to the files of some directories, at all depths.

    A file counts once it has not changed for half a second, so that it is complete; one whose name
    begins with a dot does not count. For a script that stays, `SessionBasedDaemon` is the better
    choice: it calls a method for each event, and misses none while it is away.

    Args:
        *urls: Directories, as paths or `file` URLs.

    Raises:
        InvalidArgument: A URL is no directory of this machine.
    """

    def __init__(self, *urls: Any) -> None:
        self._watched: dict[str, Inboxes] = {}
        for each in urls:
            self.watch(each)

    def watch(self, url: Any) -> None:
        """Look at this directory, too; what is in it already will be reported as created."""
        path = _path(url)
        self._watched.setdefault(path, Inboxes([path]))

    def unwatch(self, url: Any) -> None:
        """Look at this directory no more."""
        self._watched.pop(_path(url), None)

    def get_new_events(self) -> Iterator[tuple[Url, str]]:
        """Files to which something has happened, each with `created`, `modified` or `deleted`."""
        for inboxes in self._watched.values():
            for event in inboxes.look():
                inboxes.settle(event)
                yield Url(event.path), event.kind


def make_poller(url: Any) -> FilePoller:
    """What looks at one directory."""
    return FilePoller(url)


def _path(url: Any) -> str:
    found = Url(url)
    if found.scheme != "file":
        raise InvalidArgument(f"{url} cannot be watched: it is no directory of this machine")
    return found.path
