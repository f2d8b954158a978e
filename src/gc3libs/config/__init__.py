"""Settings: what the user wants different from the defaults, and where each value comes from."""

from gc3libs.config._gc3pie import Configuration, Section, read_sections
from gc3libs.config._loading import load_settings
from gc3libs.config._settings import LocalResource, Resources, Settings

__all__ = [
    "Configuration",
    "LocalResource",
    "Resources",
    "Section",
    "Settings",
    "load_settings",
    "read_sections",
]
