"""Makes the README what a package index can show: links into the repository are absolute there, or plain words.

The one setting is `repository` in pyproject.toml, the address of the repository; without it, links become their words
and pictures are left out, so that nothing leads nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]+)\]\((?!\w+:|#)(?P<path>[^)\s]+)\)")


class Readme(MetadataHookInterface):
    """Gives the README to the metadata of the packages."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`."""
        text = Path(self.root, "README.md").read_text("utf-8")
        shown = for_an_index(text, self.config.get("repository", ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}


def for_an_index(readme: str, repository: str) -> str:
    """Return a README whose links and pictures need no repository around it.

    Parameters
    ----------
    readme : str
        Markdown with links that are relative to the repository.
    repository : str
        Its address, such as ``"https://github.com/owner/name"``; empty if it has none.
    """

    def elsewhere(link: re.Match[str]) -> str:
        if not repository:
            return "" if link["picture"] else link["words"]
        view = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['words']}]({repository.rstrip('/')}/{view}/HEAD/{link['path']})"

    return _LINK.sub(elsewhere, readme)
