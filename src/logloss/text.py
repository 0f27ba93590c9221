"""How a number, a unit, a list and a table are written.

>>> count(8886), significant(0.0108321), listed(["a", "b"])
('8,886', '0.01083', 'a, b')
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

NATS_PER_BIT = math.log(2.0)
MINUS = "−"
# Letters of what a head names: a path, what counts as positive.
LONGEST_NAMED = 200
# Digits after the point beyond which the end of an interval is written with an exponent.
MOST_DIGITS = 8
# A p-value below is written as a bound.
LEAST_P = 0.001


def count(number: int) -> str:
    """A whole number with its thousands apart: 1,000,000."""
    return f"{number:,}".replace("-", MINUS)


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def capital(text: str) -> str:
    """Text that begins a sentence."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str], most: int = 8) -> str:
    """`a, b, c`, and `…` after the first few."""
    return ", ".join(items[:most]) + (", …" if len(items) > most else "")


def fixed(value: float, digits: int) -> str:
    """A number to so many digits after the point; `inf`, `nan` as words."""
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}inf"
    # Adding 0.0 turns a −0.0 that rounding left into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def significant(value: float, digits: int = 4) -> str:
    """A number to four significant digits, 0.01083, −1,234, 1.2e-09: the exponent as programs read it."""
    if value == 0 or not math.isfinite(value):
        return fixed(value, digits) if value else "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent >= 15:
        text = f"{abs(value):.{max(digits - 1, 0)}g}"
        return MINUS + text if value < 0 else text
    text = f"{value:,.{max(digits - 1 - exponent, 0)}f}"
    return text.replace("-", MINUS)


def adding_digits(total: float, members: Sequence[float], least: int = 4) -> int:
    """The digits after the point, at least so many, with which the members of a sum add up to it as printed."""
    for digits in range(least, 16):
        if round(sum(round(member, digits) for member in members), digits) == round(total, digits):
            return digits
    return least


def interval(low: float, high: float, digits: int) -> str:
    """`0.6096–0.6289`, under a heading "95% CI" or after these words; ends near 0 show their sign."""
    return f"{visible(low, digits)}–{visible(high, digits)}"


def visible(value: float, digits: int) -> str:
    """`0.0034`; a number next to 0 with the digits that tell it from 0: `−0.00002`, `2e-17`."""
    needed = digits
    while value and needed < MOST_DIGITS and round(value, needed) == 0:
        needed += 1
    return fixed(value, needed) if not value or round(value, needed) else significant(value, 1)


def confidence(low: float, high: float, digits: int) -> str:
    """`95% CI 0.6096–0.6289`."""
    return f"95% CI {interval(low, high, digits)}"


def percent(share: float, digits: int) -> str:
    """`9.3%` of a share of 0.093."""
    return f"{fixed(100 * share, digits)}%"


def p_value(value: float) -> str:
    """A p-value as regression tables write it: `0.031`, `<0.001`."""
    return f"<{LEAST_P:g}" if value < LEAST_P else fixed(value, 3)


def p_clause(value: float) -> str:
    """The same in a sentence: `p = 0.031`, `p < 0.001`."""
    return f"p < {LEAST_P:g}" if value < LEAST_P else f"p = {fixed(value, 3)}"


def value_text(value: Any) -> str:
    """A value of a table, so that it can be told from its neighbours: 1.0000002, "yes", True."""
    if isinstance(value, str):
        return f'"{printable(value)}"'
    import numpy as np

    if isinstance(value, np.float32 | np.float16):
        return np.format_float_positional(value, trim="-") if 1e-5 < abs(float(value)) < 1e16 else str(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e16 else repr(number)
    return printable(str(value))


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return str(error).strip().split("\n")[0]


def cut(text: str, longest: int) -> str:
    """Text that fits its place."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str, longest: int = 60) -> str:
    """Text from a table without what a terminal would obey, and cut where it is long."""
    # The bytes of a file's name are UTF-8 also where the locale is not: what it is called does not depend on it.
    with contextlib.suppress(UnicodeEncodeError):
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return cut("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text), longest)


def printable_lines(text: str) -> str:
    """Lines of text without what a terminal would obey."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))


def columns(rows: Sequence[Sequence[str]], align: str, gap: str = "  ") -> list[str]:
    """Rows of cells as lines of equal columns; `align` has l or r for each."""
    widths = [max((len(row[j]) for row in rows), default=0) for j in range(len(align))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(row, widths, align, strict=True)
        ]
        lines.append(gap.join(cells).rstrip())
    return lines
