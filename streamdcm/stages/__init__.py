"""Encoder stages: generators of instructions that make up a file when they run one after another.

They take public values, compose with ``yield from``, and know nothing of where the bytes go. Run one
on its own, wrap one, or put one of your own beside them; `streamdcm.write_encoder` and
`streamdcm.encoder_chunks` drive the result.
"""

from streamdcm.context import Encoding, Layout
from streamdcm.stages.dataset import dataset_body
from streamdcm.stages.deflate import deflate
from streamdcm.stages.file_meta import file_meta
from streamdcm.stages.preamble import preamble
from streamdcm.stages.settle import read_copies, settle

__all__ = ["Encoding", "Layout", "dataset_body", "deflate", "file_meta", "preamble", "read_copies", "settle"]
