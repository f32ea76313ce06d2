"""What may be said of an upload, whichever service keeps the object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streamdcm.engine.parts import MIB


@dataclass(frozen=True)
class StorageSettings:
    """How an object in a storage is to be written. The options of the functions that write have these among them.

    Parameters
    ----------
    storage_options : mapping
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
    """

    storage_options: Mapping[str, Any] = field(default_factory=dict)
    client: Any = None
    part_size: int = 8 * MIB
    workers: int = 8
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/dicom"
    checksum: Literal["sha256"] | None = None
    resume: bool | str = False
