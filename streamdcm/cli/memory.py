"""How much memory this process has."""

import resource
import sys


def anonymous_memory() -> int:
    """Return the bytes of memory with no file behind them.

    Where the system does not say (it has no ``/proc``), these are the most bytes that were resident so far.
    """
    try:
        with open("/proc/self/status", "rb") as status:
            fields = dict(line.split(b":", 1) for line in status)
        return 1024 * int(fields[b"RssAnon"].split()[0])
    except (FileNotFoundError, KeyError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


class MemoryMeter:
    """Notes how far the memory rises above what it is when the meter is made."""

    def __init__(self) -> None:
        self.start = self.most = anonymous_memory()

    def read(self) -> int:
        """Return the bytes in use now, and note them."""
        now = anonymous_memory()
        self.most = max(self.most, now)
        return now
