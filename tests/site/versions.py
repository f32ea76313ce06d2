"""The versions of the site: a folder for each, a list of them, and a page that leads to the newest."""

from __future__ import annotations

import json
from pathlib import Path

import streamdcm

VERSION = ".".join(streamdcm.__version__.split(".")[:2])
"""The minor version, which a folder of the site is named by."""

_FRONT = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}/"><a href="{0}/">{0}</a>\n'
)


def list_versions(sites: Path) -> list[str]:
    """Write what the site's menu of versions reads, and the page in front; return the versions, the newest first.

    Parameters
    ----------
    sites : Path
        The folder with one folder for each version; those of earlier ones stay.
    """
    found = (each.parent.name for each in sites.glob("[0-9]*/index.html"))
    versions = sorted(found, key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    entries = [{"version": name, "title": name, "aliases": []} for name in versions]
    (sites / "versions.json").write_text(json.dumps(entries) + "\n", "utf-8")
    (sites / "index.html").write_text(_FRONT.format(versions[0]), "utf-8")
    return versions
