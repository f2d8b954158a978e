"""Bringing a job's outputs to their destination: no kill leaves half of them, or does it twice.

The common case is one rename: what was asked for is exactly what lies in the job's directory, which
then becomes the destination. Otherwise the outputs are assembled beside the other jobs', a note
says that this is complete, and then they go to the destination; each step can be repeated.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from gc3libs.backends._staging import climbs, copy_tree, may_pass, remove
from gc3libs.backends.base import Fetched, FetchRequest

_ANYTHING = "*"
_TAKEN = frozenset((errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR))


class _Note(msgspec.Struct):
    """What came of assembling one job's outputs."""

    missing: list[str]
    errors: list[str]


class Fetcher:
    """Fetches the outputs of jobs whose directories lie under one work directory."""

    def __init__(self, workdir: Path) -> None:
        self._jobs = workdir / "jobs"
        self._assembly = workdir / "outputs"
        self._notes = workdir / "fetched"

    def fetch(self, request: FetchRequest, *, left_files: bool) -> Fetched:
        """Fetch one job's outputs; `left_files` tells whether it left any when it ended.

        What could not be fetched stays where it is, so that it can be tried again.
        """
        if request.destination is None:
            return Fetched(token=request.token)
        try:
            return self._fetch(request, Path(os.path.normpath(request.destination)), left_files)
        except OSError as err:
            error = f"cannot fetch its outputs: {err}"
            return Fetched(token=request.token, error=error, may_pass=may_pass(err))

    def free(self, tokens: Collection[str]) -> None:
        """Remove what is left of fetching these jobs."""
        if not self._notes.exists() and not self._assembly.exists():
            return
        for token in tokens:
            remove(self._assembly / token)
            remove(self._assembly / f"{token}:files")
            remove(self._notes / f"{token}:copied")
            (self._notes / token).unlink(missing_ok=True)

    def _fetch(self, request: FetchRequest, destination: Path, left_files: bool) -> Fetched:
        source = self._jobs / request.token
        if not request.overwrite and _is_all(request.outputs, source):
            self._move(source, destination, request.token)
            return Fetched(token=request.token)
        if left_files and self._became(source, destination, request.token):
            self._finish_copy(destination, request.token)
            return Fetched(token=request.token)
        note = self._assembled(request, source)
        self._deliver_files(request)
        assembled = self._assembly / request.token
        if request.overwrite:
            _merge(assembled, destination)
        elif assembled.exists():
            self._move(assembled, destination, request.token)
        else:
            self._finish_copy(destination, request.token)
        error = "; ".join(note.errors) or None
        return Fetched(token=request.token, missing=tuple(note.missing), error=error)

    def _became(self, source: Path, destination: Path, token: str) -> bool:
        """Whether an earlier call, cut off later, made the job's directory the destination."""
        if source.exists() or (self._notes / token).exists():
            return False
        return os.path.lexists(destination) or (self._notes / f"{token}:copied").exists()

    # -- assembling

    def _assembled(self, request: FetchRequest, source: Path) -> _Note:
        """Move all outputs into one directory, unless that was done; the note is its proof."""
        path = self._notes / request.token
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Note)
        except FileNotFoundError:
            note = self._assemble(request, source)
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(path.name + ":new")
        beside.write_bytes(msgspec.json.encode(note))
        beside.rename(path)
        return note

    def _assemble(self, request: FetchRequest, source: Path) -> _Note:
        note = _Note([], [])
        target = self._assembly / request.token
        files = self._assembly / f"{request.token}:files"
        target.mkdir(parents=True, exist_ok=True)
        shared = _overlapping([remote for remote, _ in request.outputs])
        for number, (remote, local) in enumerate(request.outputs):
            if local.startswith("/"):
                place = files / str(number)
            elif local != "." and climbs(local):
                note.errors.append(f"{local!r} is not a name below the destination")
                continue
            else:
                place = target / local
            trouble = _take(source, remote, place, target, copy=remote in shared)
            if trouble == "missing":
                note.missing.append(remote)
            elif trouble:
                note.errors.append(trouble)
        return note

    # -- delivering

    def _deliver_files(self, request: FetchRequest) -> None:
        """Bring outputs with an absolute destination there."""
        files = self._assembly / f"{request.token}:files"
        if not files.exists():
            return
        for number, (_, local) in enumerate(request.outputs):
            if os.path.lexists(files / str(number)):
                _replace(files / str(number), Path(local))
        remove(files)

    def _move(self, source: Path, destination: Path, token: str) -> None:
        """Make `source` the destination; what stands there is kept under another name."""
        while True:
            try:
                source.rename(destination)
            except FileNotFoundError:
                if not source.exists() or destination.parent.exists():
                    raise
                destination.parent.mkdir(parents=True, exist_ok=True)
            except OSError as err:
                if err.errno == errno.EXDEV:
                    self._copy(source, destination, token)
                    return
                if err.errno not in _TAKEN or not os.path.lexists(destination):
                    raise
                _back_up(destination)
            else:
                return

    def _copy(self, source: Path, destination: Path, token: str) -> None:
        """To another file system: copy, rename the source in proof of it, then rename the copy."""
        beside = _beside(destination, token)
        remove(beside)
        try:
            copy_tree(source, beside)
        except OSError:
            remove(beside)  # it takes room that others may need
            raise
        self._notes.mkdir(exist_ok=True)
        source.rename(self._notes / f"{token}:copied")
        self._finish_copy(destination, token)

    def _finish_copy(self, destination: Path, token: str) -> None:
        beside = _beside(destination, token)
        copied = self._notes / f"{token}:copied"
        if copied.exists() and beside.exists():
            self._move(beside, destination, token)
        remove(copied)


def _is_all(outputs: tuple[tuple[str, str], ...], directory: Path) -> bool:
    """Whether these outputs are all that lies in the directory, under their names there."""
    if outputs == ((_ANYTHING, "."),):
        return directory.exists()
    wanted = {remote for remote, local in outputs if remote == local}
    if len(wanted) != len(outputs):
        return False
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name not in wanted or not entry.is_file(follow_symlinks=False):
                    return False
                wanted.remove(entry.name)
    except FileNotFoundError:
        return False
    return not wanted


def _overlapping(remotes: list[str]) -> set[str]:
    """Those outputs that another one needs as well, so that they must be copied."""
    paths = [(".",) if remote == _ANYTHING else Path(remote).parts for remote in remotes]
    shared = set()
    for i, one in enumerate(paths):
        for j, other in enumerate(paths):
            everything = (".",) in (one, other)
            if i != j and (everything or one == other[: len(one)] or other == one[: len(other)]):
                shared.add(remotes[i])
    return shared


def _take(directory: Path, remote: str, place: Path, target: Path, *, copy: bool) -> str:
    """Move or copy one output; returns `""`, `"missing"` or what is wrong.

    What is at its place was brought there by a call that was cut off. In `target`, where all
    outputs go, a file keeps its name, and a directory gives its contents.
    """
    if remote == _ANYTHING:
        return _take_contents(directory, place, copy=copy)
    if climbs(remote):
        return f"{remote!r} is not a name inside the job's directory"
    source = directory / remote
    try:
        real = source.resolve(strict=True)
    except OSError:
        return "" if os.path.lexists(_inside(place, source, target)) else "missing"
    if not real.is_relative_to(directory.resolve()):
        return f"{remote!r} leads out of the job's directory"
    if real.is_dir() and place.is_dir():
        return _take_contents(source, place, copy=copy)
    if not real.is_dir():
        place = _inside(place, source, target)
    _transfer(source if not source.is_symlink() else real, place, copy=copy or source.is_symlink())
    return ""


def _inside(place: Path, source: Path, target: Path) -> Path:
    return target / source.name if place == target else place


def _take_contents(directory: Path, place: Path, *, copy: bool) -> str:
    place.mkdir(parents=True, exist_ok=True)
    if directory.is_dir():
        for entry in sorted(directory.iterdir()):
            _transfer(entry, place / entry.name, copy=copy)
    return ""


def _transfer(source: Path, place: Path, *, copy: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        if place.is_dir() and not place.is_symlink():
            for entry in sorted(source.iterdir()):
                _transfer(entry, place / entry.name, copy=False)
            return
        source.replace(place)
    elif source.is_dir() and not source.is_symlink():
        copy_tree(source, place)
    else:
        beside = _beside(place, "copy")
        shutil.copy2(source, beside, follow_symlinks=False)
        beside.replace(place)


def _merge(source: Path, destination: Path) -> None:
    """Move all of a directory's files into another one, replacing those of the same names."""
    destination.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        return
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            _merge(entry, destination / entry.name)
        else:
            _replace(entry, destination / entry.name)
    source.rmdir()


def _replace(source: Path, target: Path) -> None:
    """Put a file or directory at `target` whole, in place of a file that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        _merge(source, target)
        return
    try:
        source.replace(target)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        beside = _beside(target, "part")
        shutil.copy2(source, beside, follow_symlinks=False)
        beside.replace(target)
        source.unlink()


def _beside(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name[:180]}.{mark}"[:250])


def _back_up(path: Path) -> None:
    """Rename what is there to `path.~N~`, N one more than the highest."""
    numbered = re.compile(re.escape(path.name) + r"\.~(\d+)~")
    taken = [
        int(match[1])
        for entry in path.parent.iterdir()
        if (match := numbered.fullmatch(entry.name))
    ]
    path.rename(path.with_name(f"{path.name}.~{max(taken, default=0) + 1}~"))
