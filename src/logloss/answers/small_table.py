"""The small tables of an answer: columns by name, and every way to hand them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from logloss.errors import MissingPackage
from logloss.text import columns as laid_out
from logloss.text import count, printable, significant


class SmallTable(Sequence[dict[str, Any]]):
    """A few rows of named columns: a sequence of dicts that pandas, polars and Arrow can take over.

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
        """The table as a pandas.DataFrame; pandas must be installed."""
        try:
            import pandas
        except ImportError as error:
            raise _missing("pandas") from error
        return pandas.DataFrame(self._columns)

    def to_polars(self) -> Any:
        """The table as a polars.DataFrame; polars must be installed."""
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
        return "\n".join(self.lines(significant_or_text))

    def lines(self, written: Callable[[Any], str], most: int = 20) -> list[str]:
        """The table as lines of text."""
        shown = [[written(value) for value in row.values()] for row in self[:most]]
        align = "".join("l" if isinstance(values[0], str) else "r" for values in self._columns.values() if values)
        lines = laid_out([list(self._columns), *shown], align or "l" * len(self._columns))
        return lines + ([f"… and {count(len(self) - most)} more rows"] if len(self) > most else [])


def significant_or_text(value: float | str | Decimal | None) -> str:
    """A value of a small table as text."""
    if isinstance(value, bool | str | Decimal) or value is None:
        return printable(str(value))
    return count(value) if isinstance(value, int) else significant(value)


def _missing(package: str) -> MissingPackage:
    return MissingPackage(f"this needs {package}. Install it with: pip install {package}")
