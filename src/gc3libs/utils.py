"""Small helpers that scripts use; nothing of the library itself does."""

from gc3libs._struct import Struct
from gc3libs.compat.counter import progressive_number
from gc3libs.compat.files import (
    backup,
    basename_sans,
    cat,
    check_file_access,
    fgrep,
    grep,
    mkdir,
    mkdir_with_backup,
    movefile,
    movetree,
    occurs,
    read_contents,
    tempdir,
    touch,
    update_parameter_in_file,
    write_contents,
)
from gc3libs.compat.history import History
from gc3libs.compat.values import Enum, first, irange, parse_range, string_to_boolean, to_bytes

__all__ = [
    "Enum",
    "History",
    "Struct",
    "backup",
    "basename_sans",
    "cat",
    "check_file_access",
    "fgrep",
    "first",
    "grep",
    "irange",
    "mkdir",
    "mkdir_with_backup",
    "movefile",
    "movetree",
    "occurs",
    "parse_range",
    "progressive_number",
    "read_contents",
    "string_to_boolean",
    "tempdir",
    "to_bytes",
    "touch",
    "update_parameter_in_file",
    "write_contents",
]
