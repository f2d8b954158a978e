"""A workflow goes on where it was, wherever its engine was killed.

A *step* is any call of the store or the backend that changes something there; the engine is killed
right before it and right after it. What the store and the backend know is all that is left.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from gc3libs.engine import Engine
from gc3libs.model import State

from .killable import Killed, World


@pytest.fixture(scope="module")
def undisturbed() -> Any:
    """What comes of it without kills: the end, the starts, and the number of steps."""
    with World() as world:
        world.fate.steps = 0
        assert world.live()
        return world.end(), world.starts(), world.fate.steps


def test_the_undisturbed_workflow_does_what_it_should(undisturbed: Any) -> None:
    (tree, records), starts, steps = undisturbed
    begin, middle, end = tree["children"]
    stages, graph, sweep, tough, plain = middle["children"]
    assert (begin["returncode"], plain["returncode"]) == (0, 9 * 256)
    assert (stages["own"], stages["returncode"]) == (
        {"made": ["stage0", "stage1", "stage2", "stage3"]}, 17 * 256,
    )  # fmt: skip
    retried, inner = stages["children"][1:]
    assert (retried["children"][0]["attempts"], retried["returncode"]) == ([256, 256], 0)
    assert (inner["own"]["asked"], inner["returncode"]) == ([0, 1, 0, 1, 2, 3], 5 * 256)
    assert inner["children"][0]["own"] == {"note": "seen"}
    assert [each["returncode"] for each in sweep["children"]] == [0, 256, 0, 256, 0]
    assert (len(graph["children"]), graph["returncode"]) == (5, 70 * 256)
    assert (tough["own"]["ends"], tough["returncode"]) == ([6 * 256, 0], 0)
    assert end["own"]["ends"] == [256, 256, 256]
    assert set(starts.values()) == {1}
    assert records == count(tree)
    assert steps > 150


def count(tree: dict[str, Any]) -> int:
    return 1 + sum(count(each) for each in tree["children"])


@pytest.mark.parametrize("part", range(8))
def test_killed_at_any_step_it_ends_as_if_it_had_not_been(part: int, undisturbed: Any) -> None:
    end, starts, steps = undisturbed
    for step in range(1 + part, steps + 1, 8):
        with World() as world:
            assert not world.live(steps=step), step
            assert world.live(), step
            assert world.end() == end, step
            assert world.starts() == starts, step


@pytest.mark.parametrize("seed", range(10))
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(seed: int, undisturbed: Any) -> None:
    end, starts, _ = undisturbed
    rng = random.Random(seed)
    with World() as world:
        lives = next(n for n in itertools.count(1) if world.live(steps=rng.randint(5, 40)))
        assert lives > 3
        assert (world.end(), world.starts()) == (end, starts)


def test_a_workflow_that_was_told_to_end_does_so_after_a_kill() -> None:
    for step in range(1, 200):
        with World() as world:
            if ends_when_killed_at(world, step):
                assert step > 4
                return
            assert world.live(), step
            tree, records = world.end()
            assert_cancelled(tree)
            assert records == count(tree)
    pytest.fail("it never ended")


def ends_when_killed_at(world: World, step: int) -> bool:
    """Run for a while, then kill the workflow; the engine is killed so many steps later."""
    with world.store() as store:
        engine = Engine(world.backend(), store=store, clock=world.clock)
        top = store.load(world.top)
        engine.add(top)
        for _ in range(12):
            engine.progress()
            world.clock.sleep(0.5)
        assert top.tasks[1].execution.state is State.RUNNING
        engine.kill(top)
        engine.progress()
        world.fate.left = step
        try:
            engine.run()
            engine.close()
        except Killed:
            return False
        finally:
            world.fate.left = 0
        return True


def assert_cancelled(tree: dict[str, Any]) -> None:
    assert tree["state"] is State.TERMINATED
    assert tree["returncode"] == 65401
    for each in walk(tree):
        assert each["state"] is State.TERMINATED, each


def walk(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for each in tree["children"]:
        yield from walk(each)
