"""URLs and paths: taken apart, put together, compared, kept."""

import os
import pathlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.url import Url, UrlKeyDict, UrlValueDict

ODD_PATHS = [
    "/tmp/plain",
    "/tmp/with blank",
    "/tmp/new\nline\tand tab",
    "/tmp/a#b",
    "/tmp/what?",
    "/tmp/50%",
    "/tmp/a%20b",
    "/tmp/größe",
    "/tmp/\udcff\udcfe",
    "/tmp/dir/",
    "//tmp//x",
    "/tmp/http://x",
    "/tmp/ends with blank ",
    "/",
]

paths = st.binary(min_size=1).map(lambda data: "/" + os.fsdecode(data.replace(b"\0", b"")))


@pytest.mark.parametrize("path", ODD_PATHS)
def test_a_path_stands_for_itself(path):
    url = Url(path)
    assert url.path == path
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("file", "", "", "")
    assert Url(str(url)) == url
    assert str(url).isprintable()
    assert " " not in str(url)


@given(paths)
def test_any_path_survives_text_pickle_and_copy(path):
    url = Url(path)
    assert url.path == path
    assert Url(str(url)) == url
    assert pickle.loads(pickle.dumps(url)) == url
    assert Url(url) == url


def test_a_path_of_pathlib_or_of_bytes_is_a_path():
    assert Url(pathlib.Path("/tmp/a#b")).path == "/tmp/a#b"
    assert Url(b"/tmp/\xff").path == "/tmp/\udcff"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo", "{cwd}/foo"),
        ("./foo/../bar", "{cwd}/bar"),
        ("foo/", "{cwd}/foo/"),
        ("file:foo", "{cwd}/foo"),
        ("run:1.dat", "{cwd}/run:1.dat"),
        ("/foo/../bar", "/foo/../bar"),
    ],
)
def test_relative_paths_become_absolute(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Url(text).path == expected.format(cwd=tmp_path)


@pytest.mark.parametrize("path", ["foo", "a/b.txt", "res/", "#1", "50%", "./"])
def test_relative_paths_stay_relative_if_asked(path):
    url = Url(path, force_abs=False)
    assert url.path == path
    assert url == path
    assert Url(str(url), force_abs=False) == url
    assert pickle.loads(pickle.dumps(url)).path == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///tmp/foo", ("file", "", "/tmp/foo", None, None, "", None, None, "")),
        ("file:/tmp/foo", ("file", "", "/tmp/foo", None, None, "", None, None, "")),
        ("file:///tmp/a%20b", ("file", "", "/tmp/a b", None, None, "", None, None, "")),
        ("file:///tmp/a#x", ("file", "", "/tmp/a", None, None, "", None, None, "x")),
        (
            "http://me:pw@Example.ORG:8080/a%20b/c?x=1&y=2#z",
            (
                "http",
                "me:pw@Example.ORG:8080",
                "/a%20b/c",
                "example.org",
                8080,
                "x=1&y=2",
                "me",
                "pw",
                "z",
            ),
        ),
        ("HTTP://h", ("http", "h", "", "h", None, "", None, None, "")),
        ("https://[::1]:80/x", ("https", "[::1]:80", "/x", "::1", 80, "", None, None, "")),
        ("sqlite:store.db", ("sqlite", "", "store.db", None, None, "", None, None, "")),
        (
            "sqlite:///tmp/x.db#table=t",
            ("sqlite", "", "/tmp/x.db", None, None, "", None, None, "table=t"),
        ),
        ("sqlite:////tmp/x.db", ("sqlite", "", "//tmp/x.db", None, None, "", None, None, "")),
        (
            "postgresql+psycopg://me@db/base",
            ("postgresql+psycopg", "me@db", "/base", "db", None, "", "me", None, ""),
        ),
        ("memory://", ("memory", "", "", None, None, "", None, None, "")),
    ],
)
def test_the_nine_parts(text, expected):
    url = Url(text)
    assert tuple(url) == expected
    assert url._fields == (
        "scheme",
        "netloc",
        "path",
        "hostname",
        "port",
        "query",
        "username",
        "password",
        "fragment",
    )
    assert Url(str(url)) == url
    assert pickle.loads(pickle.dumps(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://h:port/",
        "http://h:99999/",
        "http://[::1/",
        "http://::1]/",
        "/tmp/\0",
        "file:///\0",
    ],
)
def test_what_is_no_url_is_a_value_error(text):
    with pytest.raises(ValueError, match="no URL"):
        Url(text)


@pytest.mark.parametrize("thing", [5, 1.5, [], ("file", "")])
def test_what_is_no_text_is_a_type_error(thing):
    with pytest.raises(TypeError, match="no URL"):
        Url(thing)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"path": "/tmp/a b"}, "file:///tmp/a%20b"),
        ({"scheme": "http", "netloc": "h:80", "path": "/x", "query": "q"}, "http://h:80/x?q"),
        (
            {
                "scheme": "ssh",
                "hostname": "h",
                "port": 22,
                "username": "me",
                "password": "pw",
                "path": "/x",
                "fragment": "f",
            },
            "ssh://me:pw@h:22/x#f",
        ),
        ({"urlstring": "http://h/x", "query": "q", "fragment": "f"}, "http://h/x?q#f"),
        ({"urlstring": "/x", "scheme": "gsiftp"}, "gsiftp:///x"),
    ],
)
def test_a_url_from_its_parts(parts, text):
    assert str(Url(**parts)) == text


def test_equality_and_hash():
    url = Url("/tmp/foo")
    assert url == "/tmp/foo"
    assert "/tmp/foo" == url  # noqa: SIM300
    assert url == "file:///tmp/foo" == url
    assert url == Url("file:///tmp/foo")
    assert hash(url) == hash(Url("file:///tmp/foo"))
    assert url != "/tmp/bar"
    assert url != "http://[::1/"
    assert url != 5
    assert {url: 1}[Url("/tmp/foo")] == 1


def test_a_url_is_immutable():
    with pytest.raises(AttributeError):
        Url("/tmp/foo").path = "/tmp/bar"


def test_no_password_in_what_is_printed_for_programmers():
    assert repr(Url("http://me:secret@h/x")) == "Url('http://me:***@h/x')"


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("/tmp", "foo", "file:///tmp/foo"),
        ("/tmp/", "/foo", "file:///tmp/foo"),
        ("/", "foo", "file:///foo"),
        ("http://h/a?x=1", "b/c", "http://h/a/b/c?x=1"),
        ("http://h", "b", "http://h/b"),
        ("/tmp", "a#b", "file:///tmp/a%23b"),
    ],
)
def test_adjoin(text, more, expected):
    joined = Url(text).adjoin(more)
    assert type(joined) is Url
    assert str(joined) == expected


def test_adjoin_to_nothing_stays_relative():
    assert Url(path="", force_abs=False).adjoin("a/b").path == "a/b"


def test_a_url_key_dict_finds_by_text_and_by_url():
    urls = UrlKeyDict([("/tmp/a", 1), (Url("http://h/b"), 2)])
    assert urls["file:///tmp/a"] == urls[Url("/tmp/a")] == 1
    assert "http://h/b" in urls
    assert "/tmp/other" not in urls
    assert 5 not in urls
    assert all(isinstance(key, Url) for key in urls)
    urls["/tmp/a"] = 3
    assert (len(urls), urls.get("/tmp/a"), urls.get("nothing", 7)) == (2, 3, 7)
    assert urls.setdefault("/tmp/a", 9) == 3
    assert urls.setdefault("/tmp/c", 9) == 9
    urls.update({"/tmp/c": 10})
    assert urls.pop("/tmp/c") == 10
    assert urls.pop("/tmp/c", None) is None
    del urls["http://h/b"]
    assert dict(urls) == {Url("/tmp/a"): 3}


@pytest.mark.parametrize("key", ["/tmp/missing", "", 5])
def test_a_missing_key_is_a_key_error(key):
    with pytest.raises(KeyError):
        UrlKeyDict()[key]


def test_relative_keys_are_made_absolute_if_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    urls = UrlKeyDict({"a": 1, Url("./a", force_abs=False): 2}, force_abs=True)
    assert dict(urls) == {Url(f"{tmp_path}/a"): 2}
    assert urls["a"] == 2
    assert next(iter(UrlKeyDict({"a": 1}))).path == "a"


def test_a_url_value_dict_makes_urls_of_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    urls = UrlValueDict({"out": "d/out.txt"})
    assert urls["out"] == Url("d/out.txt", force_abs=False)
    urls.update(more="http://h/x")
    assert urls["more"].hostname == "h"
    assert urls.setdefault("third", "t").path == "t"
    assert urls.setdefault("third", "u").path == "t"
    assert UrlValueDict({"out": "d"}, force_abs=True)["out"].path == f"{tmp_path}/d"


@pytest.mark.parametrize(
    "made", [UrlKeyDict({"/tmp/a": 1}, True), UrlValueDict({"a": "/tmp/a"}, True)]
)
def test_dictionaries_pickle_and_copy_with_what_they_are(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for twin in (pickle.loads(pickle.dumps(made)), made.copy()):
        assert type(twin) is type(made)
        assert twin == made
        twin["rel"] = "rel"
        assert f"file://{tmp_path}/rel" in (*map(str, twin), *map(str, twin.values()))
