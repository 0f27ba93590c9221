"""The small tables of an answer: columns by name, and every way to hand them on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from logloss.answers.answer import render
from logloss.errors import MissingPackage
from logloss.text import columns as laid_out
from logloss.text import count, fixed, printable, significant

# Rows that are shown of a longer table.
MOST_SHOWN = 20


class SmallTable(Sequence[dict[str, Any]]):
    """A few rows of named columns: a sequence of dicts that pandas, polars and Arrow can read.

    A row is `table[0]`, a column `table["rows"]`, some rows `table[:5]`. In notebooks it is shown as a table.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> m.largest_losses[0]["row"], m.largest_losses.to_dict()["observed"]
    (1, [0.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = {name: list(values) for name, values in columns.items()}

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def __getitem__(self, index: int | slice | str) -> Any:
        """A row as a dict, a column by its name, or some rows as a table."""
        if isinstance(index, str):
            return list(self._columns[index])
        if isinstance(index, slice):
            return SmallTable({name: values[index] for name, values in self._columns.items()})
        return {name: values[index] for name, values in self._columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        # By their text: nan is equal to itself here, as it is in two answers of the same rows.
        return isinstance(other, SmallTable) and repr(self._columns) == repr(other._columns)

    def __hash__(self) -> int:
        return hash(repr(self._columns))

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists.

        Examples
        --------
        >>> SmallTable({"rows": [1]}).to_dict()
        {'rows': [1]}
        """
        return {name: list(values) for name, values in self._columns.items()}

    def to_pandas(self) -> Any:
        """The table as a pandas.DataFrame; pandas must be installed.

        Examples
        --------
        >>> SmallTable({"rows": [1, 2]}).to_pandas().shape
        (2, 1)
        """
        try:
            import pandas
        except ImportError as error:
            raise _missing("pandas") from error
        return pandas.DataFrame(self._columns)

    def to_polars(self) -> Any:
        """The table as a polars.DataFrame; polars must be installed.

        Examples
        --------
        >>> SmallTable({"rows": [1, 2]}).to_polars().shape
        (2, 1)
        """
        try:
            import polars
        except ImportError as error:
            raise _missing("polars") from error
        # Not strict: a column of whole numbers may have a nan, or text for what is left over.
        return polars.DataFrame(self._columns, strict=False)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        from logloss.data.arrow import table_of

        return table_of(self._columns).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        """The table as text; of a long one the first rows."""
        return "\n".join([*laid_out(*self._cells()), *self._more()])

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        html: str = render("table", "notebook")(*self._cells(), self._more())
        return html

    def _cells(self) -> tuple[list[list[str]], str]:
        """(The first rows as text, the names of the columns above them; l or r for each column). A column without any
        value is left out."""
        shown = {name: values for name, values in self._columns.items() if not _is_empty(values)}
        written = [column_texts(values[:MOST_SHOWN], is_count=_is_count(name)) for name, values in shown.items()]
        align = "".join("l" if any(isinstance(v, str) for v in values) else "r" for values in shown.values())
        return [list(shown), *map(list, zip(*written, strict=True))], align

    def _more(self) -> list[str]:
        """`… 80 more rows`, where not all are shown."""
        return [f"… {count(len(self) - MOST_SHOWN)} more rows"] if len(self) > MOST_SHOWN else []


def _is_empty(values: Sequence[Any]) -> bool:
    """Whether a column of some rows has no value."""
    nothing = [value is None or value == "" or (isinstance(value, float) and math.isnan(value)) for value in values]
    return bool(nothing) and all(nothing)


def _is_count(name: str) -> bool:
    """Whether whole numbers of a column are counts or row numbers; others may be years or identifiers."""
    return name in ("rows", "row") or name.startswith("n_")


def column_texts(values: Sequence[float | str | Decimal | None], *, is_count: bool = True) -> list[str]:
    """The values of a column as text: numbers with the same digits, unless some would lose theirs.

    is_count: whether thousands of whole numbers are separated.
    """
    sizes = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value) and value != 0]
    if all(size.is_integer() and size < 1e15 for size in sizes):
        digits = 0
    else:
        digits = max(4 - math.ceil(math.log10(max(sizes))), 0)
        if min(sizes) * 10.0**digits < 10 or max(sizes) >= 1e6:
            digits = -1
    return [
        str(value) if isinstance(value, int) and not isinstance(value, bool) and not is_count else _text(value, digits)
        for value in values
    ]


def _text(value: float | str | Decimal | None, digits: int) -> str:
    """A value as text; digits: of a float after the point, −1 for four significant ones."""
    if isinstance(value, bool | str | Decimal) or value is None:
        return printable(str(value))
    if isinstance(value, int):
        return count(value)
    if digits == 0 and math.isfinite(value):
        return count(round(value))
    return significant(value) if digits < 0 else fixed(value, digits)


def _missing(package: str) -> MissingPackage:
    return MissingPackage(f"`to_{package}` needs {package}. Install it with: pip install {package}")
