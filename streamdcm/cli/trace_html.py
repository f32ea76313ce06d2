"""A trace of a write, as one page for a browser: a strip of the bytes, and a slider over the steps."""

from __future__ import annotations

from typing import Any

from streamdcm.cli.pages import write_filled
from streamdcm.cli.trace_steps import Instance, words_of
from streamdcm.cli.trace_text import heading_of


def write_trace_page(target: str, instances: list[Instance]) -> None:
    """Write the page to a path or a URL.

    Parameters
    ----------
    target : str
        Where to write.
    instances : list of Instance
        The trace.
    """
    write_filled(target, "trace.html", [_data(instance) for instance in instances])


def _data(instance: Instance) -> dict[str, Any]:
    return {
        "target": instance.target,
        "policy": instance.policy,
        "facts": heading_of(instance),
        "size": instance.size,
        "waiting": instance.most_waiting,
        "spooled": max((step.spooled for step in instance.steps), default=0),
        "steps": [(*step, words_of(step)) for step in instance.steps],
    }
