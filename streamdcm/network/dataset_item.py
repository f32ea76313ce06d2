"""Datasets that are sent, with frames or without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from streamdcm.encode._pydicom import elements_of, stored_value
from streamdcm.errors import DatasetTypeError, PlanError
from streamdcm.errors.telling import silenced
from streamdcm.network.items import Body, Item, checked_uid
from streamdcm.pixels.given_frames import gives_frames
from streamdcm.plan.capabilities import Framing
from streamdcm.plan.conversion import own_syntax
from streamdcm.plan.file_meta import copy_of_file_meta
from streamdcm.plan.syntaxes import syntax_named
from streamdcm.sources import ByteStream
from streamdcm.write.answers import close_frames
from streamdcm.write.functions import encoded_size, iter_chunks


class DatasetItem(Item):
    """A dataset, with frames or without.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    frames : object
        Its frames, or a function that returns them anew.
    options : dict
        Options of `iter_chunks`.
    """

    def __init__(self, dataset: Dataset, frames: Any, options: dict[str, Any]) -> None:
        if not isinstance(dataset, Dataset):
            raise DatasetTypeError(f"what is to be sent must be a path or a Dataset, not {type(dataset).__name__}")
        meta = copy_of_file_meta(dataset)
        self._dataset = dataset
        self._options = options
        self._frames = _Once.around(frames)
        self._makes_frames = callable(frames) and not gives_frames(frames)
        self.sop_class_uid = checked_uid(dataset.get("SOPClassUID"), "the SOP Class UID (0008,0016)")
        self.sop_instance_uid = checked_uid(dataset.get("SOPInstanceUID"), "the SOP Instance UID (0008,0018)")
        self.study_instance_uid = dataset.get("StudyInstanceUID")
        asked = options.get("transfer_syntax")
        syntax = own_syntax(dataset, meta) if asked is None else syntax_named(asked)
        self.transfer_syntax = str(syntax or ExplicitVRLittleEndian)
        self._as_it_is = asked is None and bool(meta.get("TransferSyntaxUID"))

    @property
    def can_restart(self) -> bool:  # type: ignore[override]
        """Whether its frames, and streams among its values, can be read from their beginning, now."""
        if isinstance(self._frames, _Once) and self._frames.begun:
            return False
        elements = elements_of(self._dataset).values()
        values = (stored_value(element) for element in elements if isinstance(element, DataElement))
        return all(value.can_be_taken for value in values if isinstance(value, ByteStream))

    def open(self, syntax: str, framing: Framing) -> Body:
        """Begin to encode it."""
        return Body(iter_chunks(self._dataset, **self._with_frames(syntax, framing)))

    def size(self, syntax: str, framing: Framing) -> int | None:
        """Return how many bytes it takes; frames are not asked for."""
        arguments = self._arguments(syntax, framing)
        if self._makes_frames:
            if "number_of_frames" not in arguments:
                return None
            arguments["frames"] = iter(())  # none is asked for
        try:
            with silenced():
                return encoded_size(self._dataset, **arguments)
        except PlanError:
            return None

    def async_chunks(self, syntax: str, framing: Framing) -> AsyncIterator[bytes]:
        """Begin to encode it on an event loop."""
        from streamdcm.aio import iter_chunks_async

        return iter_chunks_async(self._dataset, **self._with_frames(syntax, framing))

    def close(self) -> None:
        """Close frames that can be read once."""
        if isinstance(self._frames, _Once):
            close_frames(self._frames.frames)

    def close_async(self) -> Any:
        """Return the frames, if they are asynchronous."""
        return self._frames.frames if isinstance(self._frames, _OnceAsync) else None

    def _arguments(self, syntax: str, framing: Framing) -> dict[str, Any]:
        arguments = dict(self._options)
        if framing == "file":
            arguments["enforce_file_format"] = True
        else:
            arguments["file_meta"] = False
        if not (self._as_it_is and syntax == self.transfer_syntax):
            arguments["transfer_syntax"] = syntax
        if self._frames is not None and not self._makes_frames:
            arguments["frames"] = self._frames
        return arguments

    def _with_frames(self, syntax: str, framing: Framing) -> dict[str, Any]:
        arguments = self._arguments(syntax, framing)
        if self._makes_frames:
            arguments["frames"] = self._frames()
        return arguments


class _Once:
    """Frames that can be read once: notes whether one was asked for, and is closed by the item alone."""

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self.begun = False

    @staticmethod
    def around(frames: Any) -> Any:
        if isinstance(frames, AsyncIterator):
            return _OnceAsync(frames)
        return _OnceSync(frames) if isinstance(frames, Iterator) else frames


class _OnceSync(_Once):
    def __iter__(self) -> _OnceSync:
        return self

    def __next__(self) -> Any:
        self.begun = True
        return next(self.frames)


class _OnceAsync(_Once):
    def __aiter__(self) -> _OnceAsync:
        return self

    async def __anext__(self) -> Any:
        self.begun = True
        return await anext(self.frames)
