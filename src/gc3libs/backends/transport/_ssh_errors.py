"""What goes wrong with SSH, in words, as errors of ours."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
from collections.abc import Iterator

import asyncssh

from gc3libs.backends._staging import may_pass
from gc3libs.backends.transport._ssh_address import Address, Settings
from gc3libs.exceptions import (
    ConfigurationFileError,
    Error,
    RecoverableDataStagingError,
    RecoverableTransportError,
    UnrecoverableAuthError,
    UnrecoverableDataStagingError,
    UnrecoverableTransportError,
)

LOST = (
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.SFTPBadMessage,
    ConnectionError,
    EOFError,
)
"""What is raised when a connection, or its channel for files, is gone."""


REFUSALS = (
    Error,
    asyncssh.Error,
    asyncssh.ConfigParseError,
    asyncssh.KeyEncryptionError,
    asyncssh.KeyImportError,
    OSError,
    EOFError,
)
"""What is raised when there is no connection to be had; anything else is a bug."""


def of_connecting(err: Exception, address: Address, *, been_there: bool) -> Error:
    """Why a host cannot be connected to.

    What cannot be true of a host that was reached before (`been_there`) may pass.
    """
    host = address.host
    match err:
        case Error():
            return err
        case asyncssh.ConfigParseError():
            return ConfigurationFileError(f"the configuration of ssh: {err}", do_log=False)
        case asyncssh.KeyImportError() | asyncssh.KeyEncryptionError():
            return UnrecoverableAuthError(
                f"the key to {host} cannot be used: {err}. One with a passphrase must be loaded"
                f" before: {_loading(address)}"
            )
        case asyncssh.ChannelOpenError(code=asyncssh.OPEN_REQUEST_SESSION_FAILED) if not been_there:
            return UnrecoverableTransportError(f"{host} offers no SFTP, which is needed for files")
        case FileNotFoundError():
            return UnrecoverableAuthError(f"the key to {host}, {err.filename}, is not there")
        case asyncssh.PermissionDenied():
            return UnrecoverableAuthError(
                f"{host} lets nobody in with these keys ({err.reason}). One with a passphrase must"
                f" be loaded before: {_loading(address)}. What is tried shows with:"
                f" {address.command('-v')} true"
            )
        case asyncssh.KeyExchangeFailed():
            return UnrecoverableTransportError(f"{host} and this program share no method: {err}")
        case socket.gaierror() if err.errno != socket.EAI_AGAIN and not been_there:
            return UnrecoverableTransportError(
                f"there is no host {host!r}: it is neither in ~/.ssh/config nor in the network"
            )
        case TimeoutError():
            return RecoverableTransportError(f"{host} cannot be reached: no answer in time")
    return RecoverableTransportError(f"{host} cannot be reached: {_words(err)}")


def _loading(address: Address) -> str:
    return "ssh-add" if address.identity is None else f"ssh-add {shlex.quote(address.identity)}"


def of_unknown_key(address: Address, settings: Settings) -> Error:
    """Why a host is not trusted, and what to do."""
    host, port = settings.host, settings.port
    name = host if port == 22 else f"[{host}]:{port}"
    scan = f"ssh-keyscan -p {port} {host}"
    if settings.jumps:
        scan = f"{_jump_command(settings.jumps)} {scan}"
    problem, forget = f"the key of {address.host} ({name}) is not known", ""
    if asyncssh.match_known_hosts(settings.arguments["known_hosts"], host, "", port)[0]:
        problem = (
            f"{address.host} ({name}) shows another key than the known one: it was set up anew, or"
            " something else answers in its place"
        )
        forget = f"ssh-keygen -R '{name}'; "
    return UnrecoverableTransportError(
        f"{problem}. Compare what `{scan} | ssh-keygen -lf -` shows with what its owners publish,"
        f" then accept it: {forget}{address.command()} true"
    )


def _jump_command(jump: str) -> str:
    """The command line that reaches the last of these hosts by hand."""
    *before, last = jump.split(",")
    host, _, port = last.rpartition(":")
    words = ["ssh", *(["-J", ",".join(before)] if before else [])]
    words += ["-p", port, host] if host and port.isdecimal() else [last]
    return " ".join(words)


def of_breaking(err: BaseException, host: str) -> Error:
    """That a connection broke, or did not do what it should, while it was used."""
    if isinstance(err, TimeoutError):
        return RecoverableTransportError(f"{host} does not answer in time")
    if isinstance(err, asyncssh.ChannelOpenError):
        return RecoverableTransportError(f"{host} runs no command at the moment: {_words(err)}")
    return RecoverableTransportError(f"the connection to {host} was cut: {_words(err)}")


def of_file(err: Exception, path: str, host: str, *, full: bool) -> Error:
    """Why a file there cannot be read or written; `full`: its file system has no room."""
    if full or isinstance(err, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return RecoverableDataStagingError(f"cannot write {host}:{path}: its disk is full")
    return UnrecoverableDataStagingError(f"cannot use {host}:{path}: {_words(err)}")


@contextlib.contextmanager
def of_files_here() -> Iterator[None]:
    """Say what is wrong with files of this machine, but not that one is missing."""
    try:
        yield
    except (*LOST, TimeoutError, FileNotFoundError):
        raise
    except OSError as err:
        text = f"cannot use {err.filename}: {_words(err)}" if err.filename else str(err)
        if may_pass(err):
            raise RecoverableDataStagingError(text) from err
        raise UnrecoverableDataStagingError(text) from err


def _words(err: BaseException) -> str:
    text = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else ""
    text = text or getattr(err, "reason", "") or str(err) or type(err).__name__
    return text if text[:3].isupper() else text[0].lower() + text[1:]
