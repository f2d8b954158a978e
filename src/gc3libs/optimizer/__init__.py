"""Former home of a helper for parameter files."""

from gc3libs.compat._deprecation import moved
from gc3libs.compat.files import update_parameter_in_file as _function

__getattr__ = moved(
    __name__, {"update_parameter_in_file": ("gc3libs.utils.update_parameter_in_file", _function)}
)
