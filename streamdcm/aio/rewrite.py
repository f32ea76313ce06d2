"""Files to files, on an event loop: the twin of `streamdcm.rewrite`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Unpack

from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import write
from streamdcm.aio.threads import to_the_end
from streamdcm.engine.result import WriteResult
from streamdcm.files.dataset import Source
from streamdcm.files.edits import Edit
from streamdcm.files.remote import opened
from streamdcm.files.rewrite import plan_rewrite, refuse_overwriting
from streamdcm.instructions import Encoder
from streamdcm.options import RewriteOptions, check_options
from streamdcm.plan.plan import encode_file
from streamdcm.write.functions import expected_size


async def rewrite_async(
    source: Source,
    target: Any,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteOptions],
) -> WriteResult:
    """Write a DICOM file anew, edited, or in another uncompressed transfer syntax, as `rewrite` does.

    The source is read, and the edit made, on a thread.

    Parameters
    ----------
    source : str, bytes, PathLike or binary file object
        The file to read; see `rewrite`.
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`. It may be the path of the source.
    edit : callable or mapping, optional
        See `rewrite`; a function is called on a thread.
    transfer_syntax : str, optional
        The UID or keyword of the transfer syntax to write.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    **kwargs
        See `RewriteOptions`.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    InvalidDicomError, PlanError, LayoutError, EncodeError, OSError
        As `rewrite` does.
    """
    files = ExitStack()

    def prepare(patchable: bool) -> tuple[Encoder[object], int | None]:
        refuse_overwriting(source, target, options)
        file = files.enter_context(opened(source))
        plan = plan_rewrite(file, options, edit=edit, transfer_syntax=transfer_syntax, force=force, patchable=patchable)
        return encode_file(plan, options, patchable=patchable), expected_size(plan, options)

    async with delivered(target) as delivery:
        options = check_options(dict(kwargs), "rewrite_async")
        try:
            result, _ = await write(prepare, delivery, options)
        finally:
            await to_the_end(delivery.worker, files.close)
    return result
