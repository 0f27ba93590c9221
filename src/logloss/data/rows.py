"""Unchecked rows, and the role of each column: what sources hand out, before any rule is applied."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from logloss.data.values import Array as Array
from logloss.data.values import Number, Value, is_number, number_in, typed
from logloss.errors import DataError
from logloss.text import listed, printable, value_text

# Rows handed out together: 1 MB of float64, which the caches hold while checks and kernels look at it in turn. 2e7 rows
# of Parquet in blocks of this size are read as fast as whole row groups.
BLOCK_ROWS = 1 << 17
# Rows of one part of a table in memory: fixed, so that the cut does not depend on the number of threads; small, so that
# all of them have some.
PART_ROWS = BLOCK_ROWS
# Values that name a row of an engine's frame.
N_SHOWN = 6
# Why the index of a frame is no feature.
INDEX = "the index"
# What pyarrow calls the levels of an index that have no name.
UNNAMED_INDEX = re.compile(r"__index_level_\d+__$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from, and how one of them is named to a person."""

    # Whether a row can be found again by its number.
    is_numbered: ClassVar[bool] = True
    name: str = ""
    # Of one row, the columns of `keep`, and what stands there.
    kept: tuple[tuple[str, Value], ...] = field(default=(), compare=False, kw_only=True)

    def lines(self, rows: Sequence[int]) -> dict[int, int]:
        """The line of each of some rows in a text file, from 1; without those that have none."""
        return {}

    def line(self, row: int) -> int | None:
        """The line of a row; None where rows have no lines."""
        return self.lines([row]).get(row)

    def row_text(self, row: int) -> str:
        """`row 7`, `row 7 (line 9)`, `row 7, id = 401`."""
        line = self.line(row)
        return f"row {row:,}" + (f" (line {line:,})" if line is not None else "") + self.kept_text

    def where(self, row: int) -> str:
        """`row 7`, `row 7 (line 9) of scores.csv`."""
        return self.row_text(row) + (f" of {self.name}" if self.name else "")

    @property
    def kept_text(self) -> str:
        """The kept columns of the row, after its number."""
        return "".join(f", {name} = {text or 'nothing'}" for name, text in self.kept_texts.items())

    @property
    def kept_texts(self) -> dict[str, str]:
        """The kept columns of the row by name, as text; "" where nothing stands."""
        return {printable(name): "" if value is None else printable(str(value)) for name, value in self.kept}

    @property
    def without_kept(self) -> Place:
        """The same place, without the kept columns."""
        return replace(self, kept=())

    def remembered(self, row: int) -> Place:
        """The place of one row, without what it would keep of the others."""
        return self


@dataclass(frozen=True, slots=True)
class FramePlace(Place):
    """Where rows of an engine's frame come from: in no order that lasts, so that a row is named by its values.

    columns, first_row: the run of rows that it stands in. Both stay where they are when a place travels.
    """

    # Numbers are those within a partition, which cannot be looked up.
    is_numbered: ClassVar[bool] = False
    values: str = field(default="", compare=False)
    columns: Mapping[str, Column] | None = field(default=None, compare=False, repr=False)
    first_row: int = field(default=0, compare=False)

    def row_text(self, row: int) -> str:
        """`the row with y = 1, p = 0.97`."""
        values = self.values or self.values_of(row)
        return (f"the row with {values}" if values else "a row of the frame") + self.kept_text

    def values_of(self, row: int) -> str:
        """The values of a row, as far as they are in memory."""
        if self.columns is None:
            return ""
        index = row - self.first_row
        return ", ".join(
            f"{printable(name)} = {column.text_at(index)}" for name, column in list(self.columns.items())[:N_SHOWN]
        )

    def remembered(self, row: int) -> Place:
        """The place with the values of one row only."""
        return FramePlace(self.name, self.values or self.values_of(row))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(FramePlace, kept=self.kept), (self.name, self.values)


@dataclass(frozen=True, slots=True)
class RememberedPlace(Place):
    """The place of one row of a file that need not be here any more."""

    row: int = -1
    known_line: int | None = None

    def lines(self, rows: Sequence[int]) -> dict[int, int]:
        return {self.row: self.known_line} if self.known_line is not None and self.row in rows else {}


@dataclass(frozen=True, slots=True)
class Origin:
    """A column that another was computed of, for messages: its name, its numbers, what they must be, a hint.

    values: NaN where nothing stands; 0 elsewhere in what holds no numbers. wrong: which rows are not as expected; None
    where these are the infinite ones.
    """

    name: str
    values: Array
    expected: str = ""
    hint: str = ""
    wrong: Array | None = None

    @property
    def is_wrong(self) -> Array:
        """Which rows are not as expected."""
        found: Array = np.isinf(self.values) if self.wrong is None else self.wrong
        return found

    def taken(self, chosen: Array | slice) -> Origin:
        """The same of some rows."""
        return replace(self, values=self.values[chosen], wrong=None if self.wrong is None else self.wrong[chosen])


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a run of rows, unchecked.

    values: numbers or bools of shape (n_rows,), or, where `categories` is given, codes into it. A matrix of features,
    shape (n_rows, n_features), is one column, too, and has `names`. Where the categories are numbers (decimals, whole
    numbers beyond 64 bits), they are those that neither int64 nor float64 holds exactly.
    missing: True where the value is missing; None if none is known to be (NaN is left to the checks).
    is_date: the categories are dates, as ISO text, which sorts as they do.
    ranks: the place of each category in the order in which they were declared; None where none was declared.
    zone: of dates with a time zone, its name; the categories are then in UTC. origins: of a column that was computed
    what it was computed of. n_strange: how many rows of it were computed of a level that training did not see.
    """

    values: Array
    missing: Array | None = None
    categories: tuple[Any, ...] | None = None
    names: tuple[str, ...] = ()
    is_date: bool = False
    ranks: tuple[int, ...] | None = None
    zone: str = ""
    origins: tuple[Origin, ...] = ()
    n_strange: int = 0

    @property
    def is_matrix(self) -> bool:
        """Whether it holds several numbers a row."""
        return self.values.ndim == 2

    @property
    def has_exact_numbers(self) -> bool:
        """Whether its categories are numbers that no array holds exactly, and not declared categories."""
        return self.ranks is None and bool(self.categories) and self._are_numbers() and self._plain() is None

    def as_values(self) -> Column:
        """The same with values for codes, where the categories are numbers or bools that an array holds exactly."""
        values = self._plain() if self.categories and self._are_numbers() else None
        return self if values is None else Column(values[self.values], self.missing)

    def _are_numbers(self) -> bool:
        return all(map(is_number, self.categories or ()))

    def _plain(self) -> Array | None:
        """Its categories, which are numbers, as an array that holds each of them exactly; None if none does."""
        categories = self.categories or ()
        values = np.array(categories)
        is_mixed = values.dtype.kind != "b" and any(isinstance(each, bool) for each in categories)
        is_exact = values.dtype.kind in "biuf" and not is_mixed and tuple(values.tolist()) == categories
        return values if is_exact else None

    def as_numbers(self) -> Column:
        """The same with numbers as floats, where they are categories; any other column as it is."""
        if self.categories is None or not self._are_numbers():
            return self
        return Column(np.array([float(value) for value in self.categories])[self.values], self.missing)

    def taken(self, chosen: Array | slice) -> Column:
        missing = None if self.missing is None else self.missing[chosen]
        origins = tuple(origin.taken(chosen) for origin in self.origins)
        return replace(self, values=self.values[chosen], missing=missing, origins=origins)

    def value_at(self, index: int) -> Value:
        """The value of a row; None where it holds nothing."""
        value = self.values[index].item()
        if (self.missing is not None and self.missing[index]) or (isinstance(value, float) and math.isnan(value)):
            return None
        return typed(value if self.categories is None else self.categories[value])

    def text_at(self, index: int) -> str:
        """The value of a row as messages show it."""
        if self.missing is not None and self.missing[index]:
            return "nothing"
        value = self.values[index]
        return value_text(value if self.categories is None else self.categories[int(value)])


@dataclass(frozen=True, slots=True)
class Rows:
    """A run of unchecked rows: columns by name, the number of the first row in its place."""

    columns: Mapping[str, Column]
    first_row: int
    place: Place

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values())).values)


@dataclass(frozen=True, slots=True)
class LabelTest:
    """A label defined by a comparison, such as `stars >= 4`."""

    column: str
    operator: str
    operand: Number | str

    PATTERN = re.compile(r"^(?P<column>.+?)\s*(?P<operator>>=|<=|==|!=|>|<)\s*(?P<operand>.+?)\s*$")

    @classmethod
    def parse(cls, text: str) -> LabelTest | None:
        """The test that a text such as `label != 'normal.'` describes; None if it is not one."""
        match = cls.PATTERN.match(text)
        if match is None:
            return None
        operand = match["operand"]
        if len(operand) >= 2 and operand[0] == operand[-1] and operand[0] in "'\"":
            return cls(match["column"].strip(), match["operator"], operand[1:-1])
        number = number_in(operand)
        return cls(match["column"].strip(), match["operator"], operand if number is None else number)

    def __str__(self) -> str:
        operand = repr(self.operand) if isinstance(self.operand, str) else str(self.operand)
        return f"{self.column} {self.operator} {operand}"


@dataclass(frozen=True, slots=True)
class Forecaster:
    """One of several forecasts of the same rows: what it is called, and the columns that hold it."""

    name: str
    y_proba: str | None = None
    y_proba_of_zero: str | None = None
    y_logit: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.y_proba_of_zero, self.y_proba, self.y_logit) if name is not None)


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column plays which part, and how the label is read.

    categories: features that are codes of something, though they may be written as numbers. is_checked: the features
    were found to be sound by an earlier pass and are not looked at again. forecasters: the forecasts, where several are
    compared; order: the column by which rows come one after the other. texts: columns whose type says that they hold
    text, which is then no number however it reads; in text files everything is text. keeps_gaps: rows that lack a
    feature are kept whatever `missing` says of other columns.
    """

    y_true: str
    y_proba: str | None = None
    y_proba_of_zero: str | None = None
    y_logit: str | None = None
    sample_weight: str | None = None
    counts: str | None = None
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    offset: str | None = None
    by: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    pos_label: Any = None
    label_test: LabelTest | None = None
    missing: str = "error"
    unlabelled: str = "error"
    is_checked: bool = False
    forecasters: tuple[Forecaster, ...] = ()
    order: str | None = None
    negatives_kept: float = 1.0
    texts: frozenset[str] = frozenset()
    keeps_gaps: bool = False

    @property
    def forecast(self) -> str | None:
        return self.y_proba if self.y_logit is None else self.y_logit

    @property
    def has_gaps(self) -> bool:
        """Whether a feature may hold nothing."""
        return self.keeps_gaps or self.missing == "indicator"

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column that must hold a value in each row, once."""
        named = (
            self.y_true,
            self.y_proba_of_zero,
            self.y_proba,
            self.y_logit,
            self.sample_weight,
            self.counts,
            self.offset,
            self.order,
            *(name for each in self.forecasters for name in each.columns),
            *self.features,
            *self.cluster,
        )
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def probabilities(self) -> frozenset[str]:
        forecasts: tuple[Roles | Forecaster, ...] = (self, *self.forecasters)
        pairs = ((each.y_proba, each.y_proba_of_zero) for each in forecasts)
        return frozenset(name for pair in pairs for name in pair if name is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, once: of those of groups, nothing is a value, too."""
        return tuple(dict.fromkeys((*self.needed, *self.by, *self.keep)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that are read for their values only: text stays text, and in those of groups nothing is a value.

        A feature that makes groups or clusters, too, stays the number that it is without them.
        """
        only = [name for name in (*self.by, *self.cluster) if name not in self.features]
        only += [name for name in self.keep if name not in (*self.needed, *self.features)]
        return tuple(dict.fromkeys((*only, *self.categories)))

    def spoken(self, column: str) -> str:
        """A column as messages name it: `y_proba` for an argument, "score" for a column of a table."""
        arguments = ("y_true", "y_proba", "y_logit", "sample_weight", "counts", "offset", "by", "cluster", "order")
        return f"`{column}`" if column.split("[")[0] in arguments else f'column "{column}"'


def is_unnamed_index(name: str) -> bool:
    """Whether a column is a level of an index without a name."""
    return UNNAMED_INDEX.match(name) is not None


def unknown_column(name: str, names: Sequence[str]) -> DataError:
    """The error for a column that a table does not have."""
    names = [each for each in names if not is_unnamed_index(each)]
    # "Clicked" and "clicked" have no letter in common where a name is short.
    close = [each for each in names if each.lower() == name.strip().lower()]
    close = close or difflib.get_close_matches(name, names, n=1)
    hint = f' Did you mean "{printable(close[0])}"?' if close else ""
    several = [each.strip() for each in name.split(",")]
    if len(several) > 1 and set(several) <= set(names):
        shown = ", ".join(f'"{printable(each)}"' for each in several)
        hint = f" Several columns are a list: [{shown}]."
    if not close and names and all(number_in(each) is not None for each in names):
        hint = " If that is the first row of data, pass `header=False`."
    return DataError(
        f'no column "{printable(name)}". The table has: {listed([printable(n) for n in names], 20)}.{hint}'
    )


def positive_text(roles: Roles) -> str:
    """What counts as positive: `clicked = 1`, `class = ">50K"`, `stars >= 4`."""
    if roles.label_test is not None:
        return printable(str(roles.label_test))
    return f"{printable(roles.y_true)} = {'1' if roles.pos_label is None else value_text(roles.pos_label)}"
