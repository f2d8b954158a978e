"""Bringing jobs' inputs to the host, and their outputs back, and removing what they leave."""

from __future__ import annotations

import contextlib
import os
import posixpath
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shlex import quote

from gc3libs.backends import _staging as staging
from gc3libs.backends._fetching import Fetcher
from gc3libs.backends.base import Fetched, FetchRequest, JobRefused, JobSpec
from gc3libs.backends.transport.base import Transport
from gc3libs.exceptions import RecoverableError, UnrecoverableError

_REMOVERS = 8

_PORTION = 200  # jobs to a command; its text stays far below what a system takes


class Files(ABC):
    """The files of a backend's jobs."""

    @abstractmethod
    def stage(self, jobs: Sequence[JobSpec]) -> dict[str, JobRefused]:
        """Make jobs' directories, with their inputs; gives those that cannot be.

        Raises:
            RecoverableError: There is no room, or the host cannot be reached.
        """

    @abstractmethod
    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring the outputs of jobs to where they are wanted."""

    @abstractmethod
    def remove(self, tokens: Collection[str]) -> None:
        """Remove jobs' directories and logs."""

    @abstractmethod
    def forget(self, tokens: Collection[str]) -> None:
        """Remove what fetching has left."""


class LocalFiles(Files):
    """The cluster sees this machine's files."""

    def __init__(self, workdir: Path) -> None:
        self._jobs = workdir / "jobs"
        self._logs = workdir / "logs"
        self._fetcher = Fetcher(workdir)

    def stage(self, jobs: Sequence[JobSpec]) -> dict[str, JobRefused]:
        """Make jobs' directories, with their inputs; gives those that cannot be."""
        refused = {}
        for job in jobs:
            directory = self._jobs / job.token
            try:
                self._stage(job, directory)
                for place in _stream_directories(job):
                    (directory / place).mkdir(parents=True, exist_ok=True)
            except JobRefused as refusal:
                refused[job.token] = refusal
        return refused

    @staticmethod
    def _stage(job: JobSpec, directory: Path) -> None:
        try:
            staging.stage(job, directory)
        except FileExistsError:  # of an attempt to submit it that was cut off
            staging.remove(directory)
            staging.stage(job, directory)

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring the outputs of jobs to where they are wanted."""
        return [self._fetcher.fetch(request, left_files=True) for request in requests]

    def remove(self, tokens: Collection[str]) -> None:
        """Remove jobs' directories and logs: several at once, since removing is mostly waiting."""
        with ThreadPoolExecutor(min(_REMOVERS, len(tokens) or 1)) as pool:
            list(pool.map(self._remove, tokens))

    def _remove(self, token: str) -> None:
        staging.remove(self._jobs / token)
        for end in ("out", "err"):
            (self._logs / f"{token}.{end}").unlink(missing_ok=True)

    def forget(self, tokens: Collection[str]) -> None:
        """Remove what fetching has left."""
        self._fetcher.free(tokens)


class RemoteFiles(Files):
    """The cluster's files are reached through a transport.

    Outputs are brought to `workdir/jobs` first; a note in `workdir/brought` says that all of a
    job's are there, so that a call that was cut off later goes on from there.
    """

    def __init__(self, transport: Transport, root: str, workdir: Path) -> None:
        self._transport = transport
        self._root = root
        self._jobs = workdir / "jobs"
        self._brought = workdir / "brought"
        self._fetcher = Fetcher(workdir)

    def stage(self, jobs: Sequence[JobSpec]) -> dict[str, JobRefused]:
        """Make jobs' directories, with their inputs; gives those that cannot be."""
        refused: dict[str, JobRefused] = {}
        copies: dict[str, list[tuple[str, str]]] = {}
        for job in jobs:
            try:
                copies[job.token] = list(self._copies(job))
            except JobRefused as refusal:
                refused[job.token] = refusal
        taken = [job for job in jobs if job.token in copies]
        self._make_directories(taken)
        self._put(copies, refused)
        files = [
            (f"{self._root}/jobs/{job.token}/{name}", content, _mode(job, name))
            for job in taken
            for name, content in job.files
        ]
        if files:
            self._transport.write(files)
        self._make_executable([job for job in taken if job.token not in refused])
        return refused

    def _put(
        self, copies: dict[str, list[tuple[str, str]]], refused: dict[str, JobRefused]
    ) -> None:
        """Copy all inputs at once; only if something is wrong with one, job by job."""
        try:
            self._transport.put([pair for pairs in copies.values() for pair in pairs])
        except RecoverableError:
            raise
        except (UnrecoverableError, OSError):
            for token, pairs in copies.items():
                try:
                    self._transport.put(pairs)
                except RecoverableError:
                    raise
                except (UnrecoverableError, OSError) as err:
                    refused[token] = JobRefused(token, f"its inputs cannot be copied: {err}")

    def _copies(self, job: JobSpec) -> Iterable[tuple[str, str]]:
        """Pairs (path here, path there)."""
        place = f"{self._root}/jobs/{job.token}"
        names = {name for name, _ in job.files}
        for source, name in job.inputs:
            path = staging.local_path(job, source)
            if not path.exists():
                raise JobRefused(job.token, f"its input {str(path)!r} does not exist")
            names.add(name)
            yield str(path), posixpath.normpath(f"{place}/{name}")
        if job.stdin is not None and job.stdin not in names:
            raise JobRefused(job.token, f"its standard input {job.stdin!r} is not among its inputs")

    def _make_directories(self, jobs: Sequence[JobSpec]) -> None:
        for start in range(0, len(jobs), _PORTION):
            paths = []
            for job in jobs[start : start + _PORTION]:
                paths += [f"jobs/{job.token}/{place}" for place in (".", *_stream_directories(job))]
            self._run(f"cd {quote(self._root)} && mkdir -p {' '.join(map(quote, paths))}")

    def _make_executable(self, jobs: Sequence[JobSpec]) -> None:
        """Let those commands that lie in jobs' directories be run."""
        paths = [f"jobs/{job.token}/{job.executable}" for job in jobs if job.executable]
        for start in range(0, len(paths), _PORTION):
            words = " ".join(map(quote, paths[start : start + _PORTION]))
            self._run(f"cd {quote(self._root)} && chmod -f u+x {words}; exit 0")

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring the outputs of jobs to where they are wanted."""
        wanted = [each for each in requests if each.destination is not None]
        errors = self._bring([each for each in wanted if not (self._brought / each.token).exists()])
        fetched = []
        for request in requests:
            if request.token in errors:
                reason = f"cannot fetch its outputs: {errors[request.token]}"
                fetched.append(Fetched(token=request.token, error=reason))
            else:
                fetched.append(self._fetcher.fetch(request, left_files=True))
        return fetched

    def _bring(self, requests: Sequence[FetchRequest]) -> dict[str, Exception]:
        """Copy all outputs at once; only if something is wrong with one, job by job."""
        errors: dict[str, Exception] = {}
        try:
            self._get(requests)
        except RecoverableError:
            raise
        except (UnrecoverableError, OSError):
            for request in requests:
                try:
                    self._get([request])
                except RecoverableError:
                    raise
                except (UnrecoverableError, OSError) as err:
                    errors[request.token] = err
        self._brought.mkdir(parents=True, exist_ok=True)
        for request in requests:
            if request.token not in errors:
                (self._brought / request.token).touch()
        return errors

    def _get(self, requests: Sequence[FetchRequest]) -> None:
        pairs: list[tuple[str, str]] = []
        for request in requests:
            there, here = f"{self._root}/jobs/{request.token}", self._jobs / request.token
            here.mkdir(parents=True, exist_ok=True)
            if any(name == "*" for name, _ in request.outputs):
                pairs.append((there, str(here)))
                continue
            names = [name for name, _ in request.outputs if not staging.climbs(name)]
            pairs += [(f"{there}/{name}", str(here / name)) for name in names]
        self._transport.get(pairs)

    def remove(self, tokens: Collection[str]) -> None:
        """Remove jobs' directories and logs: their names now, the files themselves in a while."""
        listed = list(tokens)
        for start in range(0, len(listed), _PORTION):
            portion = listed[start : start + _PORTION]
            jobs = " ".join(quote(f"jobs/{token}") for token in portion)
            logs = " ".join(quote(f"logs/{t}.{end}") for t in portion for end in ("out", "err"))
            trash = f"trash/{secrets.token_hex(6)}"
            gone = "rm -rf trash/* || { chmod -R u+rwx trash; rm -rf trash/*; }"
            self._run(
                f"cd {quote(self._root)} && mkdir -p {trash} || exit\nchmod -f u+rwx {jobs}\n"
                f"mv {jobs} {trash}/ 2>/dev/null\nrm -f {logs}\n"
                f"{{ {gone}; }} </dev/null >/dev/null 2>&1 &"
            )

    def forget(self, tokens: Collection[str]) -> None:
        """Remove what fetching has left."""
        self._fetcher.free(tokens)
        for token in tokens:
            staging.remove(self._jobs / token)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (self._brought / token).unlink()

    def _run(self, command: str) -> None:
        done = self._transport.run(command)
        if done.exitcode != 0:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise RecoverableError(f"{self._transport.host}: {said or 'a command has failed'}")


def _stream_directories(job: JobSpec) -> list[str]:
    """Directories, inside of the job's, that its declared streams lie in."""
    names = {os.path.dirname(name) for name in (job.stdout, job.stderr) if name}  # noqa: PTH120
    return sorted(names - {""})


def _mode(job: JobSpec, name: str) -> int:
    return 0o755 if name == job.executable else 0o644
