"""What lies on the host where a batch system's commands run: jobs' files, markers and records.

Everything is below one directory, `root`, which the cluster's machines see under the same path:
`jobs/TOKEN`, where a job runs; `logs/TOKEN.out` and `.err`, streams of which it said nothing;
`batches/KEY`, what a submission runs; `started/KEY.N`, start markers; `ended/KEY.ELEMENT.*`, how
jobs ended.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from shlex import quote

import msgspec

from gc3libs.backends._staging import climbs
from gc3libs.backends.transport.base import Completed, Transport
from gc3libs.exceptions import RecoverableError

_MARK = b"\n@@gc3@@ "
_CLAIM = """
cd {root}/started || exit 1
set -C
while read -r name; do
    if { echo claimed >"$name"; } 2>/dev/null; then echo "$name"
    elif read -r who rest <"$name" && [ "$who" = claimed ]; then echo "$name"; fi
done
exit 0"""
_RECORDS = """
cd {root}/ended || exit 1
xargs grep -s '' /dev/null
exit 0"""
_LAST_RECORDS = """
cd {root}/ended || exit 1
: >.look.$$ && rm .look.$$
while read -r name; do grep -s '' /dev/null "$name".* ".$name".*; done
exit 0"""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at one moment.

    Attributes:
        answer: Of the batch system's status command; None if it was not asked.
        started, ended: Names of start markers, and of records.
    """

    answer: Completed | None
    started: frozenset[str]
    ended: frozenset[str]


class Place:
    """The directory of one backend on a host.

    Raises, in all methods, `RecoverableError` when the host cannot be reached or does not do what
    it is told.
    """

    def __init__(self, transport: Transport, root: str) -> None:
        self.root = root
        self._transport = transport
        self._is_ready = False

    @property
    def host(self) -> str:
        """The name of the machine, for people."""
        return self._transport.host

    def prepare(self) -> None:
        """Make the directories."""
        if not self._is_ready:
            names = " ".join(("jobs", "logs", "batches", "started", "ended"))
            root = quote(self.root)
            self._do(f"(umask 077 && mkdir -p {root}) && cd {root} && mkdir -p {names}")
            self._is_ready = True

    def write(self, key: str, script: bytes, elements: Iterable[bytes]) -> str:
        """Write what a submission runs; gives the path of its script."""
        base = f"{self.root}/batches/{key}"
        files = [(f"{base}/{number}", text, 0o644) for number, text in enumerate(elements)]
        self._transport.write([*files, (f"{base}/script", script, 0o755)])
        return f"{base}/script"

    def submit(self, command: str) -> Completed:
        """Run a submission command.

        A `RecoverableError` leaves open whether it did anything.
        """
        return self._transport.run(f"cd {quote(self.root)} && {command}", timeout=120.0)

    def tell(self, command: str) -> None:
        """Have a command of the batch system done."""
        self._do(command)

    def ask(self, command: str) -> Completed:
        """Run a command of the batch system."""
        return self._transport.run(command)

    def look(self, status: str | None) -> View:
        """See what there is: one command, with that of the batch system in front, if it is given.

        What has ended when the batch system is asked has left its record when records are listed.
        """
        if status is None and self._transport.is_local:
            return self._look_here()
        parts = [] if status is None else [f"( {status}\n); printf '\\n@@gc3@@ %s\\n' $?"]
        parts += [f"cd {quote(self.root)}", "ls started && printf '\\n@@gc3@@ \\n' && ls ended"]
        done = self._transport.run("\n".join(parts))
        answer, output = None, done.stdout
        if status is not None:
            head, _, output = output.partition(_MARK)
            code, _, output = output.partition(b"\n")
            status_code = int(code) if code.isdigit() else 255
            answer = Completed(exitcode=status_code, stdout=head, stderr=done.stderr)
        if done.exitcode != 0:
            raise RecoverableError(f"{self.host}: cannot look at {self.root}: {_words(done)}")
        started, _, ended = output.partition(_MARK)
        return View(
            answer=answer,
            started=frozenset(started.decode().split()),
            ended=frozenset(ended.decode().split()),
        )

    def _look_here(self) -> View:
        try:
            started, ended = (os.listdir(f"{self.root}/{name}") for name in ("started", "ended"))  # noqa: PTH208
        except OSError as err:
            raise RecoverableError(f"cannot look at {self.root}: {err}") from err
        shown = frozenset(name for name in ended if not name.startswith("."))
        return View(answer=None, started=frozenset(started), ended=shown)

    def records(self, names: Collection[str]) -> dict[str, list[str]]:
        """The lines of records."""
        return self._lines(_RECORDS, names)

    def last_records(self, elements: Collection[str]) -> dict[str, list[str]]:
        """All that elements, by `KEY.ELEMENT`, have left, published or not; nothing stale."""
        found = self._lines(_LAST_RECORDS, elements)
        return {name.removeprefix("."): lines for name, lines in found.items()}

    def claim(self, markers: Collection[str]) -> set[str]:
        """Take start markers from jobs, so that they will never start; gives what could be had.

        What was taken before is given again.
        """
        if not markers:
            return set()
        return set(self._do(self._text(_CLAIM), _joined(markers)).stdout.decode().split())

    def wish(self, key: str, numbers: Iterable[int]) -> None:
        """Tell running scripts to end single jobs of theirs."""
        base = f"{self.root}/batches/{key}"
        self._transport.write([(f"{base}/cancel.{number}", b"", 0o644) for number in numbers])

    def read(self, path: str, offset: int, size: int | None) -> bytes:
        """A part of a file; empty if it is not there."""
        return self._transport.read(path, offset, size) or b""

    def remove_batches(self, keys: Collection[str]) -> None:
        """Remove what submissions have left: first what they run, so that nothing starts again.

        The files themselves go in a while.
        """
        for key in keys:
            markers = f"started/{key}.* ended/{key}.* ended/.{key}.*"
            gone = f"rm -rf trash/* {markers}"
            self._do(
                f"cd {quote(self.root)} && mkdir -p trash || exit\n"
                f"mv batches/{key} trash/ 2>/dev/null\n{{ {gone}; }} </dev/null >/dev/null 2>&1 &"
            )

    def _lines(self, text: str, names: Collection[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        if names:
            output = self._do(self._text(text), _joined(names)).stdout.decode(errors="replace")
            for line in output.splitlines():
                name, _, content = line.partition(":")
                found[name].append(content)
        return found

    def _text(self, text: str) -> str:
        return text.replace("{root}", quote(self.root))

    def _do(self, command: str, stdin: bytes = b"") -> Completed:
        done = self._transport.run(command, stdin)
        if done.exitcode != 0:
            raise RecoverableError(f"{self.host}: {_words(done)}")
        return done


def inside(root: str, token: str, name: str) -> str | None:
    """The path of a file of a job's directory; None if the name leads out of it."""
    return None if climbs(name) else f"{root}/jobs/{token}/{name}"


def names_in(records: Mapping[str, list[str]]) -> list[str]:
    """The names of records in the order in which they were written."""
    return sorted(records, key=lambda name: (name.rpartition("-")[0], int(name.rpartition("-")[2])))


def _joined(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _words(done: Completed) -> str:
    """What a command that failed has said."""
    lines = done.stderr.decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[0] if said else f"exit status {done.exitcode}"
