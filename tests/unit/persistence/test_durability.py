"""What has to reach the disk does, and at no greater cost than necessary."""

import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from gc3libs.persistence.factory import make_store
from gc3libs.testing._stores import record_of

def step(name):
    os.access(f"/step/{name}", os.F_OK)

store = make_store(sys.argv[1])
number = store._reserve(1000)
store._write([record_of(number)], durable=True)
step("durable")
store._write([record_of(number + 1)], durable=True)
step("batch")
store._write([record_of(number + 2 + n) for n in range(300)], durable=True)
step("plain")
store._write([record_of(number + 400)])
step("plain update")
store._write([record_of(number + 400, 2)])
step("sync")
store._sync()
step("nothing to sync")
store._sync()
step("update of what was synced")
store._write([record_of(number + 400, 3)])
step("end")
store.close()
"""


def syncs(url, tmp_path):
    """How often each step waited for the disk."""
    if shutil.which("strace") is None:
        pytest.skip("strace counts the system calls: apt-get install strace")
    log = tmp_path / "strace"
    calls = "fsync,fdatasync,syncfs,access,faccessat,faccessat2"
    command = [
        "strace",
        "-f",
        "-o",
        log,
        "-e",
        f"trace={calls}",
        sys.executable,
        "-c",
        PROGRAM,
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert done.returncode == 0, done.stderr
    counts, step = {}, None
    for line in log.read_text().splitlines():
        if "/step/" in line:
            step = line.partition("/step/")[2].partition('"')[0]
            counts[step] = 0
        elif step and "sync" in line.partition("(")[0]:
            counts[step] += 1
    del counts["end"]
    return counts


def test_a_database_file_is_synced_no_more_than_it_has_to_be(tmp_path):
    assert syncs(f"sqlite:{tmp_path}/store.db", tmp_path) == {
        "durable": 1,
        "batch": 1,
        "plain": 0,
        "plain update": 0,
        "sync": 2,  # the log and, for the first time, its name
        "nothing to sync": 0,
        "update of what was synced": 0,
    }


def test_files_are_synced_before_and_after_they_get_their_names(tmp_path):
    assert syncs(f"file:{tmp_path}/jobs", tmp_path) == {
        "durable": 2,
        "batch": 2,
        "plain": 0,
        "plain update": 0,
        "sync": 1,
        "nothing to sync": 0,
        "update of what was synced": 1,
    }
