"""A run says which resources it uses, and which of them are set aside."""

from __future__ import annotations

import io

from rich.console import Console

from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.cmdline._canary import spread
from gc3libs.cmdline._figures import Progress, line
from gc3libs.cmdline._picture import Picture
from gc3libs.cmdline._published import published
from gc3libs.cmdline._watch import Watch
from gc3libs.config import SlurmResource
from gc3libs.engine import Engine
from gc3libs.engine.resource import Resource
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Application
from gc3libs.session import Session

NOTE = "hpc is set aside: no route to host"


def test_notes_are_shown_in_the_line_and_in_the_picture():
    progress = Progress(total=2, waiting=2, notes=(NOTE,))
    assert line("flu", progress, "1/s") == f"flu: 0 of 2 done, 2 waiting · 1/s · {NOTE}"
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(Picture("flu", "hpc", progress, "", ""))
    assert NOTE in console.file.getvalue()


class Down(ScriptedBackend):
    def describe(self):
        raise RecoverableError("no route to host")


def test_a_run_says_what_is_set_aside(tmp_path, capsys):
    with Session(tmp_path / "flu", store_or_url="sqlite") as session:
        session.add_many(Application(["job"], [], [], None, n=n) for n in range(2))
        backends = [
            ScriptedBackend(lambda job: Outcome(duration=0.0), name="here"),
            Down(name="hpc"),
        ]
        places = [
            Resource("here", backend=backends[0]),
            Resource("hpc", SlurmResource(), backends[1]),
        ]
        with session.lease() as lease:
            engine = Engine(places, store=session.store, guard=lease.guard)
            engine.feed(session.unfinished())
            watch = Watch(session, engine, quiet=False)
            engine.progress()
            watch.look()
            found = published(session.run_directory)
            engine.run()
            engine.close()
            watch.close()
        for backend in backends:
            backend.close()
    session.close()
    assert found.progress.notes == (NOTE,)
    assert found.progress.slots is None, "nobody knows how many a cluster has"
    assert NOTE in capsys.readouterr().err


def test_points_are_spread():
    grid = [{"x": x, "y": y, "name": "a"} for x in range(5) for y in range(5)]
    corners = {(0, 0), (0, 4), (4, 0), (4, 4)}
    assert {(grid[n]["x"], grid[n]["y"]) for n in spread(grid, 4)} == corners
    words = [{"kind": kind, "n": 0} for kind in "aaabbbccc"]
    assert {words[n]["kind"] for n in spread(words, 3)} == {"a", "b", "c"}
    assert sorted(spread(grid, 100)) == list(range(25))
    assert spread([], 3) == spread(grid, 0) == []
    assert len(spread([{}, {"x": 1}, {"x": None}, {"x": True}, {"x": float("nan")}], 5)) == 5
