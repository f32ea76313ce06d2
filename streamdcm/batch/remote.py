"""What is behind URLs: the objects below a prefix, and whether one is still the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import MissingExtraError
from streamdcm.sinks import printable, scheme_of

_MARKS: Final = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")


def listed_urls(fixed: str, options: Mapping[str, Any], *, below: bool) -> Iterator[tuple[str, str, str | None]]:
    """Give the objects below a prefix, or the one object, in order and page by page: URL, path below, and stamp.

    Parameters
    ----------
    fixed : str
        The URL of an object, or of a folder.
    options : mapping
        Keyword arguments for the library that talks to the service.
    below : bool
        Whether it is a folder, all below which is wanted.

    Raises
    ------
    StorageError, OSError
        If the service does not list them.
    """
    if not below:
        yield fixed, printable(fixed).rpartition("/")[2], None
    elif scheme_of(fixed) == "s3":
        yield from _listed_in_s3(fixed.rstrip("/") + "/", options)
    else:
        yield from _listed_by_fsspec(fixed, options)


def url_stamp(url: str, options: Mapping[str, Any]) -> str | None:
    """Return what tells whether an object is still the same; `None` if there is none.

    Raises
    ------
    StorageError, OSError
        If the service does not say.
    """
    look = _about_in_s3 if scheme_of(url) == "s3" else _about_by_fsspec
    try:
        return look(url, options)
    except FileNotFoundError:
        return None


def _listed_in_s3(folder: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    from streamdcm.sinks.storage import s3_client as s3

    bucket, _, prefix = folder.partition("://")[2].partition("/")
    with s3.S3.errors_reading(folder):
        pages = _s3_client(options).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    relative = entry["Key"].removeprefix(prefix)
                    yield f"s3://{bucket}/{entry['Key']}", relative, _stamp(entry["Size"], entry["ETag"])


def _about_in_s3(url: str, options: Mapping[str, Any]) -> str:
    from streamdcm.sinks.storage import s3_client as s3

    bucket, key = s3.bucket_and_key(url)
    with s3.S3.errors_reading(url):
        about = _s3_client(options).head_object(Bucket=bucket, Key=key)
    return _stamp(about["ContentLength"], about["ETag"])


def _s3_client(options: Mapping[str, Any]) -> Any:
    """Return the one client for these options: making it takes longer than a request, and there are two an instance."""
    return _client_for(json.dumps(options, sort_keys=True))


@lru_cache(maxsize=4)
def _client_for(options: str) -> Any:
    from streamdcm.sinks.storage import s3_client as s3

    return s3.make_client(StorageSettings(storage_options=json.loads(options)))


def _listed_by_fsspec(folder: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    system, path = _file_system(folder, options)
    for _, folders, files in system.walk(path, detail=True):
        for name in sorted(files):
            whole = files[name]["name"]
            relative = whole.removeprefix(path).lstrip("/")
            yield system.unstrip_protocol(whole), relative, _stamp_of(files[name])
        for name in sorted(folders):
            folders[name] = folders.pop(name)  # which is the order in which they are walked


def _about_by_fsspec(url: str, options: Mapping[str, Any]) -> str:
    system, path = _file_system(url, options)
    return _stamp_of(system.info(path))


def _file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(f"{scheme_of(url)}:// needs fsspec: pip install 'streamdcm[fsspec]'") from error
    found: tuple[Any, str] = url_to_fs(url, use_listings_cache=False, **options)
    return found


def _stamp_of(about: Mapping[str, Any]) -> str:
    return _stamp(about.get("size"), next((about[mark] for mark in _MARKS if mark in about), ""))


def _stamp(size: Any, mark: Any) -> str:
    return f"{size}:{mark}"
