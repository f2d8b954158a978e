"""The shell text of a submission, and reading what it leaves behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from shlex import quote

import msgspec

from gc3libs.backends.base import JobSpec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_TIME = re.compile(r"(\d+)m([\d.]+)s")


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What surrounds each command at a site: shell text of the user's."""

    modules: tuple[str, ...] = ()
    prologue: str = ""
    epilogue: str = ""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a job has ended, as its script wrote it down.

    Attributes:
        why: `walltime`, `cancelled` or `ended` (somebody told its script to end); empty: by itself.
    """

    number: int
    signal: int | None
    exitcode: int | None
    why: str
    started: float
    ended: float
    cpu_time: float | None


def head(root: str, key: str, index: str) -> bytes:
    """The script that a batch system starts for each element of a submission.

    Args:
        root: Absolute path of the backend's directory on the host.
        key: Of the submission.
        index: Shell text of the element's number.
    """
    lines = (
        "#!/bin/sh",
        f"root={quote(root)} key={key} element={index}",
        _wrapper(),
        f'. "$root/batches/{key}/$element"',
        "finish",
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def element(root: str, numbered: Iterable[tuple[int, JobSpec]], site: Site, *, heed: bool) -> bytes:
    """What one element of a submission runs, in order.

    Args:
        heed: It looks for single jobs that are to be cancelled.
    """
    parts = ["heed\n"] if heed else []
    parts += [f"{_task(root, job, site)}{_run(root, number, job)}" for number, job in numbered]
    return "".join(parts).encode("utf-8", "surrogateescape")


@cache
def _wrapper() -> str:
    return Path(__file__).with_name("wrapper.sh").read_text()


def _task(root: str, job: JobSpec, site: Site) -> str:
    exports, others = _variables({"GC3_JOB": job.token, **job.environment})
    command = " ".join(map(quote, (*others, *job.argv)))
    lines = ["task() {", f"cd {quote(f'{root}/jobs/{job.token}')} || exit 66"]
    if site == Site():
        lines += [exports, f"exec $setsid {command}"]
    else:
        text = quote(_surrounded(exports, command, site))
        lines.append(f'exec $setsid /bin/sh -c {text} sh "$said"')
    return "\n".join((*lines, "}\n"))


def _surrounded(exports: str, command: str, site: Site) -> str:
    """A script of its own: a signal that ends the command ends the script, too, afterwards."""
    load = f"module load {' '.join(map(quote, site.modules))} || exit"
    lines = (
        "gc3_said=$1.command; trap gc3_woken=yes TERM",
        *((_FIND_MODULE, load) if site.modules else ()),
        site.prologue,
        exports,
        'exec 8>&2 2>"$gc3_said"',
        f"(exec 2>&8 8>&-; exec {command}) & gc3_pid=$!",
        'while gc3_woken=; wait $gc3_pid; gc3_status=$?; [ -n "$gc3_woken" ]; do :; done',
        '[ $gc3_status -gt 128 ] && [ -s "$gc3_said" ] && gc3_signal=$((gc3_status - 128))',
        "exec 2>&8 8>&-",
        site.epilogue,
        '[ -z "$gc3_signal" ] || { trap - TERM; kill -$gc3_signal $$; }',
        "exit $gc3_status",
    )
    return "\n".join(line for line in lines if line)


_FIND_MODULE = """\
for file in /etc/profile.d/modules.sh /etc/profile.d/lmod.sh /usr/share/modules/init/sh; do
    command -v module >/dev/null 2>&1 || [ ! -r "$file" ] || . "$file"
done"""


def _variables(environment: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Shell text that sets variables, and a command before the command for names it cannot set."""
    plain = {name: value for name, value in environment.items() if _NAME.match(name)}
    exports = "export " + " ".join(f"{name}={quote(value)}" for name, value in plain.items())
    others = [f"{name}={value}" for name, value in environment.items() if name not in plain]
    return exports, ["env", *others] if others else []


def _run(root: str, number: int, job: JobSpec) -> str:
    place = f"{root}/jobs/{job.token}"
    stdin = "/dev/null" if job.stdin is None else f"{place}/{job.stdin}"
    stdout = stream(root, job, "stdout")
    stderr = "=" if joins(job) else stream(root, job, "stderr")
    walltime = "-" if job.walltime is None else f"{job.walltime:.3f}".rstrip("0").rstrip(".")
    return f"run {number} {walltime} {quote(stdin)} {quote(stdout)} {quote(stderr)}\n"


def joins(job: JobSpec) -> bool:
    """Whether standard error goes where standard output goes."""
    return job.join or (job.stdout is not None and job.stdout == job.stderr)


def stream(root: str, job: JobSpec, name: str) -> str:
    """The file of `"stdout"` or `"stderr"`, on the host."""
    declared = job.stdout if name == "stdout" else job.stderr
    if declared is not None:
        return f"{root}/jobs/{job.token}/{declared}"
    return f"{root}/logs/{job.token}.{name[3:]}" if job.capture else os.devnull


class Records:
    """Reads the files in which scripts write down how jobs ended.

    A shell counts the processor time of all of its children together, so that the difference to
    the job before is what one has used; `Records` remembers it of each script.
    """

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def read(self, name: str, lines: Sequence[str]) -> list[End]:
        """What is in a file `SCRIPT-CHUNK`; a last record that is not whole is left out."""
        script = name.rpartition("-")[0]
        epoch, origin = map(_number, lines[0].split())
        ends = []
        for start in range(1, len(lines) - 2, 3):
            number, kind, code, why, started, ended = lines[start].split()
            used = sum(_seconds(time) for time in lines[start + 2].split())
            cpu_time = max(0.0, used - self._used.get(script, 0.0))
            self._used[script] = used
            ends.append(
                End(
                    number=int(number),
                    signal=int(code) if kind == "signal" else None,
                    exitcode=int(code) if kind == "exit" else None,
                    why="" if why == "-" else why,
                    started=epoch + float(started) - origin,
                    ended=epoch + float(ended) - origin,
                    cpu_time=cpu_time,
                )
            )
        return ends


def _number(text: str) -> float:
    """Seconds; where `date` knows no fractions, what stands for them is left out."""
    whole, _, fraction = text.partition(".")
    return float(f"{whole}.{fraction if fraction.isdigit() else 0}")


def _seconds(text: str) -> float:
    match = _TIME.fullmatch(text)
    return 60 * int(match[1]) + float(match[2]) if match else 0.0
