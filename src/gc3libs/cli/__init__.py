"""The command `gc3`: for everything that people do with sessions."""

from gc3libs.cli._main import main

__all__ = ["main"]
