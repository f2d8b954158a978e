"""What every transport must do, as tests; who writes one subclasses `TransportTests`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gc3libs.backends.transport.base import Transport
from gc3libs.exceptions import RecoverableTransportError, UnrecoverableDataStagingError

MakeTransport = Callable[[], Transport]

BINARY = bytes(range(256)) * 5000
"""More than fits into one message, and no text."""


class TransportTests:
    """A suite for a `Transport`; a subclass says how to make one.

    It looks at the files of the other side by `run`, with the tools that every system has.
    """

    @pytest.fixture
    def make_transport(self) -> Iterator[MakeTransport]:
        """Makes a transport; each call gives a new one to the same machine. They are closed."""
        raise NotImplementedError("a subclass of TransportTests defines this fixture")

    @pytest.fixture
    def transport(self, make_transport: MakeTransport) -> Transport:
        return make_transport()

    @pytest.fixture
    def there(self, transport: Transport) -> Iterator[str]:
        """An empty directory on the other side."""
        made = transport.run("mktemp -d")
        path = made.stdout.decode().strip()
        assert path.startswith("/"), made
        yield path
        transport.run(f"chmod -R u+rwx {path}; rm -rf {path}")

    @pytest.fixture
    def here(self, tmp_path: Path) -> Path:
        """An empty directory on this side."""
        path = tmp_path / "here"
        path.mkdir()
        return path

    # commands

    def test_a_command_runs_in_the_home_directory(self, transport: Transport) -> None:
        answer = transport.run("echo out; echo err >&2; pwd -P")
        assert (answer.exitcode, answer.stderr) == (0, b"err\n")
        said, where = answer.stdout.decode().splitlines()
        assert said == "out"
        assert where == transport.run(f"cd '{transport.home()}' && pwd -P").stdout.decode().strip()

    def test_home_is_an_absolute_path(self, transport: Transport) -> None:
        assert transport.home().startswith("/")

    def test_a_command_is_text_for_sh(self, transport: Transport) -> None:
        script = "a='one two'\nfor i in 1 2; do printf '%s,' \"$a $i\" \\\n; done # it's $a"
        assert transport.run(script).stdout == b"one two 1,one two 2,"

    @pytest.mark.parametrize("code", [0, 1, 77, 127, 255])
    def test_an_exit_status_is_exact(self, transport: Transport, code: int) -> None:
        assert transport.run(f"exit {code}").exitcode == code

    def test_a_signal_counts_from_128(self, transport: Transport) -> None:
        assert transport.run("kill -9 $$").exitcode == 137

    def test_input_and_output_are_bytes(self, transport: Transport) -> None:
        assert transport.run("cat", BINARY).stdout == BINARY

    def test_without_input_there_is_none(self, transport: Transport) -> None:
        assert transport.run("cat").stdout == b""

    def test_input_that_nobody_reads_is_no_trouble(self, transport: Transport) -> None:
        assert transport.run("exit 3", BINARY).exitcode == 3

    def test_a_command_without_an_end_is_not_waited_for(self, transport: Transport) -> None:
        with pytest.raises(RecoverableTransportError) as caught:
            transport.run("exec sleep 60", timeout=0.5)
        assert transport.host in str(caught.value)
        assert transport.run("echo still here").stdout == b"still here\n"

    def test_commands_that_were_not_waited_for_leave_room_for_others(
        self, transport: Transport
    ) -> None:
        for _ in range(15):
            with pytest.raises(RecoverableTransportError, match="answer"):
                transport.run("exec sleep 20", timeout=0.2)
        assert transport.run("echo still here").stdout == b"still here\n"

    def test_what_was_set_going_goes_on(self, transport: Transport, there: str) -> None:
        started = f"(while [ ! -e {there}/go ]; do sleep 0.1; done; echo done >{there}/done)"
        transport.run(f"{started} </dev/null >/dev/null 2>&1 &")
        transport.write([(f"{there}/go", b"", 0o600)])
        wait = f"i=0; while [ ! -s {there}/done ] && [ $i -lt 500 ]; do sleep 0.1; i=$((i+1)); done"
        assert transport.run(f"{wait}; cat {there}/done").stdout == b"done\n"

    # writing and reading

    def test_what_was_written_is_read(self, transport: Transport, there: str) -> None:
        transport.write([(f"{there}/a", BINARY, 0o600), (f"{there}/new/er/b", b"", 0o755)])
        assert transport.read(f"{there}/a") == BINARY
        assert transport.read(f"{there}/new/er/b") == b""
        modes = transport.run(f"cd {there}; ls -l a new/er/b | cut -c1-10").stdout
        assert modes == b"-rw-------\n-rwxr-xr-x\n"

    def test_writing_replaces_a_file_as_a_whole(self, transport: Transport, there: str) -> None:
        transport.write([(f"{there}/a", b"old and longer", 0o644)])
        transport.run(f"ln {there}/a {there}/before")
        transport.write([(f"{there}/a", b"new", 0o600)])
        assert transport.read(f"{there}/a") == b"new"
        assert transport.read(f"{there}/before") == b"old and longer"
        assert transport.run(f"ls -A {there}").stdout.split() == [b"a", b"before"]

    def test_a_part_is_read(self, transport: Transport, there: str) -> None:
        path = f"{there}/a"
        transport.write([(path, b"0123456789", 0o600)])
        assert transport.read(path, 3) == b"3456789"
        assert transport.read(path, 3, 2) == b"34"
        assert transport.read(path, -2) == b"89"
        assert transport.read(path, -99, 3) == b"012"
        assert transport.read(path, 99) == b""
        assert transport.read(path, 0, 0) == b""

    def test_a_file_that_is_not_there_cannot_be_read(
        self, transport: Transport, there: str
    ) -> None:
        assert transport.read(f"{there}/none") is None
        assert transport.read(f"{there}/no/such/place") is None

    # copying

    def test_files_travel_there_and_back(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "a b'c").write_bytes(BINARY)
        (here / "empty").touch()
        (here / "tool").write_text("#!/bin/sh\necho works\n")
        (here / "tool").chmod(0o750)
        names = ["a b'c", "empty", "tool"]
        transport.put([(str(here / name), f"{there}/in/{name}") for name in names])
        assert transport.run(f"{there}/in/tool").stdout == b"works\n"
        back = here / "back"
        copies = [(f"{there}/in/{name}", str(back / name)) for name in names]
        assert transport.get(copies) == []
        for name in names:
            assert (back / name).read_bytes() == (here / name).read_bytes()
            assert (back / name).stat().st_mode == (here / name).stat().st_mode

    def test_directories_travel_there_and_back(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        tree = here / "tree"
        (tree / "deep" / "er").mkdir(parents=True)
        (tree / "empty").mkdir()
        (tree / "deep" / "er" / "file").write_text("deep")
        (tree / "é\udc80").write_text("named oddly")
        (tree / "link").symlink_to("deep/er/file")
        os.mkfifo(tree / "pipe")
        transport.put([(str(tree), f"{there}/tree")])
        assert transport.get([(f"{there}/tree", str(here / "back"))]) == []
        found = sorted(str(path.relative_to(here / "back")) for path in (here / "back").rglob("*"))
        assert found == ["deep", "deep/er", "deep/er/file", "empty", "link", "é\udc80"]
        assert (here / "back" / "deep" / "er" / "file").read_text() == "deep"
        assert (here / "back" / "link").readlink() == Path("deep/er/file")

    def test_a_directory_that_is_there_is_added_to(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "tree").mkdir()
        (here / "tree" / "new").write_text("new")
        transport.write([(f"{there}/tree/old", b"old", 0o600)])
        transport.put([(str(here / "tree"), f"{there}/tree")])
        assert transport.run(f"cat {there}/tree/new {there}/tree/old").stdout == b"newold"

    def test_a_named_link_gives_what_it_leads_to(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "file").write_text("content")
        (here / "link").symlink_to("file")
        transport.put([(str(here / "link"), f"{there}/a")])
        transport.run(f"ln -s a {there}/b")
        transport.get([(f"{there}/b", str(here / "c"))])
        assert not (here / "c").is_symlink()
        assert (here / "c").read_text() == "content"

    def test_what_is_there_already_is_left_alone(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        for name in ("same", "longer", "newer"):
            (here / name).write_text("first")
            os.utime(here / name, (1e9, 1e9))
        copies = [(str(here / name), f"{there}/{name}") for name in ("same", "longer", "newer")]
        transport.put(copies)
        (here / "same").write_text("other")
        os.utime(here / "same", (1e9, 1e9))
        (here / "longer").write_text("longer")
        os.utime(here / "longer", (1e9, 1e9))
        (here / "newer").write_text("newer"[:5])
        transport.put(copies)
        told = transport.run(f"cd {there}; cat same; echo; cat longer; echo; cat newer").stdout
        assert told == b"first\nlonger\nnewer"
        (here / "same").write_text("third")
        os.utime(here / "same", (1e9, 1e9))
        assert transport.get([(f"{there}/same", str(here / "same"))]) == []
        assert (here / "same").read_text() == "third"
        assert transport.get([(f"{there}/longer", str(here / "same"))]) == []
        assert (here / "same").read_text() == "longer"

    def test_a_changed_mode_travels_alone(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "tool").write_text("echo works\n")
        copies = [(str(here / "tool"), f"{there}/tool")]
        transport.put(copies)
        (here / "tool").chmod(0o755)
        transport.put(copies)
        assert transport.run(f"{there}/tool").exitcode == 0

    def test_what_is_missing_there_is_told(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        transport.write([(f"{there}/a", b"a", 0o600)])
        copies = [(f"{there}/{name}", str(here / name)) for name in ("x", "a", "y/z")]
        assert transport.get(copies) == [f"{there}/x", f"{there}/y/z"]
        assert names_in(here) == ["a"]

    def test_what_is_missing_here_is_an_error(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "a").touch()
        copies = [(str(here / name), f"{there}/{name}") for name in ("a", "no such file")]
        with pytest.raises(FileNotFoundError, match="no such file"):
            transport.put(copies)

    def test_many_files_travel_together(self, transport: Transport, there: str, here: Path) -> None:
        (here / "many").mkdir()
        for i in range(500):
            (here / "many" / f"{i}").write_text(f"content of {i}")
        transport.put([(str(here / "many"), f"{there}/many")])
        assert transport.run(f"ls -A {there}/many | wc -l").stdout.strip() == b"500"
        transport.get([(f"{there}/many/{i}", str(here / "back" / f"{i}")) for i in range(500)])
        for i in range(500):
            assert (here / "back" / f"{i}").read_text() == f"content of {i}"

    def test_a_copy_that_was_cut_off_leaves_nothing_in_the_way(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        (here / "a").write_text("whole")
        transport.write([(f"{there}/.a.part", b"a part of it", 0o600)])
        (here / ".b.part").write_text("a part of it")
        transport.put([(str(here / "a"), f"{there}/a")])
        assert transport.run(f"ls -A {there}").stdout == b"a\n"
        transport.get([(f"{there}/a", str(here / "b"))])
        assert names_in(here) == ["a", "b"]

    # trouble with files

    def test_a_file_that_cannot_be_written_is_named(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        transport.write([(f"{there}/file", b"", 0o600)])
        (here / "a").touch()
        for path in (f"{there}/file/below", "/sys/gc3-test"):
            with pytest.raises(UnrecoverableDataStagingError, match=path):
                transport.write([(path, b"x", 0o600)])
            with pytest.raises(UnrecoverableDataStagingError, match=path):
                transport.put([(str(here / "a"), path)])

    def test_a_directory_stands_in_the_way_of_a_file(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        transport.write([(f"{there}/a/b", b"b", 0o600)])
        (here / "a").write_text("a")
        with pytest.raises(UnrecoverableDataStagingError, match=f"{there}/a"):
            transport.put([(str(here / "a"), f"{there}/a")])
        assert transport.run(f"ls -A {there}").stdout == b"a\n"

    def test_a_file_here_that_cannot_be_written_is_named(
        self, transport: Transport, there: str, here: Path
    ) -> None:
        transport.write([(f"{there}/a", b"a", 0o600)])
        (here / "file").touch()
        with pytest.raises(UnrecoverableDataStagingError, match="here/file"):
            transport.get([(f"{there}/a", str(here / "file" / "below"))])

    # several of them

    def test_each_of_several_can_be_closed(self, make_transport: MakeTransport) -> None:
        first, second = make_transport(), make_transport()
        assert first.run("echo 1").stdout == b"1\n"
        assert second.run("echo 2").stdout == b"2\n"
        first.close()
        first.close()
        assert second.run("echo 3").stdout == b"3\n"


def names_in(directory: Path) -> list[str]:
    """What lies in a directory."""
    return sorted(path.name for path in directory.iterdir())
