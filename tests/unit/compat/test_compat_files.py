"""File helpers of scripts, as `gc3libs.utils` offers them."""

import io
import os

import pytest

from gc3libs import utils


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("one\ntwo\nthree.\n")
    return path


@pytest.mark.parametrize(
    ("name", "mode", "isdir"),
    [
        ("data.txt", os.F_OK, False),
        ("data.txt", os.R_OK | os.W_OK, False),
        (".", os.R_OK | os.X_OK, True),
        (".", os.F_OK, False),
    ],
)
def test_an_accessible_file_passes(file, name, mode, isdir):
    assert utils.check_file_access(str(file.parent / name), mode, isdir=isdir) is True


@pytest.mark.parametrize(
    ("name", "mode", "isdir", "words"),
    [
        ("missing", os.F_OK, False, "cannot access"),
        ("data.txt", os.R_OK, True, "not a directory"),
        ("data.txt", os.R_OK | os.X_OK, False, "execute"),
    ],
)
def test_an_inaccessible_file_raises_what_was_asked_for(file, name, mode, isdir, words):
    with pytest.raises(RuntimeError, match=words):
        utils.check_file_access(file.parent / name, mode, isdir=isdir)
    with pytest.raises(KeyError, match=name):
        utils.check_file_access(file.parent / name, mode, KeyError, isdir)


def test_mkdir_makes_parents_once_and_again(tmp_path):
    for _ in range(2):
        utils.mkdir(tmp_path / "a" / "b")
    utils.mkdir(tmp_path / "private", mode=0o700)
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700


def test_backups_are_numbered_after_the_highest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("out", "out.~4~", "out.~x~", "out.txt.~9~"):
        (tmp_path / name).mkdir()
    assert utils.backup("out/") == "out.~5~"
    assert sorted(os.listdir()) == ["out.txt.~9~", "out.~4~", "out.~5~", "out.~x~"]
    (tmp_path / "f").write_text("x")
    assert utils.backup(str(tmp_path / "f")) == str(tmp_path / "f.~1~")
    with pytest.raises(FileNotFoundError):
        utils.backup("out")


def test_a_directory_with_backup_is_new_and_the_old_one_kept(tmp_path):
    path = tmp_path / "out"
    for number in range(3):
        utils.mkdir_with_backup(path)
        (path / "n").write_text(str(number))
    assert (path / "n").read_text() == "2"
    assert (tmp_path / "out.~1~" / "n").read_text() == "0"
    assert (tmp_path / "out.~2~" / "n").read_text() == "1"


def test_movefile_into_a_directory_over_a_file_and_to_a_new_place(file, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "data.txt").write_text("old")
    utils.movefile(file, tmp_path / "dir")
    utils.movefile(tmp_path / "dir" / "data.txt", tmp_path / "new" / "place")
    assert (tmp_path / "new" / "place").read_text() == "one\ntwo\nthree.\n"
    assert not file.exists()
    assert os.listdir(tmp_path / "dir") == []


def test_movetree_merges(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for path, text in (
        (source / "sub" / "a", "new"),
        (source / "b", "b"),
        (target / "sub" / "a", "old"),
        (target / "sub" / "kept", "kept"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (source / "empty").mkdir()
    (source / "link").symlink_to(target, target_is_directory=True)
    utils.movetree(source, target)
    assert not source.exists()
    assert sorted(os.listdir(target)) == ["b", "empty", "link", "sub"]
    assert (target / "sub" / "a").read_text() == "new"
    assert (target / "sub" / "kept").read_text() == "kept"
    assert (target / "link").is_symlink()


def test_touch_and_tempdir():
    with utils.tempdir() as path:
        utils.touch(os.path.join(path, "f"))
        assert os.listdir(path) == ["f"]
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b.c.txt", "b.c"), ("b", "b"), ("d.x/.rc", ".rc"), ("b.txt", "b")]
)
def test_basename_sans(path, name):
    assert utils.basename_sans(path) == name


@pytest.mark.parametrize("data", ["größe\n", "not UTF-8: \udcff", ""])
def test_text_is_read_as_it_was_written(tmp_path, data):
    utils.write_contents(tmp_path / "f", data)
    assert utils.read_contents(tmp_path / "f") == data


def test_bytes_are_written_as_they_are(tmp_path):
    utils.write_contents(str(tmp_path / "f"), b"\xff\r\n")
    assert (tmp_path / "f").read_bytes() == b"\xff\r\n"


def test_cat_to_file_stream_and_screen(file, tmp_path, capsys):
    out = tmp_path / "out"
    utils.cat(file, io.StringIO("end\n"), output=str(out))
    utils.cat(file, output=out)
    assert out.read_text() == "one\ntwo\nthree.\nend\none\ntwo\nthree.\n"
    utils.cat(str(file), output=out, append=False)
    assert out.read_text() == file.read_text()
    stream = io.StringIO()
    utils.cat(file, output=stream)
    utils.cat(file)
    assert stream.getvalue() == capsys.readouterr().out == file.read_text()
    assert not stream.closed


def test_grep_and_its_relatives(file):
    assert list(utils.grep("t.+e", file)) == ["three.\n"]
    assert list(utils.grep("^t", str(file))) == ["two\n", "three.\n"]
    assert list(utils.fgrep(".", file)) == ["three.\n"]
    assert utils.occurs("^on", file)
    assert not utils.occurs("^ne", file)
    assert not utils.occurs("^on", file, match=utils.fgrep)


@pytest.mark.parametrize(
    ("text", "regex_name", "expected"),
    [
        (
            "beta | 0.5 | rate\ngamma | 1\nalphabeta | 3\n",
            "bar-separated",
            "beta | 0.9 | rate\ngamma | 1\nalphabeta | 3\n",
        ),
        ("gamma 1\n  beta   0.5 # rate\n", "space-separated", "gamma 1\n  beta   0.9 # rate\n"),
        ("gamma 1\n", "space-separated", "gamma 1\n"),
    ],
)
def test_a_parameter_is_replaced_and_nothing_else(tmp_path, text, regex_name, expected):
    path = tmp_path / "parameters.in"
    path.write_text(text)
    utils.update_parameter_in_file(path, "beta", 0.9, regex_name)
    assert path.read_text() == expected


def test_an_unknown_format_of_parameters_is_refused(file):
    with pytest.raises(ValueError, match="bar-separated"):
        utils.update_parameter_in_file(file, "one", 1, "xml")
