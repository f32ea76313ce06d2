"""How objects in a storage are to be written, whichever service keeps them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streamdcm.engine.parts import MIB
from streamdcm.errors import TargetTypeError
from streamdcm.sinks.storage.requests import Performer


@dataclass(frozen=True, slots=True)
class Storage:
    """What a user may say about an upload.

    Parameters
    ----------
    options : mapping
        Passed to the library that talks to the service, as keyword arguments.
    client : object, optional
        What that library would make of them, made by the caller; it stays open.
    part_size : int
        The bytes of the first parts.
    workers : int
        How many parts are sent at a time.
    metadata : mapping of str to str
        Stored with the object.
    content_type : str
        Stored with the object.
    checksum : {"sha256"}, optional
        A digest that the service checks each part by.
    resume : bool or str
        Whether to go on with an upload that was interrupted: the newest of this object, or one by its id.
    tasks : callable, optional
        Makes what awaits the requests of an asynchronous client; only the asynchronous functions have it.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    client: Any = None
    part_size: int = 8 * MIB
    workers: int = 8
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/dicom"
    checksum: Literal["sha256"] | None = None
    resume: bool | str = False
    tasks: Callable[[], Performer] | None = None

    def refuse(self, *names: str) -> None:
        """Refuse options that a service has no use for, rather than let them pass without effect.

        Raises
        ------
        TargetTypeError
            If one of them was given.
        """
        for name in names:
            if getattr(self, name):
                raise TargetTypeError(f"{name}= has no effect on a target of this kind; leave it out")
