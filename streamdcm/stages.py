"""Encoder stages: generators of instructions that make up a file when they run one after another.

They take public values, compose with ``yield from``, and know nothing of where the bytes go. Run one
on its own, wrap one, or put one of your own beside them; `streamdcm.write_encoder` and
`streamdcm.encoder_chunks` drive the result.
"""

from streamdcm.encode.body import dataset_body
from streamdcm.encode.deflate import deflate
from streamdcm.encode.file_head import file_meta, preamble
from streamdcm.encode.layout import Encoding, Layout
from streamdcm.engine.in_order import in_order
from streamdcm.engine.read_copies import read_copies

settle = in_order
"""The earlier name of `in_order`."""

__all__ = [
    "Encoding",
    "Layout",
    "dataset_body",
    "deflate",
    "file_meta",
    "in_order",
    "preamble",
    "read_copies",
    "settle",
]
