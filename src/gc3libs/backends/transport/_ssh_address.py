"""Where a host is, and what the user's OpenSSH configuration says about it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh
import msgspec

_CONFIGS = ("~/.ssh/config", "/etc/ssh/ssh_config")
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

_FASTEST = "aes128-gcm@openssh.com"  # of those that OpenSSH offers; twice as fast as its first one
_LOGIN = 60  # seconds to let us in
_DEFAULTS = (
    ("connect_timeout", "ConnectTimeout", 30),  # in seconds
    ("keepalive_interval", "ServerAliveInterval", 15),  # in seconds; a dead line is noticed
    ("keepalive_count_max", "ServerAliveCountMax", 3),  # after so many of them
)


class Address(msgspec.Struct, frozen=True):
    """A host, named as in `~/.ssh/config` or in the network; the rest overrules what stands there.

    Attributes:
        identity: The file of a private key.
        jump: Hosts to go through, as `ssh -J` takes them.
    """

    host: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    jump: str | None = None

    def command(self, *options: str) -> str:
        """The command line that reaches it by hand."""
        words = ["ssh", *options]
        if self.port is not None:
            words += ["-p", str(self.port)]
        if self.identity is not None:
            words += ["-i", self.identity]
        if self.jump is not None:
            words += ["-J", self.jump]
        return shlex.join([*words, f"{self.user}@{self.host}" if self.user else self.host])


def jump_addresses(jumps: str) -> list[Address]:
    """The hosts of a `ProxyJump`, the first to be connected to first.

    >>> jump_addresses("me@gate:2222,inner")
    [Address(host='gate', user='me', port=2222, identity=None, jump=None), \
Address(host='inner', user=None, port=None, identity=None, jump=None)]
    """
    addresses = []
    for each in filter(None, jumps.split(",")):
        user, _, place = each.strip().rpartition("@")
        host, _, port = place.rpartition(":")
        if port.isdecimal() and host:
            addresses.append(Address(host.strip("[]"), user or None, int(port)))
        else:
            addresses.append(Address(place.strip("[]"), user or None))
    return addresses


class Settings(NamedTuple):
    """How to connect to a host: what is configured, and what stands in for what is not.

    Attributes:
        arguments: For `asyncssh.connect`.
        host, port: The real ones.
        jumps: Hosts to go through, as `ssh -J` takes them; empty: none.
    """

    arguments: dict[str, Any]
    host: str
    port: int
    jumps: str


def settings_for(address: Address, *, compressed: bool) -> Settings:
    """How to connect to a host; its key is checked, whatever is configured.

    Raises:
        asyncssh.ConfigParseError: A configuration file is wrong.
        asyncssh.KeyImportError: The key cannot be used.
    """
    configs = [path for path in map(_path, _CONFIGS) if path.is_file()]
    arguments: dict[str, Any] = {"config": configs, "login_timeout": _LOGIN}
    if address.user is not None:
        arguments["username"] = address.user
    if address.port is not None:
        arguments["port"] = address.port
    if address.identity is not None:
        arguments["client_keys"] = [str(_path(address.identity))]
    options = asyncssh.SSHClientConnectionOptions(host=address.host, **arguments)
    for argument, option, default in _DEFAULTS:
        arguments[argument] = options.config.get(option, default)
    arguments["known_hosts"] = _known_hosts(options.config)
    if options.config.get("Ciphers") is None:
        arguments["encryption_algs"] = f"^{_FASTEST}"
    if compressed and options.config.get("Compression") is None:
        arguments["compression_algs"] = ["zlib@openssh.com", "zlib", "none"]
    configured = options.tunnel if isinstance(options.tunnel, str) else ""
    jumps = configured if address.jump is None else address.jump
    return Settings(arguments, options.host, options.port, jumps)


def _known_hosts(configured: Any) -> bytes:
    """The text of all files of known keys that there are; never empty, which has a meaning."""
    names = [
        *configured.get("UserKnownHostsFile", _KNOWN_HOSTS),
        *configured.get("GlobalKnownHostsFile", _GLOBAL_KNOWN_HOSTS),
    ]
    texts = [path.read_bytes() for path in map(_path, names) if path.is_file()]
    return b"\n".join([*texts, b"\n"])


def _path(name: str) -> Path:
    return Path(name).expanduser()
