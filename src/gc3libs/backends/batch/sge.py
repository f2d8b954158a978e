"""Grid Engine's commands, and what they print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from shlex import join, quote
from xml.etree import ElementTree

from gc3libs.backends.batch.scheduler import (
    Entry,
    Scheduler,
    Standing,
    Submission,
    Unreadable,
    key_in,
    refusal_in,
)
from gc3libs.backends.transport.base import Completed

_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?")
_UNFIT = re.compile(r"[^\w.+-]", re.ASCII)  # not everything can be in a job's name
_PASSING = re.compile(
    r"unable to contact|can't connect|cannot connect|got send error|timed? ?out|not running"
    r"|communication|commlib|job list.*max|maximum number of jobs|job rejected: only",
    re.IGNORECASE,
)
_GONE = "*'does not exist'*|*'has registered the job'*|*'already in deletion'*"
_FIGURE = re.compile(r"([\d.]+)([KMGT]?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_FAILURES = {
    "19": Standing.FAILED,  # its shepherd left no exit status
    "21": Standing.FAILED,  # in recognizing job
    "100": Standing.FINISHED,  # "assumedly after job": a signal ended it
}
"""`failed` of accounts: 0, or what went wrong; before 100 that is before the job's script ended."""


class GridEngine(Scheduler):
    """Grid Engine: Son of Grid Engine, Univa or Altair.

    Args:
        parallel_environment: Serves jobs of several cores.
    """

    title = "Grid Engine"
    index = "$((${SGE_TASK_ID#undefined} + 0 > 0 ? ${SGE_TASK_ID#undefined} - 1 : 0))"
    array_size = 1000

    def __init__(self, parallel_environment: str | None = None) -> None:
        self._environment = parallel_environment

    def submit(self, submission: Submission) -> str:
        """`qsub -terse`; the job's name ends with the key, since comments cannot be listed."""
        request = submission.request
        slots = request.cores * request.nodes
        words = ["qsub", "-terse", "-notify", "-r", "n", "-V", "-S", "/bin/sh", "-j", "y"]
        words += ["-N", _job_name(submission.name), "-wd", submission.directory]
        words += ["-o", f"{submission.log}{'.$TASK_ID' if submission.elements > 1 else ''}"]
        if submission.elements > 1:
            words += ["-t", f"1-{submission.elements}"]
        if slots > 1:
            words += ["-pe", self._environment or "smp", str(slots)]
        for name, value in _limits(submission):
            words += ["-l", f"{name}={value}"]
        for option, given in (("-q", request.queue), ("-P", request.account)):
            if given is not None:
                words += [option, given]
        return join([*words, *request.options, submission.script])

    def job_id(self, answer: Completed) -> str:
        """The number in front of an array's range: `12.1-5:1`."""
        line = answer.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        id_ = line.partition(".")[0]
        if not id_.isdigit():
            raise Unreadable(f"qsub printed {line!r} instead of a job ID")
        return id_

    def refusal(self, answer: Completed) -> str | None:
        """What `qsub` has printed, unless it is about reaching the master or a full queue."""
        return refusal_in(answer, _PASSING, "qsub: ")

    def status(self) -> str:
        """`qstat` with all jobs of this user, one entry an element; those that are over are not."""
        return 'qstat -xml -g d -u "$(id -un)"'

    def entries(self, output: bytes) -> list[Entry]:
        """One from each `job_list`."""
        try:
            root = ElementTree.fromstring(output.decode(errors="replace").strip())
        except ElementTree.ParseError as err:
            raise Unreadable(f"qstat printed no XML: {err}") from err
        return [entry for each in root.iter("job_list") for entry in _entries(each)]

    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """`qdel`; that a job is over already is no error."""
        words = [id_ if element is None else f"{id_}.{element + 1}" for id_, element in jobs]
        return (
            f"said=$(qdel {join(words)} 2>&1) || case $said in {_GONE}) ;;"
            ' *) echo "$said" >&2; exit 1 ;; esac'
        )

    def accounting(self, jobs: Sequence[str]) -> str | None:
        """`qacct` for one job after the other; those that it does not know yet are left out."""
        names = " ".join(map(quote, jobs))
        return f"command -v qacct >/dev/null && for job in {names}; do qacct -j $job; done; exit 0"

    def accounts(self, output: bytes) -> list[Entry]:
        """One from each block of lines `name value`; the lines between are `=====`."""
        text = output.decode(errors="replace")
        blocks = re.split(r"^=+$", text, flags=re.MULTILINE)
        return [_account(dict(_pairs(block))) for block in blocks if "jobnumber" in block]

    def version(self) -> str:
        """`qstat -help`, whose first line says it; after the master has answered."""
        return "qstat -u nobody >/dev/null && qstat -help | head -1"


def _job_name(name: str) -> str:
    clean = _UNFIT.sub("_", name)
    return clean if clean[0].isalpha() else f"j{clean}"


def _limits(submission: Submission) -> list[tuple[str, str]]:
    """Complexes with their values; what a site calls consumable is counted for each slot."""
    request = submission.request
    slots = request.cores * request.nodes
    limits = []
    if request.memory_limit is not None:
        limits.append(("h_vmem", f"{-(-request.memory_limit // slots >> 20)}M"))
    elif request.memory is not None:
        limits.append(("mem_free", f"{-(-request.memory // slots >> 20)}M"))
    if request.walltime is not None:
        limits.append(("h_rt", f"{request.walltime:.0f}"))
    if request.gpus:
        limits.append(("gpu", str(request.gpus)))
    return limits


def _entries(job: ElementTree.Element) -> Iterator[Entry]:
    """One, or one for each element of an array that waits."""
    number, name = job.findtext("JB_job_number"), job.findtext("JB_name") or ""
    if number is None:
        raise Unreadable("qstat printed a job without a number")
    state = job.findtext("state") or ""
    for element in _elements(job.findtext("tasks")):
        yield Entry(
            job=number,
            element=element,
            key=key_in(name),
            standing=Standing.RUNNING if set(state) & set("rtsSTR") else Standing.WAITING,
            reason=state,
        )


def _elements(tasks: str | None) -> Iterator[int | None]:
    """Of `3`, or `4-10:2,13`, where Grid Engine counts from 1; None: the job is no array's."""
    if tasks is None:
        yield None
        return
    for part in tasks.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise Unreadable(f"qstat printed {tasks!r} as the elements of an array")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        yield from range(first - 1, last, step)


def _pairs(block: str) -> Iterable[tuple[str, str]]:
    for line in block.splitlines():
        name, _, value = line.strip().partition(" ")
        yield name, value.strip()


def _account(fields: dict[str, str]) -> Entry:
    task = fields.get("taskid", "undefined")
    status = fields.get("exit_status", "").partition(" ")[0]
    failed = fields.get("failed", "0").split()
    code = int(status) if status.isdigit() else None
    standing = Standing.FINISHED
    if failed and failed[0] != "0":
        standing = _FAILURES.get(failed[0], Standing.FAILED)
    signalled = failed[:1] == ["100"] and code is not None and code > 128
    return Entry(
        job=fields["jobnumber"],
        element=int(task) - 1 if task.isdigit() else None,
        standing=standing,
        exitcode=None if signalled else code,
        signal=code - 128 if signalled and code is not None else None,
        reason=" ".join(failed) if failed[:1] != ["0"] else "finished",
        cpu_time=_number(fields.get("cpu", "")),
        max_memory=_peak(fields),
    )


def _number(text: str) -> float | None:
    """Of `12`, `0.005s` or `4.566KB`."""
    match = _FIGURE.match(text)
    return None if match is None else float(match[1]) * _UNITS[match[2]]


def _peak(fields: dict[str, str]) -> int | None:
    """Peak resident size in bytes; what is printed counts kB, whatever unit stands there."""
    value = _number(fields.get("ru_maxrss", ""))
    return None if not value else int(value * 1024)
