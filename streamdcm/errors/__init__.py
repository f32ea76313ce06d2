"""The exceptions of streamdcm.

Each class also derives from the builtin that ``pydicom.dcmwrite`` raises in its place, so that the
``except`` clauses of its callers go on working::

    StreamdcmError
    ├── TargetError                       OSError        the target cannot be written as asked
    │   ├── AtomicReplaceError                           ... not by replacing it in one step
    │   ├── TargetCollision               FileExistsError   two instances of a batch have one target
    │   ├── InPlaceError                                 it is written, and what came after failed
    │   │   └── NotDurableError                          ... the disk does not confirm its name
    │   ├── NotWritableError              UnsupportedOperation  a file is closed, or open for reading only
    │   ├── WouldBlockError               BlockingIOError   a non-blocking sink is full
    │   ├── SinkContractError             TypeError      write() of the sink answers nonsense
    │   └── StorageError                                 an object storage does not take it
    │       ├── CredentialsError          PermissionError    no credentials, or not valid ones
    │       ├── AccessDeniedError         PermissionError    they do not allow it
    │       ├── ContainerNotFoundError    FileNotFoundError  there is no such bucket or container
    │       ├── WrongRegionError                         the bucket is in another region
    │       ├── ConnectionLostError       ConnectionError    the network, or the service, is not there
    │       ├── ObjectExistsError         FileExistsError    overwrite=False, and there is one
    │       └── PartLimitError            OverflowError  more parts than the service takes
    ├── PeerError                         OSError        a DICOM server did not take what was sent to it
    │   ├── PeerConnectionError           ConnectionError    it cannot be reached, or the connection was lost
    │   │   ├── PeerTimeoutError          TimeoutError       ... it did not go on in time
    │   │   └── AssociationRejectedError                     ... it rejects the association
    │   ├── PeerAccessError               PermissionError    it does not know, or not allow, who sends
    │   ├── PeerResponseError             ValueError         its answer cannot be understood
    │   └── StoreFailedError                                 it did not store all instances
    ├── TargetTypeError                   TypeError      not a path, not an object with write()
    ├── HoldLimitError                    MemoryError    a sink that cannot seek, too much to hold back
    ├── SpoolError                        OSError        no temporary file for what is to be held back
    ├── InstructionError                  RuntimeError   an encoder breaks the rules of the instructions
    ├── ReentryError                      RuntimeError   a write was entered again while it runs
    ├── NotOpenError                      ValueError     a writer was used outside its block, or after an error
    ├── WorkerDied                        RuntimeError   a process of a batch died at an instance
    ├── MissingExtraError                 ImportError    an optional library has to be installed
    ├── NotDicomError                     pydicom's InvalidDicomError   a source lacks the prefix DICM
    ├── PlanError                         ValueError     refused before the first byte
    │   ├── DatasetTypeError              TypeError, AttributeError
    │   ├── FileMetaError                 AttributeError a required (0002,eeee) element is missing
    │   ├── LayoutError                                  an option would move what a DICOMDIR points at
    │   └── JournalError                                 the journal of a batch cannot be used for this run
    └── EncodeError                                      an element cannot be encoded
        ├── ValueTypeError                TypeError, AttributeError
        ├── InvalidValueError             ValueError
        ├── ValueLengthError              pydicom's BytesLengthException
        ├── NumberError                   OSError, ValueError   struct cannot pack the number
        ├── TextError                     UnicodeError, TypeError   the character set cannot hold the text
        ├── UnknownVRError                NotImplementedError
        ├── AmbiguousVRError              ValueError, AttributeError
        ├── EncapsulationError            ValueError, TypeError     undefined length without items
        ├── LengthOverflowError           OverflowError, struct.error
        ├── RecursiveDatasetError         RecursionError
        ├── ElementLookupError            KeyError
        ├── CodecError                                   a frame cannot be decoded or encoded
        └── SourceError                   OSError, ValueError       a lazy value cannot be read

The text names the element (tag, keyword, path of items), what is wrong and what to do, and never a
value: it may identify a patient.
"""

from streamdcm.errors.elements import (
    AmbiguousVRError,
    CodecError,
    ElementLookupError,
    EncapsulationError,
    EncodeError,
    InvalidValueError,
    LengthOverflowError,
    NumberError,
    RecursiveDatasetError,
    SourceError,
    TextError,
    UnknownVRError,
    ValueLengthError,
    ValueTypeError,
)
from streamdcm.errors.peers import (
    AssociationRejectedError,
    PeerAccessError,
    PeerConnectionError,
    PeerError,
    PeerResponseError,
    PeerTimeoutError,
    StoreFailedError,
)
from streamdcm.errors.plans import DatasetTypeError, FileMetaError, JournalError, LayoutError, PlanError
from streamdcm.errors.root import StreamdcmError
from streamdcm.errors.targets import (
    AccessDeniedError,
    AtomicReplaceError,
    ConnectionLostError,
    ContainerNotFoundError,
    CredentialsError,
    InPlaceError,
    NoBucketError,
    NotDurableError,
    NotWritableError,
    ObjectExistsError,
    PartLimitError,
    SinkContractError,
    StorageError,
    TargetCollision,
    TargetError,
    WouldBlockError,
    WrongRegionError,
)
from streamdcm.errors.use import (
    HoldLimitError,
    InstructionError,
    MissingExtraError,
    NotDicomError,
    NotOpenError,
    ReentryError,
    SpoolError,
    TargetTypeError,
    WorkerDied,
)

__all__ = [
    "AccessDeniedError",
    "AmbiguousVRError",
    "AssociationRejectedError",
    "AtomicReplaceError",
    "CodecError",
    "ConnectionLostError",
    "ContainerNotFoundError",
    "CredentialsError",
    "DatasetTypeError",
    "ElementLookupError",
    "EncapsulationError",
    "EncodeError",
    "FileMetaError",
    "HoldLimitError",
    "InPlaceError",
    "InstructionError",
    "InvalidValueError",
    "JournalError",
    "LayoutError",
    "LengthOverflowError",
    "MissingExtraError",
    "NoBucketError",
    "NotDicomError",
    "NotDurableError",
    "NotOpenError",
    "NotWritableError",
    "NumberError",
    "ObjectExistsError",
    "PartLimitError",
    "PeerAccessError",
    "PeerConnectionError",
    "PeerError",
    "PeerResponseError",
    "PeerTimeoutError",
    "PlanError",
    "RecursiveDatasetError",
    "ReentryError",
    "SinkContractError",
    "SourceError",
    "SpoolError",
    "StorageError",
    "StoreFailedError",
    "StreamdcmError",
    "TargetCollision",
    "TargetError",
    "TargetTypeError",
    "TextError",
    "UnknownVRError",
    "ValueLengthError",
    "ValueTypeError",
    "WorkerDied",
    "WouldBlockError",
    "WrongRegionError",
]

# Tracebacks, pickles and the documentation name them where users import them from.
for _name in __all__:
    globals()[_name].__module__ = __name__
