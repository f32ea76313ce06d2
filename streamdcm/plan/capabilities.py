"""What a target can do, asked of it once, before a write is planned."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Framing: TypeAlias = Literal["file", "dataset"]


class Capabilities(NamedTuple):
    """What a target can do.

    Attributes
    ----------
    patchable : bool
        Whether it can fill values in later.
    framing : {"file", "dataset"}
        Whether it takes a file, with preamble and File Meta Information, or the dataset alone, as a message of the
        network does (PS3.10 §7.1, PS3.7 §9.3.1).
    transfer_syntaxes : tuple of str, optional
        The UIDs of the transfer syntaxes that it takes, the one that it likes best first; `None` for all.
    can_grow : bool
        Whether it can move what was written, for bytes that belong before it.
    """

    patchable: bool
    framing: Framing = "file"
    transfer_syntaxes: tuple[str, ...] | None = None
    can_grow: bool = False
