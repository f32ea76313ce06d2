"""What ``python -m streamdcm.write.codec_child`` does: it codes frames, in a process that holds little else."""

from __future__ import annotations

import sys
from types import ModuleType


def _leave_out_private_elements() -> None:
    """Let pydicom have no names of private elements: they take 39 MiB, and to code a frame needs none of them."""
    empty = ModuleType("pydicom._private_dict")
    empty.__getattr__ = lambda _: {}  # type: ignore[method-assign]
    sys.modules[empty.__name__] = empty


if __name__ == "__main__":
    _leave_out_private_elements()
    from streamdcm.write.codec_process import main

    main()
