"""The asynchronous driver, and the functions on it."""

from streamdcm.aio.functions import dcmwrite_async, write_encoder_async

__all__ = ["dcmwrite_async", "write_encoder_async"]
