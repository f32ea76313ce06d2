"""How much memory this process has."""

from __future__ import annotations

try:
    import psutil
except ImportError:  # it comes with the extra cli
    psutil = None


def anonymous_memory() -> int | None:
    """Return the bytes of memory with no file behind them, or all that are resident where the system says no more.

    Nothing where neither psutil is installed nor ``/proc`` is there to tell.
    """
    if psutil is not None:
        memory = psutil.Process().memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))
    try:
        with open("/proc/self/status", "rb") as status:
            fields = dict(line.split(b":", 1) for line in status)
        return 1024 * int(fields[b"RssAnon"].split()[0])
    except (FileNotFoundError, KeyError):
        return None


class MemoryMeter:
    """Notes how far the memory rises above what it is when the meter is made."""

    def __init__(self) -> None:
        self.start = self.most = anonymous_memory()

    def read(self) -> int | None:
        """Return the bytes in use now, and note them."""
        now = anonymous_memory()
        if now is not None:
            self.most = max(self.most or 0, now)
        return now
