"""Sinks: everything that bytes can be written to, behind one small protocol."""

from streamdcm.sinks.asynchronous import AsyncOutput, resolve_async
from streamdcm.sinks.protocols import Output, SeekableSink, Sink, Transactional
from streamdcm.sinks.resolve import resolve
from streamdcm.sinks.spool import spooled

__all__ = ["AsyncOutput", "Output", "SeekableSink", "Sink", "Transactional", "resolve", "resolve_async", "spooled"]
