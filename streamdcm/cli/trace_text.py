"""A trace of a write, as lines of text: a line for each step, with a strip of the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streamdcm.cli.trace_steps import Instance, cells
from streamdcm.options.sizes import binary_size

MARKS: Final = ".w?#P"
"""What stands for bytes: to come, waiting, a field without its value, at the target, overwritten there."""

_SAID: Final = ("to come", "waits", "reserved", "at the target", "overwritten")
_POLICIES: Final = {
    "patch": "bytes go at once, and late values are put in their place afterwards",
    "in_order": "what is behind a late value waits for it",
    "parts": "only the parts with a late value wait",
}
_MOST_LINES: Final = 200
_LONGEST_EVENT: Final = 8


def trace_lines(instances: list[Instance], width: int) -> Iterator[str]:
    """Give a trace, line by line.

    Parameters
    ----------
    instances : list of Instance
        It.
    width : int
        How many characters a line may have.
    """
    for number, instance in enumerate(instances):
        if number:
            yield ""
        yield f"{instance.target}: {heading_of(instance)}"
        yield f"  {'   '.join(f'{mark} {said}' for mark, said in zip(MARKS, _SAID, strict=True))}"
        yield f"{'seconds':>9}  {'event':<{_LONGEST_EVENT}}  {'waiting':>10}  bytes"
        yield from _steps(instance, max(width - 36, 20))


def heading_of(instance: Instance) -> str:
    """Say in one line what a trace shows."""
    outcome = instance.outcome or "the trace breaks off"
    policy = _POLICIES.get(instance.policy, instance.policy)
    return (
        f"{instance.size:,} bytes in {len(instance.steps):,} steps; {policy}; {binary_size(instance.most_waiting)} at "
        f"most waited in memory; {outcome}"
    )


def _steps(instance: Instance, count: int) -> Iterator[str]:
    """Give a line for each step; of long runs of writes only some, so that there are a few hundred lines."""
    every = max(len(instance.steps) // _MOST_LINES, 1)
    passed = 0
    for step, state in cells(instance, count):
        is_common = step.event in ("write", "transfer", "part", "keep")
        passed += is_common
        if is_common and passed % every:
            continue
        strip = "".join(MARKS[each] for each in state)
        yield (f"{step.seconds:>9.4f}  {step.event:<{_LONGEST_EVENT}}  {binary_size(step.waiting):>10}  [{strip}]")
