"""What becomes of one frame: it is decoded, encoded, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamdcm.errors import CodecError, EncodeError, StreamdcmError
from streamdcm.pixels.codecs.image import Image
from streamdcm.pixels.codecs.table import Codec


@dataclass(frozen=True, slots=True)
class Recoding:
    """The way of a frame from one transfer syntax to another; may be sent to another process.

    Parameters
    ----------
    source : Image
        The frames as they come.
    target : Image
        The frames as they are written: the same pixels.
    decoder, encoder : Codec or None
        What decodes and encodes them; `None` for native frames.
    options : mapping
        The codec options.
    """

    source: Image
    target: Image
    decoder: Codec | None
    encoder: Codec | None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_parallel(self) -> bool:
        """Whether threads can do it at the same time."""
        return all(codec is None or codec.runs_in == "threads" for codec in (self.decoder, self.encoder))

    def code(self, frame: bytes, number: int) -> bytes:
        """Return the next frame as it is written.

        Parameters
        ----------
        frame : bytes
            The frame as it came.
        number : int
            Its number from 1, for errors.

        Raises
        ------
        CodecError
            If it cannot be decoded or encoded.
        """
        action = "decoded"
        try:
            pixels = self.source.pixels(frame) if self.decoder is None else self.decoder.decode(frame, self.source)
            action = "encoded"
            if self.encoder is None:
                return self.target.native(pixels)
            return self.encoder.encode(pixels, self.target, self.options)
        except EncodeError as error:
            raise CodecError(error.problem, frame=number) from error
        except (StreamdcmError, MemoryError):
            raise
        except Exception as error:
            codec = self.decoder if action == "decoded" else self.encoder
            library = codec.library if codec else "streamdcm"
            raise CodecError(
                f"cannot be {action} by {library} ({type(error).__name__}); the frame is damaged, or not what the "
                "header says",
                frame=number,
            ) from error
