"""Sinks: everything that bytes can be written to, behind one small protocol."""

from streamdcm.sinks.protocols import Output, SeekableSink, Sink, Transactional
from streamdcm.sinks.resolve import resolve
from streamdcm.sinks.spool import spooled

__all__ = ["Output", "SeekableSink", "Sink", "Transactional", "resolve", "spooled"]
