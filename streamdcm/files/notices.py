"""What a user is told of a file that is read, where it is no reason to refuse it."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from streamdcm.encode.tags import (
    DIGITAL_SIGNATURES,
    MAC_PARAMETERS,
    PIXEL_DATA,
    PIXEL_DATA_PROVIDER_URL,
    PIXEL_TAGS,
    ROWS,
)
from streamdcm.errors.telling import warn
from streamdcm.errors.translation import element_name

SIGNATURES: Final = (DIGITAL_SIGNATURES, MAC_PARAMETERS)


def warn_of_signature(tags: Container[int]) -> None:
    """Warn of signatures in what is changed, given the tags of what is written.

    Warns
    -----
    UserWarning
        Names the element with the signatures, or with what they are made of.
    """
    for tag in SIGNATURES:
        if tag in tags:
            warn(
                f"{element_name(tag)}: what is signed may have changed, so that the "
                "signature no longer holds (PS3.15 §C); delete it in edit, or sign the new file"
            )


def warn_of_missing_pixels(tags: Container[int], name: str) -> None:
    """Warn of an image without pixel data, given the tags of a file: it may have been truncated between two elements.

    Warns
    -----
    UserWarning
        If the file has Rows, and neither pixel data nor an address where they are (PS3.3 §C.7.6.3).
    """
    if ROWS in tags and PIXEL_DATA_PROVIDER_URL not in tags and not any(tag in tags for tag in PIXEL_TAGS):
        warn(f"{element_name(PIXEL_DATA)}: {name} has Rows and no pixel data; it may be truncated")
