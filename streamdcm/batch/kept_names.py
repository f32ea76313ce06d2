"""Names of sources and targets as the journal keeps them: without what a URL says in confidence."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from streamdcm.sinks import printable

_CONFIDENTIAL: Final = re.compile(
    r"(?i)x-(amz|goog|ms)-.*|awsaccesskeyid|googleaccessid|signature|expires|key-pair-id|policy|(access_)?token"
    r"|sig|s[eprtv]|spr|sip|ske|skoid|sks|skt|sktid|skv|srt|ss"
)
"""Parameters of a query that sign it, or bear a token: presigned URLs of S3, Google, CloudFront and Azure (SAS)."""


def kept_name(place: str) -> str:
    """Return a path as it is, and a URL without user, password and, for HTTP, its query.

    What a query says but a signature is told apart by a digest. So a URL that was signed anew is the same source.
    """
    if "://" not in place:
        return place
    shown = printable(place)
    if shown == place or not place.lower().startswith("http"):
        return shown
    query = place.partition("#")[0].partition("?")[2]
    others = [given for given in query.split("&") if given and not _CONFIDENTIAL.fullmatch(given.partition("=")[0])]
    return f"{shown}#{hashlib.sha256('&'.join(others).encode('utf-8', 'replace')).hexdigest()}" if others else shown
