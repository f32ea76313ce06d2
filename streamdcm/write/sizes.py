"""Who wants to know how many bytes a write is going to have."""

from __future__ import annotations

from streamdcm.options import Options
from streamdcm.plan.execution import Plan
from streamdcm.sinks import wants_size


def expected_size(plan: Plan, options: Options, target: object) -> int | None:
    """Return the size of a file as planned, if somebody wants it: for progress events, or to tell the target."""
    return plan.size() if options.progress is not None or wants_size(target) else None
