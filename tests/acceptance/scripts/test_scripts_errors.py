"""Bad input is one clear line and a code of its own; bugs name their place."""

from __future__ import annotations

import pytest

CHECKING = """
if __name__ == "__main__":
    import checking
    checking.Checking().run()

from gc3libs.cmdline import (SessionBasedScript, existing_directory, existing_file,
                             executable_file, nonnegative_int, positive_int, valid_directory)
from gc3libs.exceptions import InvalidArgument, InvalidUsage
from gc3libs.quantity import Duration, Memory


class Checking(SessionBasedScript):
    '''A script that checks.'''
    version = "2.7"

    def setup_args(self):
        self.add_param("how", nargs="?")

    def setup_options(self):
        self.add_param("--file", type=existing_file)
        self.add_param("--program", type=executable_file)
        self.add_param("--directory", type=existing_directory)
        self.add_param("--target", type=valid_directory)
        self.add_param("--count", type=positive_int)
        self.add_param("--least", type=nonnegative_int)
        self.add_param("--size", type=Memory)
        self.add_param("--time", type=Duration)

    def parse_args(self):
        if self.params.how == "usage":
            raise InvalidUsage("this is not how it is used")

    def new_tasks(self, extra):
        if self.params.how == "late usage":
            raise InvalidUsage("this is not how it is used")
        if self.params.how == "assertion":
            assert 1 == 2, "one is not two"
        if self.params.how == "argument":
            raise InvalidArgument("the argument is wrong")
        if self.params.how == "file":
            open("/nonexistent/file")
        if self.params.how == "bug":
            {}["missing"]
        if self.params.how == "exit":
            raise SystemExit(77)
        if self.params.how == "nonsense":
            return [1]
        return []
"""


@pytest.fixture
def checking(desk):
    desk.write("checking.py", CHECKING)
    return desk


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("usage", 64, "checking: this is not how it is used\n"),
        ("late usage", 64, "checking: this is not how it is used\n"),
        ("assertion", 70, "checking: BUG: AssertionError: one is not two (checking.py, line"),
        ("argument", 70, "checking: the argument is wrong\n"),
        ("file", 74, "checking: No such file or directory: /nonexistent/file\n"),
        ("bug", 1, "checking: KeyError: 'missing' (checking.py, line"),
        ("exit", 77, ""),
        ("nonsense", 70, "checking: new_tasks() of checking gave 1: give tasks"),
    ],
)
def test_errors_have_codes_and_a_line(checking, how, code, said):
    ran = checking.run("checking.py", how)
    assert ran.code == code, ran
    assert ran.err.startswith(said)
    assert ran.err.count("checking: ") <= 1
    assert "Traceback" not in ran.err
    assert not (checking.directory / "checking").exists()


def test_wrong_usage_leads_to_the_help(checking):
    assert "checking --help" in checking.run("checking.py", "usage").err


def test_errors_can_be_let_through(checking):
    ran = checking.run("checking.py", "bug", GC3PIE_NO_CATCH_ERRORS="1")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "KeyError: 'missing'" in ran.err


def test_the_whole_story_is_told_on_request(checking):
    assert "Traceback" in checking.run("checking.py", "bug", "-vv").err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--nonsense", "unrecognized arguments: --nonsense"),
        ("--file nowhere", "cannot access 'nowhere'"),
        ("--program checking.py", "'checking.py' cannot be executed"),
        ("--directory checking.py", "'checking.py' is not a directory"),
        ("--directory nowhere", "cannot access 'nowhere'"),
        ("--target checking.py", "exists and is not a directory"),
        ("--count 0", "'0' is not a positive integer"),
        ("--count many", "'many' is not a positive integer"),
        ("--least -1", "'-1' is not a non-negative integer"),
        ("--size 2", "--size: invalid Memory value"),
        ("-m 2", "cannot read '2' as a Memory"),
        ("-w soon", "cannot read 'soon' as a Duration"),
        ("-C 0", "'0' is not a positive integer"),
        ("-o checking.py", "exists and is not a directory"),
    ],
)
def test_bad_options_end_with_2_and_say_what_is_wrong(checking, words, complaint):
    ran = checking.run("checking.py", *words.split())
    assert ran.code == 2, ran
    assert complaint in ran.err
    assert not (checking.directory / "checking").exists()


def test_what_is_right_is_accepted(checking):
    words = (
        "--file checking.py --program /bin/sh --directory . --target new --count 1 --least 0"
        " --size 2GB --time 90s"
    )
    ran = checking.run("checking.py", *words.split())
    assert ran.code == 0, ran


def test_help_and_version(checking):
    helped = checking.run("checking.py", "--help", COLUMNS="80")
    assert helped.code == 0
    assert "A script that checks." in helped.out
    assert max(map(len, helped.out.splitlines())) <= 80
    for letter in "hVvcmrwsuNCJol":
        assert f"\n  -{letter}" in helped.out
    version = checking.run("checking.py", "-V")
    assert (version.code, version.out) == (0, "checking 2.7\n")


def test_a_session_of_gc3pie_is_left_alone(checking):
    (checking.directory / "checking").mkdir()
    (checking.directory / "checking/session_ids.txt").write_text("Application.1\n")
    ran = checking.run("checking.py")
    assert ran.code == 70
    assert "holds a session of GC3Pie" in ran.err
    assert len(ran.err.splitlines()) == 1
