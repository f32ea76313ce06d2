"""Files to files, on an event loop: the twin of `streamdcm.rewrite`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any, Unpack

from streamdcm.aio.driver import write
from streamdcm.aio.threads import hired, to_the_end
from streamdcm.engine.result import WriteResult
from streamdcm.files.access import Source
from streamdcm.files.edits import Edit
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.remote import opened
from streamdcm.files.rewrite import check_rewrite_options, prepare_rewrite, refuse_overwriting
from streamdcm.instructions import Encoder
from streamdcm.options import RewriteOptions
from streamdcm.write.targets import resolve_target


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
    options = check_rewrite_options(dict(kwargs), "rewrite_async")
    files = ExitStack()

    def prepare(patchable: bool) -> tuple[Encoder[object], int | None]:
        refuse_overwriting(source, target, options)
        file = files.enter_context(opened(source))
        return prepare_rewrite(file, Request(edit, transfer_syntax, force), options, patchable=patchable)

    async with hired() as worker:
        try:
            result, _ = await write(prepare, partial(resolve_target, target, options), target, options)
        finally:
            await to_the_end(worker, files.close)
    return result
