"""Which release policy suits what a target says of itself."""

from typing import Literal, TypeAlias

from streamdcm.engine.in_order import InOrderPolicy
from streamdcm.engine.parts import PartBuffers, PartSizes, PartsPolicy
from streamdcm.engine.release import SLICES, PatchPolicy, ReleasePolicy
from streamdcm.engine.spool import NEVER, spool_for

Release: TypeAlias = Literal["patch", "in_order", "parts"]
"""In which order a target takes bytes: earlier ones may be overwritten; none may; numbered parts in any order."""


def policy_for(
    release: Release,
    *,
    chunk_size: int,
    hold_limit: int,
    part_sizes: PartSizes | None = None,
    part_buffers: PartBuffers | None = None,
    slices: int = SLICES,
    spool: str = NEVER,
) -> ReleasePolicy:
    """Return the policy for a target.

    Parameters
    ----------
    release : {"patch", "in_order", "parts"}
        What the target says.
    chunk_size : int
        The most bytes of a value that are released in one buffer.
    hold_limit : int
        The most bytes to hold back in memory, in order.
    part_sizes : PartSizes, optional
        How large parts are to be.
    part_buffers : PartBuffers, optional
        Where their memory comes from.
    slices : int, optional
        How many slices of a large value, each of `chunk_size`, are released at once.
    spool : str, optional
        Where those go that are held back past `hold_limit`: a choice, as `spool_for` takes it; by default they are an
        error.
    """
    if release == "patch":
        return PatchPolicy(chunk_size, slices)
    if release == "in_order":
        return InOrderPolicy(chunk_size, hold_limit, slices, spool=spool_for(spool))
    return PartsPolicy(part_sizes or PartSizes(), part_buffers)
