"""Sinks: everything that bytes can be written to, behind one small protocol."""

from streamdcm.sinks.protocols import Output, PartsOutput, SeekableSink, Sink, Transactional
from streamdcm.sinks.resolve import resolve
from streamdcm.sinks.spool import spooled
from streamdcm.sinks.storage import Storage

__all__ = ["Output", "PartsOutput", "SeekableSink", "Sink", "Storage", "Transactional", "resolve", "spooled"]
