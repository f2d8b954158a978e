"""For authors of scripts that run sessions."""

from gc3libs.cmdline._run import run

__all__ = ["run"]
