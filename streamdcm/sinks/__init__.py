"""Sinks: everything that bytes can be written to, behind one small protocol."""

from streamdcm.sinks.asynchronous import resolve_async
from streamdcm.sinks.delivery import Delivery
from streamdcm.sinks.handles import is_discardable
from streamdcm.sinks.locations import printable, printable_text, told
from streamdcm.sinks.output import AsyncOutput, Output, PartsOutput, policy_of
from streamdcm.sinks.protocols import (
    Checksummed,
    ReadableOutput,
    SeekableSink,
    Sink,
    TakesSize,
    Transactional,
    Uploading,
    takes_size,
)
from streamdcm.sinks.resolve import resolve
from streamdcm.sinks.spool import SpoolFile, spooled
from streamdcm.sinks.storage.requests import Performer
from streamdcm.sinks.storage.urls import is_remote_path, scheme_of, url_reader, wants_size

__all__ = [
    "AsyncOutput",
    "Checksummed",
    "Delivery",
    "Output",
    "PartsOutput",
    "Performer",
    "ReadableOutput",
    "SeekableSink",
    "Sink",
    "SpoolFile",
    "TakesSize",
    "Transactional",
    "Uploading",
    "is_discardable",
    "is_remote_path",
    "policy_of",
    "printable",
    "printable_text",
    "resolve",
    "resolve_async",
    "scheme_of",
    "spooled",
    "takes_size",
    "told",
    "url_reader",
    "wants_size",
]
