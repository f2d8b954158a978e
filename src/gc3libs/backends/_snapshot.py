"""Copying what a job has written so far, while it goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from gc3libs.backends._staging import climbs
from gc3libs.backends.base import FetchRequest

_ANYTHING = "*"


def snapshot(request: FetchRequest, directory: Path, *, changed_only: bool) -> None:
    """Copy the outputs that are there to their destination, over what was copied before.

    Each file is replaced as a whole. What is no file inside the job's directory is left out.

    Args:
        request: The outputs.
        directory: The job's.
        changed_only: Leave out files of the same size that are no older at the destination.

    Raises:
        OSError: Something cannot be copied; what came before is there.
    """
    if request.destination is None:
        return
    destination = Path(request.destination)
    home = directory.resolve()
    for remote, local in request.outputs:
        source = directory if remote == _ANYTHING else directory / remote
        inside = remote == _ANYTHING or not climbs(remote)
        if inside and source.exists() and source.resolve().is_relative_to(home):
            target = destination / local
            if local == "." and not source.is_dir():
                target = destination / source.name
            _refresh(source, target, changed_only=changed_only)


def _refresh(source: Path, target: Path, *, changed_only: bool) -> None:
    if source.is_dir():
        for entry in sorted(source.iterdir()):
            if not entry.is_symlink():
                _refresh(entry, target / entry.name, changed_only=changed_only)
    elif source.is_file() and not (changed_only and _is_current(source, target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name[:180]}.part")
        try:
            shutil.copy2(source, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _is_current(source: Path, target: Path) -> bool:
    try:
        old, new = target.stat(), source.stat()
    except FileNotFoundError:
        return False
    return old.st_size == new.st_size and old.st_mtime_ns >= new.st_mtime_ns
