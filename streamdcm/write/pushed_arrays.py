"""Arrays that somebody brings as frames of a compressed transfer syntax: they are encoded as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from streamdcm.errors import PlanError
from streamdcm.instructions import END
from streamdcm.options import BytesEach, Options
from streamdcm.write.array_coding import ArrayCoding, coded_syntax, is_pixels, refuse_coding
from streamdcm.write.coded_frames import CompressionRatio, coding_work
from streamdcm.write.ordered_pool import OrderedWork


class PushedArrays:
    """Frames that somebody brings: the first says whether they are arrays, which are encoded, or codestreams.

    Parameters
    ----------
    dataset : Dataset
        All but the pixel data; only read.
    options : Options
        Those of the write.

    Raises
    ------
    PlanError
        If something is said about arrays that are encoded, and the transfer syntax is none of those.
    """

    def __init__(self, dataset: Dataset, options: Options) -> None:
        self._dataset = dataset
        self._options = options
        self._syntax = coded_syntax(dataset, options)
        if self._syntax is None:
            refuse_coding(options)
        self._coding: ArrayCoding | None = None
        self._work: OrderedWork[Any, Any] | None = None
        self.ratio: CompressionRatio | None = None
        """What the compression comes to, where frames are encoded."""
        self._count = 0
        self.is_decided = self._syntax is None
        """Whether it is known what the frames are."""

    @property
    def are_encoded(self) -> bool:
        """Whether they are arrays that are encoded."""
        return self._coding is not None

    def given(self, frame: Any) -> Iterator[Any]:
        """Take the next frame; give those that are to be written now.

        Raises
        ------
        PlanError
            If it is the first, and cannot be encoded as the dataset and the options say.
        MissingExtraError
            If the library for that is missing.
        EncodeError
            If it is not what the first frame was; `CodecError` if one of those before it cannot be encoded.
        """
        if not self.is_decided:
            self._decide(frame)
        if self._coding is None or self._work is None:
            yield frame
            return
        self._count += 1
        self._work.put(self._coding.native(frame, self._count))
        if self._work.is_full:
            yield self._taken(self._work)

    def rest(self) -> Iterator[Any]:
        """Give the frames that were taken and not given yet."""
        while self._work is not None and len(self._work):
            yield self._taken(self._work)
        self.close()

    def ready(self, frame: Any) -> list[Any]:
        """Take the next frame, or `END`, and return those that are to be written now."""
        return list(self.rest() if frame is END else self.given(frame))

    def header(self, dataset: Dataset, options: Options) -> tuple[Dataset, Options]:
        """Return the dataset and the options of an instance that says what its frames are."""
        if self._coding is None:
            return dataset, options
        view, options, _ = self._coding.header(dataset, options)
        return view, options

    def close(self) -> None:
        """Wait for what is being encoded; nothing else is begun."""
        if self._work is not None:
            self._work.close()

    def _decide(self, first: Any) -> None:
        if is_pixels(first):
            assert self._syntax is not None
            if isinstance(self._options.split, BytesEach):
                raise PlanError(
                    "how many bytes an instance takes is not known before arrays are encoded; divide them by a number "
                    "of frames, or give frames that are encoded"
                )
            coding = ArrayCoding.of(self._dataset, self._options, self._syntax)
            _, _, earlier = coding.header(self._dataset, self._options)
            number = self._options.number_of_frames
            count = number if isinstance(number, int) else None
            self.ratio = CompressionRatio(coding.recoding.source.form.length, earlier)
            self._work = coding_work(coding.recoding, self._options.codec_workers, count)
            self._coding = coding
        else:
            refuse_coding(self._options)
        self.is_decided = True

    def _taken(self, work: OrderedWork[Any, Any]) -> Any:
        frame = work.take()
        assert self.ratio is not None
        self.ratio.add(frame)
        return frame
