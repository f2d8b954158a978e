"""Connections that break, in whatever they do."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from gc3libs.exceptions import (
    RecoverableDataStagingError,
    RecoverableError,
    RecoverableTransportError,
)

from ...services.ssh import until

MB = 1 << 20


def cut_while(proxy, after, action):
    """Do something, and cut the line after so many bytes."""
    proxy.cut_after = after
    try:
        with pytest.raises(RecoverableTransportError) as caught:
            action()
    finally:
        proxy.cut_after = None
    return str(caught.value)


def again(action):
    """Do it as an engine does: until it works."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return action()
        except RecoverableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def visible(transport, directory):
    """Sizes of the files there that bear their own names."""
    found = transport.run(f'cd {directory}; for f in *; do [ -e "$f" ] && wc -c <"$f"; done; :')
    return [int(size) for size in found.stdout.split()]


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.98])
def test_a_cut_while_files_travel_there_leaves_only_whole_ones(
    proxy, far, connect, there, tmp_path, part
):
    copies = []
    for i in range(10):
        (tmp_path / f"{i}").write_bytes(os.urandom(MB))
        copies.append((str(tmp_path / f"{i}"), f"{there}/{i}"))
    message = cut_while(proxy, int(part * 10 * MB), lambda: far.put(copies))
    assert far.host in message
    near = connect()
    assert set(visible(near, there)) <= {MB}
    again(lambda: far.put(copies))
    for i in range(10):
        assert near.read(f"{there}/{i}") == (tmp_path / f"{i}").read_bytes()
    assert near.run(f"ls -A {there} | wc -l").stdout.strip() == b"10"


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.98])
def test_a_cut_while_files_travel_here_leaves_only_whole_ones(
    proxy, far, connect, there, tmp_path, part
):
    files = [(f"{there}/{i}", os.urandom(MB), 0o600) for i in range(10)]
    connect().write(files)
    copies = [(path, str(tmp_path / path.rpartition("/")[2])) for path, _, _ in files]
    cut_while(proxy, int(part * 10 * MB), lambda: far.get(copies))
    assert {path.stat().st_size for path in tmp_path.glob("[0-9]")} <= {MB}
    assert again(lambda: far.get(copies)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(i) for i in range(10)]
    for path, content, _ in files:
        assert (tmp_path / path.rpartition("/")[2]).read_bytes() == content


def test_only_what_is_left_travels_after_a_cut(proxy, far, there, tmp_path):
    for i in range(20):
        (tmp_path / f"{i}").write_bytes(os.urandom(MB))
    copies = [(str(tmp_path / f"{i}"), f"{there}/{i}") for i in range(20)]
    far.put(copies[:15])
    cut_while(proxy, 17 * MB, lambda: far.put(copies[15:]) or far.get([(there, f"{tmp_path}/x")]))
    before = proxy.sent
    again(lambda: far.put(copies))
    assert proxy.sent - before < 6 * MB


def test_a_file_is_replaced_as_a_whole_or_not_at_all(proxy, far, connect, there, tmp_path):
    connect().write([(f"{there}/a", b"old", 0o600)])
    (tmp_path / "a").write_bytes(os.urandom(5 * MB))
    cut_while(proxy, 3 * MB, lambda: far.put([(str(tmp_path / "a"), f"{there}/a")]))
    assert connect().read(f"{there}/a") == b"old"


def test_cuts_at_random_moments_lose_nothing(proxy, far, connect, there, tmp_path):
    chance = random.Random(7)
    copies = []
    for i in range(60):
        (tmp_path / f"{i}").write_bytes(os.urandom(chance.randrange(100_000)))
        copies.append((str(tmp_path / f"{i}"), f"{there}/{i}"))
    cuts = 0
    for _ in range(12):
        proxy.cut_after = chance.randrange(2_000, 2_500_000)
        try:
            far.put(copies)
        except RecoverableTransportError:
            cuts += 1
            time.sleep(0.3)
    proxy.cut_after = None
    again(lambda: far.put(copies))
    assert cuts > 0
    for source, target in copies:
        with open(source, "rb") as file:
            assert connect().read(target) == file.read()


def test_a_cut_while_a_command_runs_is_told(proxy, far, connect, there):
    cutter = threading.Thread(target=lambda: (until_there(connect(), f"{there}/on"), proxy.cut()))
    cutter.start()
    with pytest.raises(RecoverableTransportError, match=far.host):
        far.run(f"touch {there}/on; exec sleep 60")
    cutter.join()
    assert again(lambda: far.run("echo again")).stdout == b"again\n"


def until_there(transport, path):
    until(lambda: transport.read(path) is not None)


def test_a_killed_session_is_a_cut(home, connect, there):
    transport = connect()
    cutter = threading.Thread(target=lambda: (time.sleep(0.5), home.cut_sessions()))
    cutter.start()
    with pytest.raises(RecoverableTransportError):
        transport.run("exec sleep 60")
    cutter.join()
    assert again(lambda: transport.run("echo again")).stdout == b"again\n"


def test_an_idle_connection_that_was_cut_is_made_again_unnoticed(proxy, far):
    assert far.run("echo 1").stdout == b"1\n"
    proxy.cut()
    until(lambda: not connected(proxy))
    assert far.run("echo 2").stdout == b"2\n"
    assert proxy.connections == 2


def connected(proxy):
    time.sleep(0.2)  # for both sides to notice
    return bool(proxy._writers)


def test_a_restarted_server_is_found_again(connect, own_server):
    transport = connect()
    assert transport.run("echo before").stdout == b"before\n"
    own_server.cut_sessions()
    own_server.stop()
    for _ in range(2):
        with pytest.raises(RecoverableTransportError, match="cluster"):
            run_twice(transport)
    own_server.start()
    assert again(lambda: transport.run("echo after")).stdout == b"after\n"


def run_twice(transport):
    """A cut may not have been noticed before the first time."""
    transport.run("true")
    transport.run("true")


def test_a_host_that_is_away_is_not_pestered(proxy, far):
    proxy.refuses = True
    deadline = time.monotonic() + 3
    calls = 0
    while time.monotonic() < deadline:
        with pytest.raises(RecoverableTransportError):
            far.run("true")
        calls += 1
        time.sleep(0.01)
    assert proxy.connections <= 3
    assert calls > 20
    proxy.refuses = False
    assert again(lambda: far.run("echo back")).stdout == b"back\n"


def test_transports_of_a_process_share_a_connection(proxy, far, connect):
    others = [connect(far.host) for _ in range(5)]
    results = []
    threads = [
        threading.Thread(target=lambda each=each: results.append(each.run("echo x").stdout))
        for each in (far, *others)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"x\n"] * 24
    assert proxy.connections == 1


FORK = """
import os, sys
from gc3libs.backends.transport.ssh import SshTransport
transport = SshTransport(sys.argv[1])
print(transport.run("echo $PPID").stdout)
child = os.fork()
if child == 0:
    print(transport.run("echo $PPID").stdout, flush=True)
    transport.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(transport.run("echo $PPID").stdout)
transport.close()
"""


def test_a_forked_child_makes_a_connection_of_its_own(proxy, far):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, far.host],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    servers = re.findall(r"b'(\d+)\\n'", done.stdout)
    assert len(servers) == 3
    assert servers[0] == servers[2] != servers[1]
    assert proxy.connections == 2


def test_a_process_ends_at_once_with_a_connection_open(far):
    script = (
        "import sys; from gc3libs.backends.transport.ssh import SshTransport;"
        " print(SshTransport(sys.argv[1]).run('echo x').stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, far.host],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("b'x\\n'\n", "", 0)


def test_what_is_sent_far_away_is_compressed(proxy, far, there, tmp_path):
    proxy.delay = 0.01
    text = b"".join(b"line %d of a table of numbers\n" % i for i in range(100_000))
    (tmp_path / "table").write_bytes(text)
    far.put([(str(tmp_path / "table"), f"{there}/table")])
    assert proxy.sent < len(text) / 2
    assert far.read(f"{there}/table") == text
    assert proxy.received < len(text) / 2


def test_what_is_sent_nearby_is_not_compressed(proxy, far, there, tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(MB))
    far.put([(str(tmp_path / "zeros"), f"{there}/zeros")])
    assert proxy.sent > MB


def test_a_line_that_has_gone_silent_is_given_up(home, proxy, connect, there, tmp_path):
    host = f"silent{proxy.port}"
    alive = ("ServerAliveInterval 1", "ServerAliveCountMax 2")
    home.write_client_config(*alive, host=host, port=proxy.port)
    transport = connect(host)
    (tmp_path / "a").write_bytes(os.urandom(20 * MB))
    transport.run("true")
    silencer = threading.Thread(
        target=lambda: (until(lambda: proxy.sent > MB), setattr(proxy, "silent", True))
    )
    silencer.start()
    with pytest.raises(RecoverableTransportError, match=host):
        transport.put([(str(tmp_path / "a"), f"{there}/a")])
    silencer.join()
    proxy.silent = False
    assert again(lambda: transport.run("echo again")).stdout == b"again\n"


INTERRUPTED = """
import sys
from gc3libs.backends.transport.ssh import SshTransport
transport = SshTransport(sys.argv[1])
transport.home()
print("ready", flush=True)
try:
    transport.put([(sys.argv[2], sys.argv[3])])
except KeyboardInterrupt:
    transport.run("echo x")
    transport.close()
    print("interrupted")
"""


def test_ctrl_c_ends_a_transfer_and_leaves_the_connection_in_use(proxy, far, there, tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(20 * MB))
    proxy.rate = 2 * MB
    command = [sys.executable, "-c", INTERRUPTED, far.host, str(tmp_path / "a"), f"{there}/a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        before = proxy.sent
        until(lambda: proxy.sent > before + MB)
        process.send_signal(signal.SIGINT)
        proxy.rate = 0
        assert process.communicate(timeout=60)[0] == "interrupted\n"
    assert process.returncode == 0
    assert far.read(f"{there}/a") is None
    far.put([(str(tmp_path / "a"), f"{there}/a")])
    assert far.run(f"ls -A {there}").stdout == b"a\n"


@pytest.fixture
def small_disk(home, connect):
    """A directory there with 2 MB of room."""
    path = connect().run("mktemp -d").stdout.decode().strip()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=2m,mode=777,uid={home.user}", "none", path],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        os.rmdir(path)
        pytest.skip("this needs the right to mount")
    yield path
    subprocess.run(["umount", path], check=True)
    connect().run(f"rmdir {path}")


def test_a_full_disk_may_pass_and_holds_no_part_of_a_file(connect, small_disk, tmp_path):
    transport = connect()
    (tmp_path / "a").write_bytes(os.urandom(4 * MB))
    with pytest.raises(RecoverableDataStagingError, match=f"{small_disk}/a: its disk is full"):
        transport.put([(str(tmp_path / "a"), f"{small_disk}/a")])
    with pytest.raises(RecoverableDataStagingError, match="full"):
        transport.write([(f"{small_disk}/b", bytes(4 * MB), 0o600)])
    assert transport.run(f"ls -A {small_disk}").stdout == b""
