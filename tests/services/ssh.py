"""A private sshd on loopback, whose users are let in with a key, and what they have in `~/.ssh`."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 30.0
USER = "gc3test"
"""Who logs in where the tests may make users; its shell is `/bin/sh`."""


def find_sshd() -> str:
    """The program; skips the test where there is none."""
    path = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no sshd")
        pytest.skip("no sshd: apt-get install openssh-server")
    return path


def user() -> str:
    """Who logs in: a plain user, made where that is allowed."""
    if os.getuid() != 0:
        return getpass.getuser()
    if not _is_there(USER):
        command = ["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", USER]
        subprocess.run(command, check=False, capture_output=True)
        until(lambda: _is_there(USER))  # another process may be making it
    return USER


def _is_there(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def free_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(condition: Callable[[], object]) -> None:
    """Wait for something that announces itself in no way."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Sshd:
    """A server in a directory of its own; `home` is what its users' `HOME` is to be.

    The directory lies where the user that logs in can find its `authorized_keys`.
    """

    def __init__(self, *options: str) -> None:
        self._program = find_sshd()
        self._directory = directory = Path(tempfile.mkdtemp(prefix="gc3-sshd-"))
        directory.chmod(0o711)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.user = user()
        self.home = directory / "home"
        self._make_keys()
        self._configure(options)
        self.write_client_config()

    def _make_keys(self) -> None:
        (self.home / ".ssh").mkdir(parents=True)
        self.key = self.home / ".ssh" / "key"
        self.host_key = self._directory / "host_key"
        for path in (self.key, self.host_key):
            self.make_key(path)

    @staticmethod
    def make_key(path: Path, passphrase: str = "") -> None:
        """Make a key and the public one beside it."""
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
        subprocess.run(command, check=True)

    def _configure(self, options: tuple[str, ...]) -> None:
        authorized = self._directory / "authorized_keys"
        shutil.copy(f"{self.key}.pub", authorized)
        authorized.chmod(0o644)
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            "PidFile none",
            f"AuthorizedKeysFile {authorized}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "StrictModes no",
            "UsePAM no",
            "MaxStartups 100:30:200",
            "PermitUserEnvironment no",
            "AcceptEnv GC3_* SLURM_CONF",
            "AllowTcpForwarding yes",
            *(options or ("Subsystem sftp internal-sftp",)),
        ]
        (self._directory / "sshd_config").write_text("\n".join(lines) + "\n")

    def write_client_config(self, *lines: str, host: str = "cluster", port: int = 0) -> None:
        """Say in `~/.ssh/config` how to reach it; added to what stands there."""
        known = self.home / ".ssh" / "known_hosts"
        public = Path(f"{self.host_key}.pub").read_text().split()
        port = port or self.port
        with known.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        with (self.home / ".ssh" / "config").open("a") as file:
            file.write(f"Host {host}\n")
            file.writelines(f" {line}\n" for line in lines)
            file.write(f" HostName 127.0.0.1\n Port {port}\n User {self.user}\n")
            file.write(f" IdentityFile {self.key}\n IdentitiesOnly yes\n")
            file.write(f" UserKnownHostsFile {known}\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        log = (self._directory / "sshd.log").open("ab")
        command = [self._program, "-D", "-e", "-f", str(self._directory / "sshd_config")]
        with log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "sshd.log").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self) -> None:
        """End it; the sessions that it has go on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def remove(self) -> None:
        """End it, and remove all that it has."""
        self.stop()
        shutil.rmtree(self._directory)

    def sessions(self) -> list[int]:
        """Process IDs of the servers of its sessions."""
        assert self._process is not None
        return descendants(self._process.pid, "sshd")

    def cut_sessions(self) -> None:
        """Kill the servers of all sessions, so that their connections end in whatever they did."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int, name: str) -> list[int]:
    """Living processes of this name that a process, or one of these, has started."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child}/stat").read_text()
            if f"({name})" in words and words.rpartition(")")[2].split()[0] != "Z":
                found += [int(child), *descendants(int(child), name)]
    return found
