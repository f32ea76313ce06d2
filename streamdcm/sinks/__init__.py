"""Sinks: everything that bytes can be written to, behind one small protocol."""

from streamdcm.sinks.protocols import Output, SeekableSink, Sink, Transactional
from streamdcm.sinks.resolve import resolve

__all__ = ["Output", "SeekableSink", "Sink", "Transactional", "resolve"]
