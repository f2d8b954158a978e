"""What processes tell each other through files: requests, and how far a run is."""

from __future__ import annotations

import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gc3libs.cmdline import _published
from gc3libs.cmdline._figures import Progress
from gc3libs.cmdline._published import Publisher, published
from gc3libs.cmdline._requests import FORMAT, Queue, Request


def test_requests_are_taken_in_order_and_once(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path))
    assert (bool(queue), list(queue.take())) == (False, [])
    for number in range(3):
        queue.put(Request(verb="hold", ids=(f"Task.{number}",)))
    assert [request.ids[0] for request in queue.take()] == ["Task.0", "Task.1", "Task.2"]
    assert list(queue.take()) == []
    assert list(tmp_path.iterdir()) == []


def test_requests_are_left_while_others_are_taken(tmp_path: Path) -> None:
    """Whoever takes the last one removes the directory."""
    queue = Queue(str(tmp_path))
    wanted = [(f"Task.{number}",) for number in range(1000)]
    taken: list[tuple[str, ...]] = []

    def leave() -> None:
        for ids in wanted:
            queue.put(Request(verb="hold", ids=ids))

    with ThreadPoolExecutor(1) as other:
        leaving = other.submit(leave)
        while not leaving.done():
            taken += [request.ids for request in queue.take()]
        leaving.result()
    taken += [request.ids for request in queue.take()]
    assert taken == wanted


def test_a_request_that_was_not_carried_out_stays(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path))
    queue.put(Request(verb="hold"))
    taken = queue.take()
    assert next(taken).verb == "hold"
    taken.close()  # type: ignore[attr-defined]
    assert [request.verb for request in queue.take()] == ["hold"]


def test_what_cannot_be_read_is_put_aside_and_what_is_newer_waits(
    tmp_path: Path, caplog: Any
) -> None:
    queue = Queue(str(tmp_path))
    queue.put(Request(verb="hold", format=FORMAT + 1))
    (newer,) = (tmp_path / "requests").iterdir()
    (tmp_path / "requests" / "0.json").write_text("no JSON")
    with caplog.at_level(logging.WARNING):
        assert list(queue.take()) == []
    assert "cannot be read" in caplog.text
    assert "later version" in caplog.text
    assert {each.name for each in newer.parent.iterdir()} == {newer.name, "0.bad"}


def test_how_far_a_run_is_can_be_seen_while_it_is_fresh(tmp_path: Path) -> None:
    publisher = Publisher(str(tmp_path))
    assert published(tmp_path) is None
    publisher.update(Progress(total=4, done=1, waiting=3))
    found = published(tmp_path)
    assert found is not None
    assert (found.progress.done, found.estimate) == (1, None)
    file = tmp_path / "progress.json"
    file.write_text(file.read_text().replace('"time":', '"time":0,"was":', 1))
    assert published(tmp_path) is None
    file.write_text("{")
    assert published(tmp_path) is None
    publisher.close()
    publisher.close()
    assert os.listdir(tmp_path) == []


def test_an_estimate_without_an_upper_limit_survives() -> None:
    progress = Progress(total=1)
    found = _published.Published(time=0.0, progress=progress, rate=1.0, left=2.0, low=1.0)
    assert found.estimate is not None
    assert math.isinf(found.estimate.high)
