"""What is said about SSH, and to it."""

import socket
import subprocess
import sys

import pytest

pytest.importorskip("asyncssh")

import asyncssh

from gc3libs.backends.transport import _ssh_errors as errors
from gc3libs.backends.transport._ssh_address import Address, jump_addresses
from gc3libs.exceptions import (
    RecoverableDataStagingError,
    RecoverableTransportError,
    UnrecoverableDataStagingError,
    UnrecoverableTransportError,
)

HAL = Address("hal")


@pytest.mark.parametrize(
    ("address", "command"),
    [
        (HAL, "ssh hal"),
        (Address("hal", "me", 2222), "ssh -p 2222 me@hal"),
        (Address("hal", identity="/my keys/k"), "ssh -i '/my keys/k' hal"),
        (Address("hal", jump="me@gate:2,inner"), "ssh -J me@gate:2,inner hal"),
    ],
)
def test_the_command_line_that_reaches_a_host(address, command):
    assert address.command() == command


@pytest.mark.parametrize(
    ("jumps", "addresses"),
    [
        ("", []),
        ("gate", [Address("gate")]),
        ("me@gate:2222,inner", [Address("gate", "me", 2222), Address("inner")]),
        ("[::1]:22", [Address("::1", None, 22)]),
    ],
)
def test_jump_hosts_are_read_as_ssh_reads_them(jumps, addresses):
    assert jump_addresses(jumps) == addresses


@pytest.mark.parametrize(
    ("code", "been_there", "kind"),
    [
        (socket.EAI_NONAME, False, UnrecoverableTransportError),
        (socket.EAI_NONAME, True, RecoverableTransportError),
        (socket.EAI_AGAIN, False, RecoverableTransportError),
    ],
)
def test_a_name_that_is_not_found_may_be_found_later_if_it_ever_was(code, been_there, kind):
    error = errors.of_connecting(socket.gaierror(code, "?"), HAL, been_there=been_there)
    assert type(error) is kind
    assert "hal" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 22)"),
        TimeoutError(),
        OSError("Multiple exceptions: [Errno 111] ..., [Errno 101] ..."),
        asyncssh.ConnectionLost("Connection lost"),
        asyncssh.ProtocolError("?"),
        EOFError(),
    ],
)
def test_what_may_pass_is_recoverable(error):
    for been_there in (False, True):
        made = errors.of_connecting(error, HAL, been_there=been_there)
        assert type(made) is RecoverableTransportError
        assert str(made).startswith("hal cannot be reached: ")


def test_methods_that_nobody_shares_do_not_pass():
    made = errors.of_connecting(asyncssh.KeyExchangeFailed("none"), HAL, been_there=True)
    assert type(made) is UnrecoverableTransportError


def test_a_full_disk_may_pass():
    failure = asyncssh.SFTPFailure("Failure")
    assert type(errors.of_file(failure, "/a", "hal", full=True)) is RecoverableDataStagingError
    refused = errors.of_file(failure, "/a", "hal", full=False)
    assert type(refused) is UnrecoverableDataStagingError
    assert str(refused) == "cannot use hal:/a: failure"


def test_without_asyncssh_it_says_what_to_install():
    script = (
        "import sys; sys.modules['asyncssh'] = None\n"
        "from gc3libs.exceptions import ConfigurationError\n"
        "try: import gc3libs.backends.transport.ssh\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip().endswith("pip install 'gc3libs[ssh]'"), done
