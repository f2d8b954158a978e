"""Who is let in where, and what one is told otherwise."""

import pickle
import re
import shutil
import subprocess

import pytest

from gc3libs.exceptions import (
    ConfigurationFileError,
    RecoverableError,
    RecoverableTransportError,
    UnrecoverableAuthError,
    UnrecoverableTransportError,
)

from ...services.ssh import Sshd, free_port, until


def refused(transport):
    """The one line that a transport says when it cannot connect; it survives pickling."""
    with pytest.raises(Exception) as caught:
        transport.home()
    error = caught.value
    # where distributed was imported, errors are pickled with all that led to them
    error.__traceback__ = error.__cause__ = error.__context__ = None
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "\n" not in str(error)
    return error


@pytest.fixture
def stranger(home):
    """A host whose key is not known."""
    port = home.port
    (home.home / ".ssh" / "other_known_hosts").unlink(missing_ok=True)
    known = f"UserKnownHostsFile {home.home}/.ssh/other_known_hosts"
    config = home.home / ".ssh" / "config"
    before = config.read_text()
    known_hosts = (home.home / ".ssh" / "known_hosts").read_text()
    home.write_client_config(known, host="stranger", port=port)
    yield home
    config.write_text(before)
    (home.home / ".ssh" / "known_hosts").write_text(known_hosts)


def ssh(server, *words):
    """What `ssh` does in the hands of this user, who answers no question."""
    config = server.home / ".ssh" / "config"
    command = ["ssh", "-F", str(config), "-o", "BatchMode=yes", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_unknown_key_is_refused_with_what_to_do(stranger, connect):
    error = refused(connect("stranger"))
    assert isinstance(error, UnrecoverableTransportError)
    look = re.search("Compare what `(.*)` shows", str(error))[1]
    shown = subprocess.run(look, shell=True, capture_output=True, text=True, check=True)
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", f"{stranger.host_key}.pub"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert fingerprint.stdout.split()[1] in shown.stdout

    accept = re.search(r"accept it: ssh (.*)", str(error))[1].split()
    assert ssh(stranger, "-o", "StrictHostKeyChecking=accept-new", *accept).returncode == 0
    assert connect("stranger").run("echo in").stdout == b"in\n"


@pytest.mark.parametrize("setting", ["none", "/dev/null"])
def test_no_setting_makes_it_trust_an_unknown_host(home, connect, setting):
    config = home.home / ".ssh" / "config"
    before = config.read_text()
    home.write_client_config(f"UserKnownHostsFile {setting}", "StrictHostKeyChecking no", host="x")
    try:
        assert isinstance(refused(connect("x")), UnrecoverableTransportError)
    finally:
        config.write_text(before)


def test_a_changed_key_is_told_apart_from_an_unknown_one(stranger, connect, tmp_path):
    Sshd.make_key(tmp_path / "key")
    words = (tmp_path / "key.pub").read_text().split()
    (stranger.home / ".ssh" / "other_known_hosts").write_text(
        f"[127.0.0.1]:{stranger.port} {words[0]} {words[1]}\n"
    )
    error = refused(connect("stranger"))
    assert "another key than the known one" in str(error)
    assert f"ssh-keygen -R '[127.0.0.1]:{stranger.port}'" in str(error)


def test_a_wrong_key_is_no_passing_trouble(home, connect, tmp_path):
    Sshd.make_key(tmp_path / "wrong")
    error = refused(connect("127.0.0.1", port=home.port, identity=str(tmp_path / "wrong")))
    assert isinstance(error, UnrecoverableAuthError)
    assert "lets nobody in" in str(error)
    assert f"ssh -v -p {home.port} -i {tmp_path}/wrong 127.0.0.1 true" in str(error)


def test_a_key_that_is_not_there_is_named(home, connect, tmp_path):
    error = refused(connect("cluster", identity=str(tmp_path / "none")))
    assert isinstance(error, UnrecoverableAuthError)
    assert f"{tmp_path}/none, is not there" in str(error)


def test_nobody_is_asked_for_a_passphrase(home, connect, tmp_path):
    Sshd.make_key(tmp_path / "locked", passphrase="secret")
    error = refused(connect("cluster", identity=str(tmp_path / "locked")))
    assert isinstance(error, UnrecoverableAuthError)
    assert f"ssh-add {tmp_path}/locked" in str(error)


def test_an_unknown_name_is_no_passing_trouble(home, connect):
    error = refused(connect("no-such-host.invalid"))
    assert isinstance(error, UnrecoverableTransportError | RecoverableTransportError)
    assert "no-such-host.invalid" in str(error)


def test_a_refused_connection_may_pass(home, connect):
    error = refused(connect("127.0.0.1", port=free_port()))
    assert isinstance(error, RecoverableTransportError)
    assert str(error) == "127.0.0.1 cannot be reached: connection refused"


def test_something_else_that_listens_there_may_pass(home, connect, proxy):
    proxy.refuses = True
    error = refused(connect(f"far{proxy.port}"))
    assert isinstance(error, RecoverableTransportError)


def test_a_wrong_configuration_is_named(home, connect):
    config = home.home / ".ssh" / "config"
    before = config.read_text()
    config.write_text(f"{before}Host *\n Port many\n")
    try:
        error = refused(connect("elsewhere"))
    finally:
        config.write_text(before)
    assert isinstance(error, ConfigurationFileError)
    assert f"{config} line" in str(error)
    assert not isinstance(error, RecoverableError)


def test_what_is_given_overrules_what_is_configured(home, connect):
    config = home.home / ".ssh" / "config"
    before = config.read_text()
    config.write_text(f"{before}Host wrong\n HostName 127.0.0.1\n Port 1\n User nobody\n")
    try:
        transport = connect("wrong", user=home.user, port=home.port, identity=str(home.key))
        assert transport.run("id -un").stdout.decode().strip() == home.user
    finally:
        config.write_text(before)


def test_a_key_in_the_agent_opens(home, connect, monkeypatch, tmp_path):
    if shutil.which("ssh-agent") is None:
        pytest.skip("no ssh-agent")
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        until(socket.exists)
        subprocess.run(["ssh-add", "-q", str(home.key)], check=True)
        with_agent = connect("127.0.0.1", user=home.user, port=home.port)
        assert with_agent.run("echo in").stdout == b"in\n"
        with_agent.close()
    finally:
        agent.terminate()
        agent.wait()
    assert isinstance(
        refused(connect("127.0.0.1", user=home.user, port=home.port)), UnrecoverableAuthError
    )


@pytest.mark.parametrize("configured", [True, False])
def test_a_jump_host_leads_there(home, connect, proxy, configured):
    gate = f"far{proxy.port}"
    if configured:
        home.write_client_config(f"ProxyJump {gate}", host=f"behind-{gate}")
        transport = connect(f"behind-{gate}")
    else:
        transport = connect("cluster", jump=f"{gate},{gate}")
    assert transport.run("echo behind").stdout == b"behind\n"
    assert proxy.connections >= 1
    transport.put([(str(home.key), "/tmp/gc3-test-jump")])
    assert transport.run("rm /tmp/gc3-test-jump").exitcode == 0


def test_a_jump_host_that_is_down_is_named(home, connect):
    port = free_port()
    error = refused(connect("cluster", jump=f"127.0.0.1:{port}"))
    assert str(error) == "127.0.0.1 cannot be reached: connection refused"


def test_a_gate_for_all_hosts_is_not_its_own(home, connect, proxy):
    config = home.home / ".ssh" / "config"
    before = config.read_text()
    config.write_text(f"{before}Host *\n ProxyJump far{proxy.port}\n")
    try:
        assert connect().run("echo once").stdout == b"once\n"
    finally:
        config.write_text(before)
    assert proxy.connections == 1


def test_a_server_without_sftp_says_so(monkeypatch, connect):
    server = Sshd("PermitTTY no")
    server.start()
    try:
        monkeypatch.setenv("HOME", str(server.home))
        error = refused(connect())
    finally:
        server.remove()
    assert isinstance(error, UnrecoverableTransportError)
    assert "SFTP" in str(error)
