"""What is remembered of a job, and how its lines in the journal read.

A line is a letter, the job's token and further words. The letters are also the job's states:

```
S token                                             about to start; on the disk before anything runs
T token boottime started directory stdout stderr    is being started
P token pid                                         runs
E token status ended cpu memory bound directory reason
R token reason                                      was never started, and will not be
L token directory reason                            was or may have been started; its end is unknown
F token                                             forget it
```

`boottime` is in seconds since the machine's start, `started` and `ended` are UTC seconds since the
epoch, `cpu` is seconds, `memory` bytes. A directory is relative to the work directory, `-` for
none. A stream is `>` if it is captured, `.` if it is discarded, `=` for stderr that goes where
stdout goes, and else `/` and the quoted name of a file in the job's directory.
"""

from __future__ import annotations

WAITING = "W"
ARMED = "S"
STARTING = "T"
RUNNING = "P"
ENDED = "E"
RETURNED = "R"
LOST = "L"
FORGOTTEN = "F"

UNFINISHED = frozenset((ARMED, STARTING, RUNNING))

FIELDS = (
    "token",
    "state",
    "status",
    "started",
    "ended",
    "cpu",
    "memory",
    "bound",
    "directory",
    "streams",
    "reason",
)


class Record:
    """One job's state, and what is known of its run so far."""

    __slots__ = (*FIELDS, "boottime", "pid")

    def __init__(self, token: str, state: str = WAITING, streams: str = "> >") -> None:
        self.token = token
        self.state = state
        self.status = 0
        self.started = 0.0
        self.ended = 0.0
        self.cpu = 0.0
        self.memory = 0
        self.bound = False
        self.directory = ""
        self.streams = streams
        self.reason = ""
        self.pid = 0
        self.boottime = 0.0

    def report(self) -> tuple[str, str, int, float, float, float, int, bool, str, str, str]:
        """The record as it goes to the engine: its `FIELDS`."""
        return (
            self.token,
            self.state,
            self.status,
            self.started,
            self.ended,
            self.cpu,
            self.memory,
            self.bound,
            self.directory,
            self.streams,
            self.reason,
        )

    def start_line(self) -> str:
        return (
            f"T {self.token} {self.boottime:.2f} {self.started} {self.directory or '-'}"
            f" {self.streams}\n"
        )

    def end_line(self) -> str:
        return (
            f"E {self.token} {self.status} {self.ended} {self.cpu} {self.memory}"
            f" {self.bound:d} {self.directory or '-'} {self.reason}\n"
        )

    def lost_line(self) -> str:
        return f"L {self.token} {self.directory or '-'} {self.reason}\n"

    def lines(self) -> str:
        """All that a journal must hold to know this much."""
        if self.state == WAITING:
            return ""
        if self.state == ARMED:
            return f"S {self.token}\n"
        if self.state == RETURNED:
            return f"R {self.token} {self.reason}\n"
        text = self.start_line()
        if self.pid:
            text += f"P {self.token} {self.pid}\n"
        if self.state == ENDED:
            text += self.end_line()
        if self.state == LOST:
            text += self.lost_line()
        return text


def apply(line: str, records: dict[str, Record]) -> None:
    """Bring `records` up to date with one line of a journal.

    Raises:
        ValueError: This is no line of a journal.
    """
    letter, _, rest = line.partition(" ")
    token, _, rest = rest.partition(" ")
    if not token:
        raise ValueError(line)
    if letter == FORGOTTEN:
        records.pop(token, None)
        return
    if letter == ARMED:
        records[token] = Record(token, ARMED)
        return
    record = records.get(token) or Record(token)
    if letter == STARTING:
        boottime, started, directory, streams = rest.split(" ", 3)
        record.boottime, record.started = float(boottime), float(started)
        record.directory, record.streams = ("" if directory == "-" else directory), streams
    elif letter == RUNNING:
        record.pid = int(rest)
    elif letter == ENDED:
        status, ended, cpu, memory, bound, directory, record.reason = rest.split(" ", 6)
        record.status, record.ended, record.cpu = int(status), float(ended), float(cpu)
        record.memory, record.bound = int(memory), bound == "1"
        record.directory = "" if directory == "-" else directory
    elif letter == LOST:
        directory, _, record.reason = rest.partition(" ")
        record.directory = "" if directory == "-" else directory
    elif letter == RETURNED:
        record.reason = rest
    else:
        raise ValueError(line)
    record.state = letter
    records[token] = record


def quote(name: str) -> str:
    """A file's name as one word of a line."""
    return name.replace("%", "%25").replace(" ", "%20").replace("\n", "%0A")


def unquote(word: str) -> str:
    """The name that `quote` made this word of."""
    return word.replace("%0A", "\n").replace("%20", " ").replace("%25", "%")
