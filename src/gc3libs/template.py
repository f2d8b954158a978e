"""Texts with parameters, and all the texts that follow from lists of values."""

from gc3libs.compat.template import Template, always_true, expansions

__all__ = ["Template", "always_true", "expansions"]
