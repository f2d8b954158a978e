"""Writes the stores in `v1`, as format 1 is.

Run once, when the format came into being; `test_stored_formats.py` reads what it wrote, for ever.
"""

import pathlib
import sys

from gc3libs.persistence.factory import make_store
from gc3libs.persistence.record import Guard, Record, Stamp, Summary

SESSION = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def records():
    """What the stores hold."""
    yield Record(
        summary=Summary(
            id="Application.1",
            cls="models:Application",
            session=SESSION,
            position=0,
            state="TERMINATED",
            returncode=0,
            jobname="naïve ☃",
            info="Terminated",
            resource="local",
            attempt=1,
            tags=("first", 'quoted "word"'),
            created=1700000000.25,
            changed=1700000100.5,
            started=1700000050.0,
            ended=1700000100.5,
            cpu_time=49.5,
            memory=104857600,
            digest="0f" * 32,
            parameters_json='{"beta": 0.1, "n": 3, "flag": true, "none": null, "word": "☃"}',
        ),
        revision=1,
        version=2,
        details=b"\x81\xa1a\x01",
        payload=bytes(range(256)),
    )
    yield Record(
        summary=Summary(
            id="Sequence.2",
            cls="models:Outer.Sequence",
            session=SESSION,
            position=1,
            leaf=False,
            state="RUNNING",
            held=True,
            created=1700000001.0,
            changed=1700000002.0,
        ),
        revision=1,
        payload=b"",
        children=["Application.1001", "Application.1"],
    )
    yield Record(
        summary=Summary(id="Application.1001", cls="models:Application", session=SESSION),
        revision=1,
        payload=b"payload",
    )


def fill(url):
    """Make one store."""
    with make_store(url) as store:
        store._reserve(1001)
        store._set_epoch(Guard(session=SESSION, epoch=7))
        store._write(
            list(records()),
            blobs={"Application.1/result": b"\x00result", "sha256/abc": b"shared"},
            stamp=Stamp(session=SESSION, value="stamp"),
            durable=True,
        )


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    fill(f"file:{target}/jobs")
    fill(f"sqlite:{target}/store.db")
