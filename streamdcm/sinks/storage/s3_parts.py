"""What S3 says of a part, and whether one that it has is the same as one that is to be sent."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

Sent: TypeAlias = dict[str, str]
"""What S3 says of a part: its ETag, and the checksum that it has found."""

_CHECKSUMS = tuple(f"Checksum{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"))


def is_same(there: dict[str, Any], data: bytearray) -> bool:
    """Tell by size and checksum whether a part that S3 has consists of these bytes."""
    if there["Size"] != len(data):
        return False
    for name, digest in _DIGESTS.items():
        if name in there:
            return bool(there[name] == base64.b64encode(digest(data)).decode("ascii"))
    return bool(there["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest())


_DIGESTS: dict[str, Callable[[bytearray], bytes]] = {
    "ChecksumSHA256": lambda data: hashlib.sha256(data).digest(),
    "ChecksumSHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "ChecksumCRC32": lambda data: zlib.crc32(data).to_bytes(4),
}


def said_of(answer: dict[str, Any]) -> Sent:
    """Return what has to be said again to complete the upload."""
    return {name: answer[name] for name in ("ETag", *_CHECKSUMS) if name in answer}
