"""Pages as their readers find them: figures by title with picture, sentence and table; what moves; what is promised."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from xml.etree import ElementTree


@dataclass(frozen=True)
class Figure:
    """A figure of a page."""

    title: str
    svg: ElementTree.Element
    sentence: str
    rows: list[list[str]]

    def marks(self, kind: str) -> list[dict[str, str]]:
        """The attributes of its marks of a kind."""
        return [mark.attrib for mark in self.svg.iter() if kind in mark.get("class", "").split()]

    def column(self, name: str) -> list[float]:
        """A column of its table as numbers."""
        place = self.rows[0].index(name)
        return [number_of(row[place]) for row in self.rows[1:]]


def number_of(text: str) -> float:
    """A number as the house writes it."""
    return float(text.replace("−", "-").replace(",", ""))


def words_of(fragment: str) -> str:
    """What a fragment says."""
    return html.unescape(re.sub(r"<[^>]*>", "", fragment))


def figures_of(page: str) -> dict[str, Figure]:
    """The figures of a page by title."""
    found = {}
    for each in re.findall(r"<figure.*?</figure>", page, re.DOTALL):
        title = words_of(re.search(r"<h3>(.*?)</h3>", each, re.DOTALL)[1])
        svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", each, re.DOTALL)[0])
        sentence = words_of(re.search(r"<figcaption>(.*?)</figcaption>", each, re.DOTALL)[1])
        rows = [
            [words_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", each, re.DOTALL)
        ]
        assert title not in found
        found[title] = Figure(title, svg, sentence, rows)
    return found


def moves_of(page: str) -> dict[str, list[list]]:
    """What the script is told, by slider."""
    return json.loads(re.search(r"const MOVES = (\{.*?\});\n", page)[1])


def script_of(page: str) -> str:
    """The only script of a page."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return script


def assert_page_is_closed(page: str) -> None:
    """One file that loads nothing and runs only what its policy names."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        contents = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in contents]
        assert [f"{source} 'sha256-{each}'" in policy for each in digests] == [True] * len(contents)
        assert len(contents) <= 1
        assert page.lower().count(f"<{tag}") == len(contents)
    outside = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    tags = re.findall(r"<[a-z][^>]*>", outside, re.IGNORECASE)
    assert [tag for tag in tags if re.search(r"\s(on\w+|style)\s*=", tag, re.IGNORECASE)] == []
    targets = [target for tag in tags for target in re.findall(r'(?:href|src|action)="([^"]*)"', tag)]
    assert [target for target in targets if not target.startswith(("#", "data:,"))] == []
