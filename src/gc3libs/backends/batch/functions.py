"""Jobs of Python functions, as a resource's machines can run them."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import msgspec

from gc3libs import _runner
from gc3libs.backends.base import JobSpec

_HERE = (sys.executable, "-P", str(Path(_runner.__file__)))
_NAME = ".gc3-runner.py"


def for_resource(job: JobSpec, python: str | None, *, is_local: bool) -> JobSpec:
    """The same job with the interpreter of a resource; one of another command as it is.

    To another machine, where nothing is installed, it takes along what calls the function.
    """
    if job.argv[:3] != _HERE:
        return job
    rest = job.argv[3:]
    if is_local:
        return msgspec.structs.replace(job, argv=(python or sys.executable, *_HERE[1:], *rest))
    return msgspec.structs.replace(
        job,
        argv=(python or "python3", _NAME, *rest),
        files=(*job.files, (_NAME, _text())),
    )


@cache
def _text() -> bytes:
    return Path(_runner.__file__).read_bytes()
