"""Asking resources how they are."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from gc3libs._clock import SYSTEM
from gc3libs.backends.making import is_verified, make_backend
from gc3libs.cmdline._opening import slots_directory
from gc3libs.config import LocalResource
from gc3libs.engine.resource import UNLIMITED, Resource
from gc3libs.engine.slots import Holding, holdings
from gc3libs.exceptions import Error

PATIENCE = 30.0
"""Seconds that resources are given to answer, all at the same time."""


class Answer(msgspec.Struct, kw_only=True):
    """How a resource is.

    Attributes:
        resource: Which one.
        type: As in the configuration; `"local"` for this machine.
        host: Where its commands run.
        verified: Whether it was tried with such a system itself.
        answers: Whether it does; None: it was not asked.
        error: Why it does not; None if it does.
        facts: What it says of itself.
        cores, memory: How many, and how many bytes, jobs can have together; None: no limit.
        limits: Those that are configured, by key.
        holdings: Who has what of them.
    """

    resource: Resource
    type: str
    host: str
    verified: bool
    answers: bool | None = None
    error: str | None = None
    facts: Mapping[str, Any] = {}
    cores: int | None = None
    memory: int | None = None
    limits: Mapping[str, Any] = {}
    holdings: Sequence[Holding] = ()


def ask(resources: Iterable[Resource]) -> list[Answer]:
    """How resources are; those that are enabled are asked, all at the same time."""
    answers = [_unasked(each) for each in resources]
    with tempfile.TemporaryDirectory(prefix="gc3-") as directory:
        threads = [
            threading.Thread(target=_inquire, args=(each, Path(directory)), daemon=True)
            for each in answers
            if each.resource.enabled
        ]
        for thread in threads:
            thread.start()
        deadline = SYSTEM.monotonic() + PATIENCE
        for thread in threads:
            thread.join(max(0.0, deadline - SYSTEM.monotonic()))
    for answer in answers:
        if answer.resource.enabled and answer.answers is None:
            answer.answers = False
            answer.error = f"no answer within {PATIENCE:.0f} s"
    return answers


def _unasked(resource: Resource) -> Answer:
    settings = resource.settings
    here = isinstance(settings, LocalResource)
    return Answer(
        resource=resource,
        type="local" if here else resource.type,
        host=os.uname().nodename if resource.frontend == "localhost" else resource.frontend,
        verified=is_verified(settings),
        cores=_limited(resource.max_cores),
        memory=_limited(resource.max_memory.in_bytes()),
        limits=settings.limits(),
        holdings=holdings(slots_directory(resource)),
    )


def _limited(number: int) -> int | None:
    return None if number >= UNLIMITED else number


def _inquire(answer: Answer, directory: Path) -> None:
    resource = answer.resource
    try:
        backend = make_backend(resource.name, resource.settings, directory / resource.name)
        with closing(backend):
            facts = backend.describe()
    except (Error, OSError) as err:
        answer.answers, answer.error = False, " ".join(str(err).split())
    else:
        answer.facts = {name: value for name, value in facts.items() if name not in _INNER}
        answer.answers = True


_INNER = ("supervisor", "workdir", "verified", "host")
"""Facts that are said elsewhere, or concern nobody."""
