"""URLs, among them the paths of local files.

>>> from gc3libs.url import Url
>>> str(Url("/tmp/foo"))
'file:///tmp/foo'
>>> Url("http://example.org:8080/data?x=1").port
8080
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import SplitResult, quote, unquote

from gc3libs.exceptions import InvalidType, InvalidValue

UrlLike: TypeAlias = "Url | str | bytes | os.PathLike[str]"
_T = TypeVar("_T")

# RFC 3986, appendix B. A colon is common in file names, hence only `//` makes what comes before it
# a scheme; of the two schemes that mean local files, the name is enough.
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?=://)|(?P<local>file|sqlite)(?=:)):"
    r"(?://(?P<netloc>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_PATH_SAFE = "/:@!$&'()*+,;=~"


class _Fields(NamedTuple):
    scheme: str
    netloc: str
    path: str
    hostname: str | None
    port: int | None
    query: str
    username: str | None
    password: str | None
    fragment: str


class Url(_Fields):
    """An immutable URL, or path of a local file.

    Text without a scheme is a path: every character in it, be it ``#``, ``?``, ``%``, a blank or a
    byte that is no UTF-8, stands for itself, and the scheme is ``file``. In text with a scheme,
    ``?`` starts the query and ``#`` the fragment. `path` of a ``file`` URL is always the path as
    the operating system takes it; `str` gives text that makes an equal URL.

    A URL equals another one, or text that would make it.

        >>> Url("/tmp/foo") == "file:///tmp/foo"
        True
        >>> Url("file:///tmp/50%25").path
        '/tmp/50%'
        >>> str(Url("/tmp/a#b"))
        'file:///tmp/a%23b'

    Args:
        urlstring: Text, path or URL.
        force_abs: Make a relative local path absolute, from the current directory of this moment.
        scheme, netloc, path, hostname, port, query, username, password, fragment: The parts of
            the URL, where the text has none.

    Raises:
        InvalidValue: the text is empty, or is no URL.
        InvalidType: it is no text.
    """

    __slots__ = ()

    def __new__(
        cls,
        urlstring: UrlLike | None = None,
        force_abs: bool = True,
        scheme: str = "file",
        netloc: str = "",
        path: str = "",
        hostname: str | None = None,
        port: int | None = None,
        query: str = "",
        username: str | None = None,
        password: str | None = None,
        fragment: str = "",
    ) -> Url:
        defaults = _Fields(
            scheme, netloc, path, hostname, port, query, username, password, fragment
        )
        if urlstring is None:
            fields = defaults if netloc else defaults._replace(netloc=_netloc(defaults))
        elif isinstance(urlstring, Url):
            fields = urlstring
        else:
            found = _split(_text(urlstring), scheme)
            fields = _Fields._make(f or d for f, d in zip(found, defaults, strict=True))
        if force_abs and fields.scheme == "file" and not fields.netloc:
            fields = fields._replace(path=_absolute(fields.path))
        return super().__new__(cls, *fields)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (None, False, *self)

    def __str__(self) -> str:
        path = self.path
        if self.scheme == "file":
            path = quote(path, safe=_PATH_SAFE, errors="surrogateescape")
        slashes = "//" if self.netloc or not path or path.startswith("/") else ""
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}:{slashes}{self.netloc}{path}{query}{fragment}"

    def __repr__(self) -> str:
        shown = self
        if self.password:
            netloc = self.netloc.replace(f":{self.password}@", ":***@")
            shown = Url._make(self._replace(netloc=netloc))
        return f"Url({str(shown)!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            try:
                other = Url(other, force_abs=self.path.startswith("/"))
            except InvalidValue:
                return False
        if not isinstance(other, Url):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:  # a tuple has one of its own
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def adjoin(self, relpath: str) -> Url:
        """A URL below this one; a slash at the start of `relpath` does not count.

        >>> str(Url("http://example.org/a?x=1").adjoin("b/c"))
        'http://example.org/a/b/c?x=1'
        """
        below = relpath.lstrip("/")
        path = f"{self.path.rstrip('/')}/{below}" if self.path or self.netloc else below
        return Url._make(self._replace(path=path))


def _text(urlstring: object) -> str:
    if not isinstance(urlstring, str | bytes | os.PathLike):
        raise InvalidType(f"{urlstring!r} is no URL: text or a path is needed")
    text = os.fsdecode(urlstring)
    if not text or "\0" in text:
        raise InvalidValue(f"{text!r} is no URL: it is {'broken by a NUL' if text else 'empty'}")
    return text


def _split(text: str, scheme: str) -> _Fields:
    match = _URL.fullmatch(text)
    if match is None:
        return _Fields(scheme, "", text, None, None, "", None, None, "")
    scheme = (match["scheme"] or match["local"]).lower()
    path = match["path"]
    if scheme == "file":
        path = unquote(path, errors="surrogateescape")
    server = SplitResult(scheme, match["netloc"] or "", path, "", "")
    try:
        if server.netloc.count("[") != server.netloc.count("]"):
            raise ValueError("a bracket of an IPv6 address is missing")
        return _Fields(
            scheme, server.netloc, path, server.hostname, server.port, match["query"] or "",
            server.username, server.password, match["fragment"] or "",
        )  # fmt: skip
    except ValueError as err:
        raise InvalidValue(f"{text!r} is no URL: {err}") from err


def _netloc(fields: _Fields) -> str:
    """What stands between ``//`` and the path, from its parts."""
    password = f":{fields.password}" if fields.password else ""
    user = f"{fields.username}{password}@" if fields.username else ""
    port = "" if fields.port is None else f":{fields.port}"
    return f"{user}{fields.hostname or ''}{port}"


def _absolute(path: str) -> str:
    """The path from the root; a slash at its end, which says that it is a directory, stays."""
    if path.startswith("/"):
        return path
    absolute = os.path.abspath(path)  # noqa: PTH100  # of pathlib's, one keeps `..`, one follows links
    return f"{absolute}/" if path.endswith("/") else absolute


def _url(value: Any, force_abs: bool) -> Url:
    return value if isinstance(value, Url) and not force_abs else Url(value, force_abs)


class UrlKeyDict(dict[Url, Any]):
    """A dictionary that makes a `Url` of every key; look-up by text works.

    >>> UrlKeyDict({"/tmp/a": 1})["file:///tmp/a"]
    1
    """

    _force_abs = False  # while a pickle is read, entries come before attributes

    def __init__(
        self,
        iter_or_dict: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
        force_abs: bool = False,
    ) -> None:
        super().__init__()
        self._force_abs = force_abs
        self.update(() if iter_or_dict is None else iter_or_dict)

    def _known(self, key: Any) -> Any:
        """The key to look up; what is no URL is no key, and is left to be missing."""
        try:
            return _url(key, self._force_abs)
        except (InvalidType, InvalidValue):
            return key

    def __setitem__(self, key: UrlLike, value: Any) -> None:
        super().__setitem__(_url(key, self._force_abs), value)

    def __getitem__(self, key: UrlLike) -> Any:
        return super().__getitem__(self._known(key))

    def __delitem__(self, key: UrlLike) -> None:
        super().__delitem__(self._known(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self._known(key))

    def get(self, key: UrlLike, default: Any = None) -> Any:
        """The value, or the default."""
        return super().get(self._known(key), default)

    def pop(self, key: UrlLike, *default: Any) -> Any:
        """Take the value out."""
        return super().pop(self._known(key), *default)

    def setdefault(self, key: UrlLike, default: Any = None) -> Any:
        """The value; the default becomes it if there is none."""
        return super().setdefault(_url(key, self._force_abs), default)

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Take over all entries of a mapping, or pairs."""
        for key, value in dict(other, **more).items():
            self[key] = value

    def copy(self) -> UrlKeyDict:
        """Another one with the same entries."""
        return type(self)(self, self._force_abs)


class UrlValueDict(dict[Any, Url]):
    """A dictionary that makes a `Url` of every value.

    >>> UrlValueDict({"out": "results/out.txt"})["out"].path
    'results/out.txt'
    """

    _force_abs = False

    def __init__(
        self,
        iter_or_dict: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
        force_abs: bool = False,
    ) -> None:
        super().__init__()
        self._force_abs = force_abs
        self.update(() if iter_or_dict is None else iter_or_dict)

    def __setitem__(self, key: Any, value: UrlLike) -> None:
        super().__setitem__(key, _url(value, self._force_abs))

    def setdefault(self, key: Any, default: Any = None) -> Url:
        """The value; the default becomes it if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Take over all entries of a mapping, or pairs."""
        for key, value in dict(other, **more).items():
            self[key] = value

    def copy(self) -> UrlValueDict:
        """Another one with the same entries."""
        return type(self)(self, self._force_abs)
