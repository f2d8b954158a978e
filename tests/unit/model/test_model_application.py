import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gc3libs.exceptions import DuplicateEntryError, InvalidArgument
from gc3libs.model import ANY_OUTPUT, Application, Run, State
from gc3libs.quantity import GB, MB, Duration, Memory, hours
from gc3libs.url import Url


def app(arguments=("true",), inputs=(), outputs=(), output_dir=None, **extra):
    return Application(list(arguments), inputs, outputs, output_dir, **extra)


# arguments


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["ls", 1, 2.5, Path("/x")], ["ls", "1", "2.5", "/x"]),
        (("ls", None), ["ls", None]),
        ("ls -l 'a b' \"c d\"", ["ls", "-l", "a b", "c d"]),
    ],
)
def test_arguments(given, kept):
    assert Application(given, [], [], None).arguments == kept


def test_all_four_are_required():
    with pytest.raises(TypeError):
        Application(["ls"], [], [])


@pytest.mark.parametrize("nonsense", [None, 3, {"a": 1}, b"ls"])
def test_what_arguments_are_not(nonsense):
    with pytest.raises(TypeError, match="arguments"):
        Application(nonsense, [], [], None)


def test_none_is_found_out_when_it_is_to_be_started():
    with pytest.raises(InvalidArgument, match="argument 1"):
        app(["ls", None]).job_spec()
    with pytest.raises(InvalidArgument, match="no command"):
        app([]).job_spec()


def test_the_old_way_to_name_the_command(caplog):
    assert app(["-l"], executable="ls").arguments == ["ls", "-l"]
    assert "executable" in caplog.text


# inputs

HERE = os.getcwd()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"/d/a": "b/c"}, {"/d/a": "b/c"}),
        ({Url("/d/a"): "b"}, {"/d/a": "b"}),
        (["/d/a", "b"], {"/d/a": "a", f"{HERE}/b": "b"}),
        (iter(["/d/a"]), {"/d/a": "a"}),
        ({"/d/a"}, {"/d/a": "a"}),
        ([("/d/a", "b/c"), ["/d/e", "f", "ignored"]], {"/d/a": "b/c", "/d/e": "f"}),
        (["http://example.org/x/a.gz"], {"http://example.org/x/a.gz": "a.gz"}),
        ([Url("http://example.org/a.gz")], {"http://example.org/a.gz": "a.gz"}),
        ([Url("/d/a")], {"/d/a": "a"}),
        ([Path("a")], {f"{HERE}/a": "a"}),
        (["./x/../a"], {f"{HERE}/a": "a"}),
        (["file:///d/a%20b"], {"/d/a b": "a b"}),
        (["/d/a:b", "/d/a#b?"], {"/d/a:b": "a:b", "/d/a#b?": "a#b?"}),
        (["/d/"], {"/d/": "./"}),
        (["d/"], {f"{HERE}/d/": "./"}),
        ({"/d": "./"}, {"/d": "./"}),
        (["/d/a", "/d/a"], {"/d/a": "a"}),
        (["/d/", "/e/"], {"/d/": "./", "/e/": "./"}),
    ],
)
def test_forms_of_inputs(given, kept):
    made = app(inputs=given)
    assert dict(made.inputs) == {Url(place): name for place, name in kept.items()}
    assert made.__getstate__()["inputs"] == kept


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("abc", TypeError),
        (None, TypeError),
        ([3], TypeError),
        ([("/d/a",)], TypeError),
        ({"/d/a": None}, TypeError),
        ([("/d/a", 3)], TypeError),
        (["/d/a", "/e/a"], DuplicateEntryError),
        ({"/d/a": "x", "/d/b": "x"}, DuplicateEntryError),
        ({"/d/a": "/abs"}, InvalidArgument),
        ({"/d/a": "../up"}, InvalidArgument),
        ([""], ValueError),
    ],
)
def test_what_inputs_are_not(given, error):
    with pytest.raises(error):
        app(inputs=given)


def test_inputs_can_be_added_later():
    made = app(inputs=["/d/a"])
    made.inputs["/d/b"] = "c"
    assert made.job_spec().inputs == (("/d/a", "a"), ("/d/b", "c"))
    made.inputs = ["/d/e"]
    assert made.job_spec().inputs == (("/d/e", "e"),)


def test_names_as_backends_take_them():
    made = app(inputs={"/d/a": "./x//a", "/d/": "./", "/e": "sub/"})
    assert made.job_spec().inputs == (("/d/a", "x/a"), ("/d/", "."), ("/e", "sub"))


# outputs


@pytest.mark.parametrize(
    ("given", "kept", "wanted"),
    [
        (["a", "d/e"], {"a": "a", "d/e": "e"}, (("a", "a"), ("d/e", "e"))),
        ([("a", "x/b")], {"a": "x/b"}, (("a", "x/b"),)),
        ({"a": "/abs/b"}, {"a": "/abs/b"}, (("a", "/abs/b"),)),
        ({"a": "http://h/b"}, {"a": "http://h/b"}, (("a", "http://h/b"),)),
        ({"a": Url("http://h/b")}, {"a": "http://h/b"}, (("a", "http://h/b"),)),
        (["res"], {"res": "res"}, (("res", "res"),)),
        (["res/"], {"res/": "./"}, (("res", "."),)),
        (ANY_OUTPUT, {"*": "./"}, (("*", "."),)),
        ([ANY_OUTPUT], {"*": "./"}, (("*", "."),)),
        ([("./", "./")], {"./": "./"}, (("*", "."),)),
        ([("a", "x/..b")], {"a": "x/..b"}, (("a", "x/..b"),)),
        (["*.dat"], {"*.dat": "*.dat"}, (("*.dat", "*.dat"),)),
        ([Path("a")], {"a": "a"}, (("a", "a"),)),
    ],
)
def test_forms_of_outputs(given, kept, wanted):
    made = app(outputs=given, output_dir="out")
    assert {name: str(url) for name, url in made.outputs.items()} == {
        name: str(Url(place, force_abs=False)) for name, place in kept.items()
    }
    assert made.__getstate__()["outputs"] == kept
    assert made.job_spec().outputs == wanted
    assert made.would_output


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("abc", TypeError),
        (None, TypeError),
        (["a/x", "b/x"], DuplicateEntryError),
        (["/abs"], InvalidArgument),
        ({"/abs": "a"}, InvalidArgument),
        (["../up"], InvalidArgument),
        ([("a", "x/../../up")], InvalidArgument),
        ([("a", "../")], InvalidArgument),
        ({"a": None}, TypeError),
    ],
)
def test_what_outputs_are_not(given, error):
    with pytest.raises(error):
        app(outputs=given)


def test_nothing_to_bring_back():
    made = app(output_dir="out")
    assert not made.would_output
    assert made.output_dir == "out"
    made.execution.state = State.TERMINATING
    assert made.fetch_output() is None
    assert made.output_dir is None


def test_an_attached_job_is_fetched_by_its_controller():
    class Engine:
        def add(self, task): ...

        def fetch_output(self, task, output_dir, overwrite, changed_only):
            self.asked = (output_dir, overwrite, changed_only)
            task.execution.state = State.TERMINATED

    made, engine = app(outputs=["a"], output_dir="out"), Engine()
    made.attach(engine)
    made.execution.state = State.TERMINATING
    assert made.fetch_output(overwrite=True) == "out"
    assert engine.asked == (None, True, True)
    assert made.execution.state == State.TERMINATED


# streams


@pytest.mark.parametrize(
    ("streams", "attributes", "outputs", "spec"),
    [
        ({}, (None, None, True), [], (None, None, False)),
        ({"stdout": "o"}, ("o", None, False), ["o"], ("o", None, False)),
        ({"stderr": "e"}, (None, "e", False), ["e"], (None, "e", False)),
        ({"stdout": "o", "stderr": "e"}, ("o", "e", False), ["o", "e"], ("o", "e", False)),
        ({"stdout": "o", "stderr": "o"}, ("o", "o", True), ["o"], ("o", None, True)),
        ({"stdout": "o", "join": True}, ("o", "o", True), ["o"], ("o", None, True)),
        ({"stdout": "o", "stderr": "e", "join": True}, ("o", "o", True), ["o"], ("o", None, True)),
        ({"stdout": "o", "stderr": subprocess.STDOUT}, ("o", "o", True), ["o"], ("o", None, True)),
        ({"stdout": "d/o"}, ("d/o", None, False), ["d/o"], ("d/o", None, False)),
    ],
)
def test_streams(streams, attributes, outputs, spec):
    made = app(**streams)
    assert (made.stdout, made.stderr, made.join) == attributes
    assert list(made.outputs) == outputs
    assert [url.path for url in made.outputs.values()] == outputs
    command = made.job_spec()
    assert (command.stdout, command.stderr, command.join) == spec


def test_streams_among_the_outputs():
    made = app(outputs=[("log", "logs/1")], stdout="log")
    assert made.job_spec().outputs == (("log", "logs/1"),)
    assert list(app(outputs=ANY_OUTPUT, stdout="log").outputs) == ["*"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_cannot_be_absolute(stream):
    with pytest.raises(InvalidArgument, match="absolute"):
        app(**{stream: "/tmp/log"})


def test_stdin_is_staged_and_read_from_there():
    made = app(["cat"], stdin="/data/dir/text")
    assert made.job_spec().inputs == (("/data/dir/text", "text"),)
    assert made.job_spec().stdin == "text"
    made = app(["cat"], inputs={"/data/dir/text": "x/y"}, stdin="/data/dir/text")
    assert made.job_spec().stdin == "x/y"


# the rest


@pytest.mark.parametrize(
    ("given", "kept", "warned"),
    [
        ("beta=1", "beta=1", False),
        ("a b/c", "a b/c", False),
        ("äx", "GC3Pie.äx", True),
        ("1st", "GC3Pie.1st", True),
        (17, "GC3Pie.17", True),
        (b"abc", "abc", False),
    ],
)
def test_job_names(given, kept, warned, caplog):
    assert app(jobname=given).jobname == kept
    assert bool(caplog.text) == warned


def test_an_empty_job_name(caplog):
    assert app(jobname="").jobname.startswith("GC3Pie.Application.")
    assert caplog.text


def test_requests():
    made = app(
        requested_cores="2", requested_memory=2 * GB, requested_walltime=1 * hours,
        requested_architecture=Run.Arch.X86_64,
    )  # fmt: skip
    command = made.job_spec()
    assert (command.cores, command.memory, command.memory_limit) == (2, 2 * 10**9, 2 * 10**9)
    assert (command.walltime, command.architecture) == (3600.0, "x86_64")
    made.enforce_memory = False
    assert (made.job_spec().memory, made.job_spec().memory_limit) == (2 * 10**9, None)
    made.requested_memory = 500 * MB
    assert made.job_spec().memory == 5 * 10**8
    assert app().job_spec().memory is None
    assert made.resources.cores == 2


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"requested_cores": None}, TypeError),
        ({"requested_cores": 0}, ValueError),
        ({"requested_memory": "2 GB"}, AssertionError),
        ({"requested_memory": 2}, AssertionError),
        ({"requested_walltime": "2 hours"}, AssertionError),
        ({"requested_walltime": Memory("1 GB")}, AssertionError),
        ({"requested_architecture": "sparc"}, InvalidArgument),
        ({"environment": None}, (AttributeError, TypeError)),
    ],
)
def test_requests_that_make_no_sense(request_, error):
    with pytest.raises(error):
        app(**request_)


def test_environment_is_text():
    made = app(environment={"N": 3})
    assert made.environment == {"N": "3"}
    made.environment["M"] = "4"
    assert dict(made.job_spec().environment) == {"N": "3", "M": "4"}
    assert made.cmdline(None) == ["/usr/bin/env", "N=3", "M=4", "true"]
    assert app().cmdline(None) == ["true"]
    assert app().environment == {}


def test_tags():
    made = app()
    assert made.tags == []
    made.tags.append("a")
    assert made.tags == ["a"]
    assert app(tags="one").tags == ["one"]


def test_other_keywords_are_attributes():
    made = app(executables=["x"], version=3, application_name="demo")
    assert (made.executables, made.version, made.application_name) == (["x"], 3, "demo")
    assert app().application_name == "generic"


def test_compatible_resources():
    def resource(**kw):
        fields = {
            "enabled": True, "architecture": {"x86_64"}, "max_cores_per_job": 4,
            "max_memory_per_core": 2 * GB, "max_walltime": Duration("8 hours"),
        }  # fmt: skip
        return SimpleNamespace(**{**fields, **kw})

    good = resource()
    bad = [
        resource(enabled=False),
        resource(architecture={"i686"}),
        resource(max_cores_per_job=1),
        resource(max_memory_per_core=1 * GB),
        resource(max_walltime=1 * hours),
    ]
    made = app(
        requested_cores=2, requested_memory=4 * GB, requested_walltime=2 * hours,
        requested_architecture=Run.Arch.X86_64,
    )  # fmt: skip
    assert made.compatible_resources([*bad, good]) == [good]


def test_ranking_resources():
    def resource(name, *figures):
        names = ("user_queued", "free_slots", "queued", "user_run")
        return SimpleNamespace(name=name, **dict(zip(names, figures, strict=True)))

    full, free, tried = (
        resource("b", 3, 0, 9, 9),
        resource("c", 0, 8, 0, 0),
        resource("a", 0, 9, 0, 0),
    )
    made = app()
    made.execution.resource_name = "a"
    assert made.rank_resources([tried, full, free]) == [free, full, tried]


def test_items_are_what_attributes_are():
    made = app(inputs=["/d/a"], requested_memory=2 * GB)
    reloaded = Application.__new__(Application)
    reloaded.__setstate__(made.__getstate__())
    assert reloaded["inputs"][Url("/d/a")] == reloaded.get("inputs")["/d/a"] == "a"
    assert reloaded["requested_memory"] == 2 * GB
    with pytest.raises(KeyError):
        reloaded["would_not"]


@pytest.mark.parametrize(
    ("command", "executable"),
    [("./run", "run"), ("./s/run.sh", "s/run.sh"), ("run", None), ("/bin/run", None)],
)
def test_a_command_in_the_jobs_directory(command, executable):
    assert app([command]).job_spec().executable == executable


def test_digests_tell_work_apart():
    base = app(["a"], ["/i"], ["o"], "out", beta=1).digest
    assert app(["a"], ["/i"], ["o"], "elsewhere", beta=1, jobname="other").digest == base
    for other in (
        app(["b"], ["/i"], ["o"], beta=1),
        app(["a"], ["/j"], ["o"], beta=1),
        app(["a"], ["/i"], ["p"], beta=1),
        app(["a"], ["/i"], ["o"], beta=2),
        app(["a"], ["/i"], ["o"], beta=1, environment={"A": "1"}),
    ):
        assert other.digest != base
    looked_at = app(["a"], ["/i"], ["o"], beta=1)
    assert looked_at.inputs and looked_at.outputs and looked_at.environment == {}
    assert looked_at.digest == base


def test_a_job_that_really_runs(run_command, tmp_path):
    script = tmp_path / "show.py"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:], sys.stdin.read())\nsys.exit(3)\n"
    )
    (tmp_path / "text").write_text("from stdin")
    made = app(
        ["./show.py", "a b", "$GREETING!", "`echo x`"], inputs=[script],
        stdin=tmp_path / "text", environment={"GREETING": "hello  you"},
    )  # fmt: skip
    done = run_command(made.job_spec())
    assert done.stdout == "['a b', 'hello  you!', 'x'] from stdin\n"
    assert done.returncode == 3
