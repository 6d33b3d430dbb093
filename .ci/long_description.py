"""The README for package indexes: links that are relative to the repository are made absolute. Hatchling calls it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_SOURCE = re.compile(r"(?P<name>src|srcset|href)=\"(?P<target>[^\"]+)\"")


class LongDescription(MetadataHookInterface):
    """Sets `readme`; `project.urls.Source` says where the repository is."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, str(metadata["urls"]["Source"]).rstrip("/")),
        }


def absolute_links(text: str, source: str) -> str:
    """The text with every relative link led to `source`; pictures to the files themselves."""

    def markdown(link: re.Match[str]) -> str:
        return f"{link['image']}[{link['words']}]({_absolute(link['target'], source, raw=bool(link['image']))})"

    def html(link: re.Match[str]) -> str:
        return f'{link["name"]}="{_absolute(link["target"], source, raw=link["name"] != "href")}"'

    return _SOURCE.sub(html, _LINK.sub(markdown, text))


def _absolute(target: str, source: str, *, raw: bool) -> str:
    if "://" in target or target.startswith("#"):
        return target
    return f"{source}/{'raw' if raw else 'blob'}/main/{target}"
