"""One HTML file that needs nothing else: its frame, its figures, its tables; what comes from data is only ever text.

>>> shown = page("Costs of <b>", paragraph("0.6191 nats"))
>>> "<h1><bdi>Costs of &lt;b&gt;</bdi></h1>" in shown, "<script" in shown
(True, False)

The page names its own content in a Content-Security-Policy: nothing is loaded, one style sheet and at most one script
run, each known by its hash. So no element may have a `style=` or `on…=` attribute: use classes, presentation attributes
of SVG, and the colours of `page.css` (`var(--blue)`, `currentColor`), which know light, dark and print.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from logloss.answers.answer import Answer
from logloss.files.storage import write_atomically
from logloss.text import printable
from logloss.version import __version__

# Letters of a name that are shown in a sentence or a cell.
LONGEST = 60
# Letters of a cell that is no long text.
LONGEST_UNBROKEN = 24
# Letters of a title.
LONGEST_TITLE = 160
# Hebrew, Arabic, their neighbours and presentation forms, with what stands between two such letters.
STRONG = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
RIGHT_TO_LEFT = re.compile(f"{STRONG}(?:[^<>&]*{STRONG})?")


def page(title: str, body: str, *, script: str = "", style: str = "") -> str:
    """A whole page: `title` is text, `body` is HTML that the functions of this room have made.

    script: runs once the page is there; data for it come from `data_for_script`. style: more rules than `page.css` has.
    """
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise ValueError("a script cannot hold </script or <!--; pass data through data_for_script().")
    sheet = style_sheet() + style
    policy = f"default-src 'none'; style-src '{digest(sheet)}'; img-src data:; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src '{digest(script)}'"
    shown = text(title, LONGEST_TITLE)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<meta name="generator" content="logloss {html.escape(__version__)}">',
        f"<title>{shown}</title>",
        # Without one, browsers ask the server for an icon.
        '<link rel="icon" href="data:,">',
        f"<style>{sheet}</style>",
        "</head>",
        "<body>",
        '<a class="skip" href="#main">Skip to the answer</a>',
        f"<header><h1><bdi>{shown}</bdi></h1></header>",
        f'<main id="main" tabindex="-1">\n{body}\n</main>',
        f"<footer>Made by logloss {html.escape(__version__)}. This file needs no network and sends nothing.</footer>",
        *([f"<script>{script}</script>"] if script else []),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def written_page(path: str | os.PathLike[str] | None, title: str, body: str, **rest: str) -> str:
    """A whole page, and the same as a file where a path is given: whole or not at all."""
    made = page(title, body, **rest)
    if path is not None:
        write_atomically(path, made.encode())
    return made


@cache
def style_sheet() -> str:
    """The rules of every page, without what only people read."""
    sheet = files("logloss.show").joinpath("page.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "\n", sheet)


def digest(content: str) -> str:
    """How a Content-Security-Policy names a style sheet or a script: by what is in it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def text(value: str, longest: int = LONGEST) -> str:
    """Text as HTML: nothing in it is obeyed, control characters and direction marks are replaced, long text is cut."""
    return html.escape(printable(value, longest))


def isolated(value: str, longest: int) -> str:
    """As `text`, for the content of an element: what runs from right to left does not turn what stands beside it."""
    return RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", text(value, longest))


def paragraph(clause: str, *, kind: str = "") -> str:
    """A sentence or several, plain text of any length; kind: `opening`, `muted`."""
    return f"<p{_class(kind)}>{isolated(clause, len(clause))}</p>"


def headline(number: str, words: str) -> str:
    """The one large number of a page, with its unit, name and interval as smaller words."""
    return f'<p class="headline"><strong>{isolated(number, LONGEST)}</strong> {isolated(words, len(words))}</p>'


def paragraphs(lines: Sequence[str]) -> str:
    """Paragraphs one below the other."""
    return "\n".join(map(paragraph, lines))


def section(title: str, body: str) -> str:
    """A part of the page under a heading (text) of the second level."""
    return f'<section aria-label="{text(title)}">\n<h2>{isolated(title, LONGEST)}</h2>\n{body}\n</section>'


def figures(*shown: str) -> str:
    """Figures beside each other where there is room, else below each other; one alone fills the width."""
    kind = "figures alone" if len(shown) == 1 else "figures"
    return f'<div class="{kind}">\n' + "\n".join(shown) + "\n</div>"


def figure(
    svg: str,
    title: str,
    sentence: str,
    rows: Sequence[Sequence[str]],
    *,
    align: str = "",
    note: str = "",
) -> str:
    """A picture with a sentence about it, and its numbers below: to be opened, read aloud, copied.

    svg: an `<svg …>` element. title, sentence: text; a screen reader reads both for the picture. rows:
    the numbers as a table, the first row its head. note: a remark above the table.
    """
    named = identifier(title, svg)
    head, _, rest = svg[svg.index("<svg") :].partition(">")
    clause = text(sentence, len(sentence))
    spoken = f'<title id="{named}-t">{text(title)}</title><desc id="{named}-d">{clause}</desc>'
    picture = f'{head} role="img" aria-labelledby="{named}-t" aria-describedby="{named}-d">{spoken}{rest.strip()}'
    return "\n".join(
        [
            "<figure>",
            f"<h3>{isolated(title, LONGEST)}</h3>",
            picture,
            f"<figcaption>{isolated(sentence, len(sentence))}</figcaption>",
            *([numbers(rows, align, note=note, title=title)] if rows else []),
            "</figure>",
        ]
    )


def words(title: str, sentence: str, below: str = "") -> str:
    """In the place of a picture that cannot be drawn: why."""
    clause = isolated(sentence, len(sentence))
    return f"<figure>\n<h3>{isolated(title, LONGEST)}</h3>\n<figcaption>{clause}</figcaption>\n{below}\n</figure>"


def numbers(rows: Sequence[Sequence[str]], align: str = "", *, title: str, note: str = "") -> str:
    """A table that is folded away until somebody wants it."""
    spoken = f'<summary>The numbers<span class="hidden">: {text(title)}</span></summary>'
    return (
        f"<details>{spoken}{paragraph(note, kind='muted') if note else ''}{table(rows, align, label=title)}</details>"
    )


def table(rows: Sequence[Sequence[str]], align: str = "", *, caption: str = "", label: str = "") -> str:
    """Rows of cells (text) as a table: the first row is its head, the first cell of each row names it.

    align: l or r for each column; left out, the first is left and the others are right. A table wider than the page
    scrolls within itself, with the keyboard, too; label is what it is called then.
    """
    if not rows:
        return ""

    def cell(words: str, side: str, row: int, column: int) -> str:
        tag, scope = ("td", "") if row and column else ("th", ' scope="row"' if row else ' scope="col"')
        kind = "r" if side == "r" else "" if tag == "th" else _kind_of_cell(words)
        # Below the row before: two spaces, which HTML would join.
        kind = "indented" if words.startswith("  ") else kind
        return f"<{tag}{scope}{_class(kind)}>{isolated(words, LONGEST_TITLE)}</{tag}>"

    titled = f"<caption>{isolated(caption, LONGEST_TITLE)}</caption>" if caption else ""
    inside = _table(rows, align or "l" + "r" * (len(rows[0]) - 1), cell, caption=titled, between="\n")
    called = text(label or caption or "Table")
    return f'<div class="scroll" role="region" aria-label="{called}" tabindex="0">{inside}</div>'


def _kind_of_cell(words: str) -> str:
    """How a cell breaks: an interval stays on one line, long text has room for several words on each."""
    if not re.search(r"[^\W\d_]{2}", words):
        return "number"
    return "words" if len(words) > LONGEST_UNBROKEN else ""


def short_table(rows: Sequence[Sequence[str]], align: str, below: Sequence[str] = ()) -> str:
    """The same for notebooks, which have no style sheet of ours; lines below it become paragraphs."""

    def cell(words: str, side: str, row: int, _: int) -> str:
        tag, aligned = "td" if row else "th", "left" if side == "l" else "right"
        aligned += ";padding-left:1.8em" if words.startswith("  ") else ""
        aligned += ";white-space:nowrap" if row and _kind_of_cell(words) == "number" else ""
        return f'<{tag} style="text-align:{aligned}">{isolated(words, len(words))}</{tag}>'

    return f'<div style="overflow-x:auto">{_table(rows, align, cell)}</div>' + paragraphs(below)


def _table(
    rows: Sequence[Sequence[str]],
    align: str,
    cell: Callable[[str, str, int, int], str],
    *,
    caption: str = "",
    between: str = "",
) -> str:
    """The element of a table. cell: makes one of its words, its side, its row and its column."""
    head, *lines = (
        "<tr>"
        + "".join(cell(words, side, i, j) for j, (words, side) in enumerate(zip(row, align, strict=True)))
        + "</tr>"
        for i, row in enumerate(rows)
    )
    body = between + between.join(lines) + between
    return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


def short_text(answer: Answer) -> str:
    """The printed form of an answer for notebooks, its columns aligned."""
    inside = "\n".join(isolated(line, len(line)) for line in repr(answer).split("\n"))
    return f'<pre style="font-family:monospace;white-space:pre;overflow-x:auto">{inside}</pre>'


def short_paragraphs(lines: Sequence[str]) -> str:
    """Lines as paragraphs for notebooks; spaces that align what stands on a terminal are one."""
    return "".join(paragraph(" ".join(line.split())) for line in lines)


def identifier(*contents: str) -> str:
    """A name for an element that is the same in every run and another for other content."""
    return "f" + hashlib.sha256("\0".join(contents).encode(errors="replace")).hexdigest()[:10]


def data_for_script(values: Any) -> str:
    """Values as JavaScript reads them, whatever their text holds: `const data = …`."""
    written = json.dumps(values, allow_nan=False, separators=(",", ":"))
    # "<" could end the script; the two separators end a line in old JavaScript (json writes them as \\u already).
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _class(kind: str) -> str:
    return f' class="{html.escape(kind)}"' if kind else ""
