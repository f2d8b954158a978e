"""Damage, travel, results, settings, completion; sessions that may not be written."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gc3libs.cli import main

NOBODY = 65534

# damage


def test_a_session_without_faults(flu: Any) -> None:
    assert flu("check", "flu").err == "flu: 4 tasks, nothing wrong\n"


def test_what_can_be_proved_is_repaired_and_kept(flu: Any) -> None:
    index = flu.path("flu", "index.txt")
    sound = index.read_text()
    index.write_text(f"{sound}Application.99\nApplic")
    orphan = flu.path("flu", "run", "jobs", "Application.77.1")
    orphan.mkdir(parents=True)
    result = flu("check", "flu", code=1)
    assert "names 1 task that the store does not have: Application.99" in result.out
    assert "cut short" in result.out
    assert "it belongs to no task" in result.out
    assert "3 faults" in result.err
    assert flu("check", "flu", "--repair").err == "3 faults, 3 repaired\n"
    assert flu("check", "flu").err == "flu: 4 tasks, nothing wrong\n"
    assert index.read_text() == sound
    (kept,) = flu.path("flu", "lost").iterdir()
    assert (kept / "index-tail.txt").read_text() == "Applic"
    assert (kept / "index-without-record.txt").read_text() == "Application.99\n"
    assert (kept / "Application.77.1").is_dir()


def test_a_damaged_record_is_named_and_hides_nothing(gc3: Any) -> None:
    gc3("new", "s", "--store", "file")
    gc3("add", "s", "--over", "x=1:3", "--", "true", "{x}")
    (record,) = gc3.path("s", "jobs").rglob("Application.2")
    record.write_bytes(record.read_bytes()[:20])
    result = gc3("check", "s", code=1)
    assert result.lines[0].startswith("Application.2: its record is damaged: ")
    assert gc3("check", "s", "--repair", code=1).err.endswith("1 cannot be repaired\n")
    assert gc3("ls", "s", "1", "3", "--ids").lines == ["Application.1", "Application.3"]
    result = gc3("show", "s", "2", code=1)
    last = result.err.splitlines()[-1]
    assert last.startswith("gc3: task Application.2 of s cannot be read: ")
    assert last.endswith("gc3 check s")


def test_a_damaged_database_is_said_to_be(flu: Any) -> None:
    path = flu.path("flu", "store.db")
    path.write_bytes(b"not a database, but long enough" * 40)
    result = flu.try_("status", "flu")
    assert result.code == 1
    assert result.err.startswith("gc3: ")
    assert result.err.count("\n") == 1


# sessions that may not be written


def as_nobody(gc3: Any, *words: str) -> tuple[str, str, int]:
    """What a command prints for somebody who may only read.

    It is run in a process made by fork, which has imported all that it needs, since nobody may not
    be allowed to read this Python's files.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 99
        printed = ["", ""]
        try:
            os.chdir(gc3.directory)
            os.environ.update(gc3.environment())
            sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
            import_module("gc3libs.cmdline")
            dry = ["-n"] if words[0] in ("add", "retry", "run") else []
            for known in ([words[0], *dry, *words[1:]], ["failures", words[1]]):
                main(known)
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            sys.stdout, sys.stderr = out, err = io.StringIO(), io.StringIO()
            code = main(words)
            printed = [out.getvalue(), err.getvalue()]
        except Exception:  # noqa: BLE001  # the parent shows it
            printed = ["", traceback.format_exc()]
        finally:
            os.write(writing, json.dumps(printed).encode())
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as file:
        shown, said = json.loads(file.read())
    return shown, said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_session_that_may_only_be_read_can_be_looked_at(flu: Any) -> None:
    place = Path(tempfile.mkdtemp(prefix="gc3libs-test-"))
    place.chmod(0o755)
    shutil.copytree(flu.path("flu"), place / "flu")
    (place / "flu" / "created").write_text(
        flu.path("flu", "created").read_text().replace(str(flu.directory), str(place))
    )
    parts = [place, *place.rglob("*")]
    for each in parts:
        each.chmod(0o555 if each.is_dir() else 0o444)
    name = str(place / "flu")
    try:
        out, err, code = as_nobody(flu, "ls", name, "--failed", "--ids")
        assert (out.split(), err, code) == (["Application.3", "Application.4"], "", 0)
        out, err, code = as_nobody(flu, "status", name, "--json")
        assert (err, code) == ("", 0)
        assert json.loads(out)["counts"]["total"] == 4
        for words in (["retry", name, "3"], ["run", name], ["add", name, "--", "true"]):
            out, err, code = as_nobody(flu, *words)
            assert (out, code) == ("", 1)
            assert err.startswith("gc3: ")
            assert err.count("\n") == 1
    finally:
        for each in parts:
            if each.is_dir():
                each.chmod(0o755)
        shutil.rmtree(place)


# travel


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz", ".tar.zst"])
def test_a_session_travels_in_one_file(flu: Any, ending: str) -> None:
    if ending == ".tar.zst" and shutil.which("zstd") is None:
        pytest.skip("there is no zstd: apt-get install zstd")
    file = f"flu{ending}"
    assert f"packed 4 tasks of flu into {file}" in flu("export", "flu", file, "--outputs").err
    assert "add -f to replace it" in flu("export", "flu", file, code=1).err
    assert "flu is there already" in flu("import", file, code=1).err
    before = flu("ls", "flu", "--json").json["tasks"]
    shutil.rmtree(flu.path("flu"))
    flu("import", file)
    assert flu("ls", "flu", "--json").json["tasks"] == before
    assert flu("logs", "flu", "3").out == "out 3\n"
    flu("retry", "flu", "--failed")
    flu("run", "flu", code=2)


def test_an_archive_that_would_write_elsewhere_is_refused(gc3: Any) -> None:
    import tarfile

    gc3.path("f").write_text("x")
    with tarfile.open(gc3.path("evil.tar.gz"), "w:gz") as archive:
        archive.add(gc3.path("f"), arcname="../escaped")
    gc3("import", "evil.tar.gz", "new", code=1)
    assert not gc3.path("..", "escaped").exists()
    assert not gc3.path("new").exists()


@pytest.mark.parametrize("options", [[], ["--store", "file"], ["--store", "sqlite"]])
def test_a_copy_is_a_session_of_its_own(flu: Any, options: list[str]) -> None:
    flu("copy", "flu", "other", "--outputs", *options)
    uuids = {flu("status", name, "--json").json["uuid"] for name in ("flu", "other")}
    assert len(uuids) == 2
    keys = ("id", "name", "state", "returncode", "parameters", "tags")
    tasks = [
        [[task[key] for key in keys] for task in flu("ls", name, "--json").json["tasks"]]
        for name in ("flu", "other")
    ]
    assert tasks[0] == tasks[1]
    flu("check", "other")
    flu("rm", "other", "--all", "-y")
    assert len(flu("ls", "flu", "--ids").lines) == 4
    flu("add", "other", "--over", "y=1", "--", "true")
    assert flu("ls", "other", "--ids").out == "Application.5\n"


# results


@pytest.fixture
def fits(gc3: Any) -> Any:
    gc3("new", "s")
    program = """printf '{{"misfit": %s, "fit": {{"r0": 2}}}}' {x}.5 > fit.json
printf 'step,loss\\n1,9\\n2,{x}\\n' > loss.csv; test {x} != 3"""
    outputs = ("--outputs", "fit.json", "loss.csv")
    gc3("add", "s", "--over", "x=1:3", *outputs, "--", "sh", "-c", program)
    gc3("add", "s", "--over", "x=4", "--", "true")
    gc3("run", "s", code=2)
    return gc3


def test_results_as_csv_and_json_lines(fits: Any) -> None:
    result = fits("results", "s", "--output", "fit.json", "-o", "a.csv")
    assert result.err == "4 rows in a.csv\n1 task without fit.json\n"
    with fits.path("a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["misfit"] for row in rows] == ["1.5", "2.5", "3.5", ""]
    assert [row["state"] for row in rows] == ["done", "done", "failed", "done"]
    fits("results", "s", "--done", "--output", "fit.json", "--fields", "fit.r0", "-o", "a.jsonl")
    rows = [json.loads(line) for line in fits.path("a.jsonl").read_text().splitlines()]
    assert [row.get("fit.r0") for row in rows] == [2, 2, None]
    fits("results", "s", "--output", "loss.csv", "-o", "a.csv", "-f")
    with fits.path("a.csv").open() as file:
        assert [row["loss"] for row in csv.DictReader(file)] == ["1", "2", "3", ""]


def test_results_as_parquet(fits: Any) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    fits("add", "s", "--from", "more.csv", "--", "true", "{y}", code=1)
    fits.path("more.csv").write_text("y\n5\nlow\n")
    fits("add", "s", "--from", "more.csv", "--", "true", "{y}")
    result = fits("results", "s", "--output", "fit.json", "-o", "a.parquet")
    assert result.err.startswith("6 rows in a.parquet\n")
    table = pandas.read_parquet(fits.path("a.parquet"))
    assert list(table.columns[:4]) == ["id", "name", "x", "misfit"]
    assert table["misfit"].tolist()[:3] == [1.5, 2.5, 3.5]
    assert table["y"].tolist()[4:] == ["5", "low"]
    assert table["state"].tolist() == ["done", "done", "failed", "done", "waiting", "waiting"]
    assert [each.name for each in fits.directory.glob(".*")] == []


def test_results_on_the_terminal(fits: Any) -> None:
    lines = fits("results", "s", "--done", "--output", "fit.json", "--fields", "misfit").lines
    assert lines[0].split()[:5] == ["NAME", "X", "MISFIT", "STATE", "EXIT"]
    assert lines[1].split()[:4] == ["x=1", "1", "1.5", "done"]


# waiting


def test_waiting_for_a_condition(flu: Any) -> None:
    flu("wait", "flu", "--for", "failed >= 2 and done == 2")
    assert (
        "all tasks are over, and not: done > 4"
        in flu("wait", "flu", "--for", "done > 4", code=2).err
    )
    flu("add", "flu", "--over", "y=1", "--", "true")
    flu("wait", "flu", "--timeout", "0.1s", code=124)
    assert "Did you mean 'done'?" in flu("wait", "flu", "--for", "dne > 4", code=64).err


# surroundings


def test_the_sessions_below_a_directory(flu: Any) -> None:
    flu.path("deep", "er").mkdir(parents=True)
    flu("new", "deep/er/two")
    flu.path("broken").mkdir()
    flu.path("broken", "store.url").write_text("sqlite:store.db\n")
    found = {each["path"]: each for each in flu("sessions", "--json").json["sessions"]}
    assert found["flu"]["counts"]["failed"] == 2
    assert found["deep/er/two"]["counts"]["total"] == 0
    assert "index.txt is missing" in found["broken"]["error"]
    assert len(flu("sessions", "deep").lines) == 2
    assert flu("sessions", "none", code=1).err == "gc3: there is no directory none\n"


def test_settings_and_where_they_come_from(flu: Any) -> None:
    flu.path("flu", "gc3.toml").write_text("max_in_flight = 7\n")
    found = flu("config", "flu", "--json", env={"GC3_MAX_SUBMITTED": "5"}).json["settings"]
    settings = {each["key"]: (each["value"], each["origin"]) for each in found}
    assert settings["max_in_flight"] == (7, "flu/gc3.toml")
    assert settings["max_submitted"] == (5, "$GC3_MAX_SUBMITTED")
    assert settings["resources.local.cores"] == (None, "default")
    flu.path("flu", "gc3.toml").write_text("max_in_fligt = 7\n")
    assert "Did you mean 'max_in_flight'?" in flu("config", "flu", code=1).err
    assert flu("run", "flu", code=1).err.count("\n") == 1


def test_resources(gc3: Any) -> None:
    (found,) = gc3("resources", "--json", env={"GC3_RESOURCES_LOCAL_CORES": "3"}).json["resources"]
    assert (found["name"], found["cores"], found["answers"]) == ("local", 3, True)
    assert gc3("resources").lines[1].split()[0] == "local"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["gc3", "fa"], ["failures"]),
        (["gc3", "status", "f"], ["flu"]),
        (["gc3", "show", "flu", "x="], ["x=1", "x=2", "x=3", "x=4"]),
        (["gc3", "show", "flu", ""], ["1", "2", "3", "4"]),
        (["gc3", "ls", "flu", "--fai"], ["--failed"]),
        (["gc3", "ls", "flu", "--state", "wa"], ["waiting"]),
        (["gc3", "retry", "flu", "--family", ""], ["F1"]),
        (["gc3", "completion", "b"], ["bash"]),
        (["gc3", "nonsense", ""], []),
    ],
)
def test_completion_offers_what_there_is(flu: Any, line: list[str], expected: list[str]) -> None:
    assert flu("_complete", "fish", str(len(line) - 1), *line).lines == expected


def test_listing_a_large_session_reads_no_more_than_it_shows(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:3000", "--", "true", "{x}")
    with sqlite3.connect(gc3.path("s", "store.db")) as database:
        database.execute("UPDATE store SET parameters = 'no JSON' WHERE number > 200")
    database.close()
    assert len(gc3("ls", "s", "--limit", "20").lines) == 21
    assert gc3("ls", "s", "3000", "--ids").out == "Application.3000\n"
