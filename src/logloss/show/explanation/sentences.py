"""How the explanation writes numbers, and how its sentences become HTML."""

from __future__ import annotations

from logloss.show import page
from logloss.text import count, fixed

WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
# Around a term: letters that no name from data can hold, as `printable` has replaced them there.
OPEN, CLOSE = "\x01", "\x02"


def number(value: int) -> str:
    """A small number as a word."""
    return WORDS[value] if 0 <= value < len(WORDS) else count(value)


def term(word: str) -> str:
    """A word where it is defined."""
    return f"{OPEN}{word}{CLOSE}"


def paragraph(text: str, *, kind: str = "") -> str:
    """A paragraph; its terms stand out."""
    pieces = [piece for opened in text.split(OPEN) for piece in opened.split(CLOSE)]
    inner = "".join(
        f"<dfn>{page.text(piece)}</dfn>" if k % 2 else page.text(piece, len(piece)) for k, piece in enumerate(pieces)
    )
    return f'<p class="{kind}">{inner}</p>' if kind else f"<p>{inner}</p>"


def short(value: float, digits: int = 4) -> str:
    """A number without the zeros at its end: 0.7, 0.5717."""
    text = fixed(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text
