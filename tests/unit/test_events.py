import logging

import pytest

from gc3libs.events import PollFailed, Publisher, Signal, TaskEvent, TaskLost


def lost(reason="gone"):
    return TaskLost(task="Task.1", reason=reason, time=0.0)


def test_listeners_get_what_they_asked_for():
    publisher, everything, tasks = Publisher(), [], []
    publisher.subscribe(everything.append)
    publisher.subscribe(tasks.append, TaskEvent)
    poll = PollFailed(backend="local", error="no answer", time=1.0)
    publisher.publish(poll)
    publisher.publish(lost())
    assert everything == [poll, lost()]
    assert tasks == [lost()]


def test_nobody_asked():
    publisher = Publisher()
    assert not publisher.wants(TaskLost)
    stop = publisher.subscribe(lambda event: None, TaskEvent)
    assert publisher.wants(TaskLost)
    assert not publisher.wants(PollFailed)
    stop()
    stop()
    assert not publisher.wants(TaskLost)


def test_a_listener_that_raises_harms_nobody(caplog):
    publisher, seen = Publisher(), []
    publisher.subscribe(lambda event: 1 / 0)
    publisher.subscribe(seen.append)
    with caplog.at_level(logging.ERROR, "gc3libs.events"):
        publisher.publish(lost())
    assert seen == [lost()]
    assert "ZeroDivisionError" in caplog.text


def test_a_listener_may_unsubscribe_while_it_is_told():
    publisher, seen = Publisher(), []
    stop = publisher.subscribe(lambda event: (seen.append(1), stop()))
    publisher.subscribe(lambda event: seen.append(2))
    publisher.publish(lost())
    publisher.publish(lost())
    assert seen == [1, 2, 2]


def test_events_do_not_change():
    with pytest.raises(AttributeError):
        lost().reason = "found"


def test_signals(caplog):
    signal, seen = Signal("test"), []
    signal.connect(lambda sender, **keywords: 1 / 0)
    receiver = signal.connect(lambda sender, **keywords: seen.append((sender, keywords)))
    signal.connect(lambda sender: seen.append("only for me"), sender="me")
    with caplog.at_level(logging.ERROR, "gc3libs.events"):
        signal.send("you", a=1)
    signal.disconnect(receiver)
    signal.disconnect(receiver)
    signal.send("me")
    assert seen == [("you", {"a": 1}), "only for me"]
    assert "a receiver of test failed" in caplog.text
