"""Settings: what the user wants different from the defaults, and where each value comes from."""

from gc3libs.config._clusters import (
    BatchResource,
    Cluster,
    DaskResource,
    HostResource,
    Limits,
    LocalResource,
    LsfResource,
    PbsResource,
    RemoteResource,
    SgeResource,
    SlurmResource,
)
from gc3libs.config._gc3pie import Configuration, read_sections
from gc3libs.config._loading import load_settings
from gc3libs.config._sections import Section
from gc3libs.config._settings import Resources, Settings

__all__ = [
    "BatchResource",
    "Cluster",
    "Configuration",
    "DaskResource",
    "HostResource",
    "Limits",
    "LocalResource",
    "LsfResource",
    "PbsResource",
    "RemoteResource",
    "Resources",
    "Section",
    "Settings",
    "SgeResource",
    "SlurmResource",
    "load_settings",
    "read_sections",
]
