"""The summaries of the periods of a run: files, folders and patterns in the order of time, by their names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from itertools import pairwise

from logloss.comparison.period_rules import is_reversed
from logloss.errors import DataError, SourceNotFound
from logloss.files.load import record_in
from logloss.measurement import SummaryRecord
from logloss.text import printable

ENDING = ".logloss"
DIGITS = re.compile(r"(\d+)")


def records_of(words: Sequence[str]) -> tuple[list[str], list[SummaryRecord]]:
    """(Names of the periods, their summaries) of files, folders and patterns, in the order given; the files of a folder
    or a pattern by their names, numbers in them as numbers.

    A period has the name of its file without `.logloss`. Names with dates or numbers must follow each other in time.
    """
    paths = [path for word in words for path in _files_of(word)]
    names = [os.path.basename(path).removesuffix(ENDING) for path in paths]
    for before, after in pairwise(names):
        if is_reversed(before, after):
            raise DataError(
                f'periods must stand in the order of time: "{printable(before)}" stands before "{printable(after)}". '
                "Name the files in their order, or their folder: its files are taken by the numbers in their names. "
                "Months need their year: 2024-12, 2025-01."
            )
    return names, [record_in(path) for path in paths]


def _files_of(word: str) -> list[str]:
    """The files that a word stands for."""
    if os.path.isdir(word):
        found = [each for each in os.listdir(word) if each.endswith(ENDING) and not each.startswith(("_", "."))]
        if not found:
            raise SourceNotFound(f'the folder "{printable(word, 120)}" holds no summaries: no file ends in {ENDING}.')
        return [os.path.join(word, each) for each in sorted(found, key=_by_numbers)]
    if os.path.exists(word) or not glob.has_magic(word):
        return [word]
    matched = [each for each in glob.glob(word) if os.path.isfile(each)]
    if not matched:
        raise SourceNotFound(f'no file matches "{printable(word, 120)}".')
    return sorted(matched, key=_by_numbers)


def _by_numbers(path: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers in names as numbers: day2 before day10."""
    parts = DIGITS.split(os.path.basename(path))
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
