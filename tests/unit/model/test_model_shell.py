import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.model._shell import expanded

PRINT = ["/usr/bin/env", "printf", r"%s\n"]
ENV = {"PATH": "/usr/bin:/bin", "NAME": "a  b*", "X": "1"}


def output(*words):
    argv = expanded([*PRINT, *words])
    return subprocess.run(argv, env=ENV, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("word", "printed"),
    [
        ("$NAME", "a  b*"),
        ("${NAME}", "a  b*"),
        ("${MISSING:-a 'b'}", "a 'b'"),
        ("$X$X", "11"),
        ("$(echo  a   b)", "a b"),
        ('$(echo "a   b")', "a   b"),
        ("$(echo ')' \")\" \\))", ") ) )"),
        ("$(echo $(echo deep))", "deep"),
        ("$((1 + 2))", "3"),
        ("`echo a   b`", "a b"),
        ("x;y $X > z", "x;y 1 > z"),
        ("'$X'", "'1'"),
        ('"$X"', '"1"'),
        ("\\$X", "\\1"),
        ("a\\b$X", "a\\b1"),
        ("a\nb$X", "a\nb1"),
        ("ä*?[]~#!{}|&() $X", "ä*?[]~#!{}|&() 1"),
        ("100$", "100$"),
        ("-n $X", "-n 1"),
    ],
)
def test_what_is_expanded(word, printed):
    assert output(word) == f"{printed}\n"


@pytest.mark.parametrize("word", ["a b", "", "*", "it's", '"', "\\", "a\nb", ";", "~", "!x", "-e"])
def test_what_is_not(word):
    assert output(word) == f"{word}\n"
    assert output(word, "$X") == f"{word}\n1\n"


def test_no_shell_without_need():
    assert expanded(["ls", "a b", "*"]) == ("ls", "a b", "*")


@pytest.mark.parametrize("status", [0, 1, 7, 200])
def test_the_exit_status_is_the_commands(status):
    argv = expanded(["/usr/bin/env", "sh", "-c", f"exit {status} # $X"])
    assert subprocess.run(argv, check=False).returncode == status


def test_a_missing_command():
    argv = expanded(["no-such-command-at-all", "$X"])
    assert subprocess.run(argv, check=False, capture_output=True).returncode == 127


@given(st.text(st.characters(exclude_characters="\0$`", exclude_categories=["Cs"]), max_size=30))
def test_everything_but_expansions_is_literal(text):
    word = f"{text}$X"
    argv = expanded(["/bin/echo", "-n", word])
    _, _, script = argv
    assert shlex.split(script) == ["exec", "/bin/echo", "-n", word]


@pytest.mark.parametrize("word", ["$(echo", "`echo", "${X", "a\"$(echo '"])
def test_what_never_ends_is_the_shells_business(word):
    argv = expanded(["/bin/echo", word])
    done = subprocess.run(argv, env=ENV, capture_output=True, check=False)
    assert done.returncode in (0, 2)
