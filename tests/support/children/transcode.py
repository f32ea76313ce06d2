"""The child of ``test_transcode_memory.py``: ``python -m tests.support.children.transcode SOURCE SYNTAX WORKERS``.

Writes a file anew in another transfer syntax, and counts the bytes; a ratio may follow.
"""

import sys

import streamdcm
from tests.support.memory import run_case
from tests.support.targets import Counting


def main(source: str, syntax: str, workers: str, ratio: str = "") -> None:
    """Run one case; a ratio is what only a library has that needs processes."""
    options = {"ratio": float(ratio)} if ratio else {}
    sink, rewrite = Counting(), streamdcm.rewrite  # which is imported before anything is measured

    def run() -> int:
        rewrite(source, sink, transfer_syntax=syntax, codec_workers=int(workers), codec_options=options)
        return sink.written

    run_case(run)


if __name__ == "__main__":
    main(*sys.argv[1:])
