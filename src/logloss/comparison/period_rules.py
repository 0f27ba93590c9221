"""Checks of `order` and `within`: that periods follow each other in time, and what is known of the rows of one.

Numbers follow each other as they are. Text is sorted by its letters, which puts "10" before "9" and "02/01/2023" after
"01/02/2024": where that is seen, it is refused, since no figure would show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from logloss.data.request import RowOptions
from logloss.errors import DataError
from logloss.text import printable, value_text

# Rows of a period may depend on each other in any way, and all its forecasts and weights precede all its outcomes;
# besides, its outcomes are independent given the forecasts; or forecasts change within it.
DEPENDENT, INDEPENDENT, CHANGING = WITHIN = ("dependent", "independent", "changing")
# A year that stands by itself. A number within text: not what follows a point, since .25 comes before .5.
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
NUMBER = re.compile(r"((?<![.\d])\d+)")
FIRST_HALF = ("January", "February", "March", "April", "May", "June")
MONTHS = (*FIRST_HALF, "July", "August", "September", "October", "November", "December")
MONTH = re.compile("|".join(rf"(\b{name[:3]}(?:{name[3:]})?\b)" for name in MONTHS), re.IGNORECASE)


def check_within(within: str, requested: RowOptions) -> None:
    """Refuse values of `within` that are unknown or contradict the other options."""
    if within not in WITHIN:
        raise DataError(f"`within` must be {' or '.join(map(value_text, WITHIN))}; got {within!r}.")
    if within != DEPENDENT and requested.order is None:
        raise DataError("`within` states how rows of one period depend on each other; name the periods with `order`.")
    if within == INDEPENDENT and requested.cluster is not None:
        raise DataError(
            '`within="independent"` states that rows of a period are independent, `cluster` that some are not. '
            "Leave out the one that is wrong."
        )


def check_names(names: Sequence[Any], order: str) -> None:
    """Refuse periods whose names, in ascending order, are text that does not follow each other in time; order: what
    messages call the column."""
    if not names or not isinstance(names[0], str):
        return
    if not names[0].strip():
        raise DataError(f"{order} must hold a value in every row; some hold text without a letter.")
    for before, after in pairwise(names):
        if is_reversed(before, after):
            raise DataError(
                f'{order} must hold numbers, or text that sorts like dates; "{printable(before)}" sorts before '
                f'"{printable(after)}". Write dates with the year first (2024-01-31), numbers as numbers.'
            )


def is_reversed(before: str, after: str) -> bool:
    """Whether the second of two texts, though it sorts after the first, is the earlier of two numbers, of two years, of
    two months by name, or the lower of two numbers in the same words."""
    a, b = _number(before), _number(after)
    if a is not None and b is not None:
        return a > b
    year, next_year = YEAR.search(before), YEAR.search(after)
    if year is not None and next_year is not None and year[0] != next_year[0]:
        return year[0] > next_year[0]
    month, next_month = MONTH.search(before), MONTH.search(after)
    if month is not None and next_month is not None and month.lastindex != next_month.lastindex:
        return (month.lastindex or 0) > (next_month.lastindex or 0)
    for mine, other in zip(NUMBER.split(before), NUMBER.split(after), strict=False):
        if mine != other:
            return mine.isdecimal() and other.isdecimal() and int(mine) > int(other)
    return False


def _number(text: str) -> float | None:
    """The number that a text is, if it is one."""
    try:
        return float(text)
    except ValueError:
        return None
