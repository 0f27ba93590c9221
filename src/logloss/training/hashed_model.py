"""A model with hashed text among its features: sparse coefficients, and the recipe that makes the columns of a table.

>>> import logloss
>>> table = {"query": ["red shoes", "blue hat", "red hat", "blue shoes"], "bought": [1, 0, 1, 0]}
>>> model = logloss.fit(table, "bought", features=["hash(query, bits=10)"], l2=0.1)
>>> model.predict({"query": ["red gloves", "blue"]}).tolist()
[1, 0]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from logloss.data.checks.feature_values import NO_INDICATOR, checked_features
from logloss.data.design import Design
from logloss.data.grammar import same_feature
from logloss.data.hashed_text import HashedText
from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column, Place, Roles, Rows
from logloss.errors import DataError
from logloss.text import counted, listed, printable
from logloss.training.predict import Predictor
from logloss.training.wide_model import WideModel


@dataclass(frozen=True, slots=True)
class HashedPredictor(Predictor):
    """Log-odds of the rows of a table: those of the design, and Σ count · coefficient of each hashed text.

    coef: of all hashed columns, one text after the other.
    """

    hashed: tuple[HashedText, ...] = ()
    coef: Array = field(default_factory=lambda: np.zeros(0))
    if_missing: ClassVar[str] = NO_INDICATOR

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are read as they are written."""
        return tuple(dict.fromkeys(each.column for each in self.hashed))

    def found(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """The columns of the design, and the texts."""
        return {name: columns[name] for name in (*self.design.columns, *self.texts)}

    def checked(
        self, found: Mapping[str, Column], first_row: int, place: Place, missing: str = "error"
    ) -> Sequence[Column]:
        """The columns of the design as its recipe takes them, then the text of each hash."""
        own = {name: column for name, column in found.items() if name in self.design.columns}
        checked = Predictor.checked(self, own, first_row, place, missing) if own else ()
        roles = Roles(
            "", features=self.texts, categories=self.texts, missing="indicator" if missing == "drop" else missing
        )
        rows = Rows({name: found[name] for name in self.texts}, first_row, place)
        texts = checked_features(rows, roles, frozenset(self.texts if missing == "drop" else ()), self.if_missing)
        by_name = dict(zip(self.texts, texts, strict=True))
        return (*checked, *(by_name[each.column] for each in self.hashed))

    def of_columns(self, table: Sequence[Column], n_rows: int, strange: dict[str, int]) -> Array:
        """Log-odds of checked columns, without an offset."""
        n_terms = len(self.design.terms)
        logits = Predictor.of_columns(self, table[:n_terms], n_rows, strange)
        start = 0
        for each, column in zip(self.hashed, table[n_terms:], strict=True):
            logits = logits + each.counts(column).sums(self.coef[start : start + each.n_columns], n_rows)
            start += each.n_columns
        return logits

    def lacking(self, found: Mapping[str, Column]) -> dict[str, Array]:
        """Rows in which a value is missing, by its column."""
        lacking = Predictor.lacking(self, found)
        for name in self.texts:
            own = missing_of(found[name])
            if own is not None:
                lacking[name] = own
        return lacking

    def without_missing(self, strange: Mapping[str, int], found: Mapping[str, Column]) -> dict[str, int]:
        """Rows of strange levels by column, those in which nothing stands there taken away."""
        return Predictor.without_missing(self, strange, found)

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """Not of sparse columns, which have no means."""
        raise DataError(
            "contributions are those of columns with means; hashed words have none: a word adds its coefficient, "
            "model.coefficient_of(feature, word), each time that it occurs."
        )

    def _by_place(self, X: Any) -> dict[str, Column]:
        shown = listed([f'"{printable(name)}"' for name in self.columns], 20)
        raise DataError(
            f"the model reads {shown} by name, and `X` has no names of columns. Pass a frame, or a dict with a list "
            "of values for each column."
        )


class HashedNames(Sequence[str]):
    """The names of the columns: those of the design, then of each value of each hash its words, `hash(query): red`, or
    where these are not known its number, `hash(query)[7]`."""

    def __init__(self, own: tuple[str, ...], hashed: tuple[HashedText, ...], words: Mapping[str, str]) -> None:
        self.own, self.hashed, self.words = own, hashed, words

    def __len__(self) -> int:
        return len(self.own) + sum(each.n_columns for each in self.hashed)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self.name(number) for number in range(len(self))[place]]
        return self.name(range(len(self))[place])

    def name(self, place: int) -> str:
        """The name of a column."""
        number = self.number(place)
        feature = number.rpartition("[")[0]
        return f"{feature}: {self.words[number]}" if number in self.words else number

    def number(self, place: int) -> str:
        """The same, of a hashed column by its number."""
        if place < len(self.own):
            return self.own[place]
        place -= len(self.own)
        for each in self.hashed:
            if place < each.n_columns:
                return f"{each.name}[{place}]"
            place -= each.n_columns
        raise IndexError(place)

    def place(self, name: object) -> int:
        """The column of a name, by words or by number; −1 where it is none."""
        if not isinstance(name, str):
            return -1
        if name in self.own:
            return self.own.index(name)
        name = next((number for number in self.words if self._by_words(number) == name), name)
        start = len(self.own)
        for each in self.hashed:
            text = name.removeprefix(f"{each.name}[").removesuffix("]")
            if text.isdecimal() and int(text[:9]) < each.n_columns and self.number(start + int(text[:9])) == name:
                return start + int(text)
            start += each.n_columns
        return -1

    def _by_words(self, number: str) -> str:
        return f"{number.rpartition('[')[0]}: {self.words[number]}"


@dataclass(frozen=True, slots=True, repr=False)
class HashedModel(WideModel):
    """A `WideModel` of a table with hashed text: it predicts tables, whose columns it makes as training did.

    Attributes
    ----------
    design : Design
        The other features: their levels, and what is computed of columns.
    hashed : tuple of HashedText
        The texts, and the bits of their hashes.
    offset : str
        The column of the offset, where it is one of the table.
    missing : {"error", "drop"}
        What was done with rows in which a feature is missing, and is done at prediction.

    words : dict of name to words
        Of the hashed columns with the largest coefficients per standard deviation, up to 200: the words of training
        that have this hash, the three most frequent ones, by the feature and number of the column.

    The other attributes are those of `WideModel`; columns are called as the features are, such as "site: south" and
    "hash(query, bits=20): red", or "hash(query, bits=20)[7]" where `words` has none of them.

    Examples
    --------
    >>> import logloss
    >>> table = {"query": ["red shoes", "blue hat", "red hat", "blue shoes"], "bought": [1, 0, 1, 0]}
    >>> model = logloss.fit(table, "bought", features=["hash(query, bits=10)"], l2=0.1)
    >>> model.n_features, round(model.coefficient_of("hash(query, bits=10)", "red"), 3)
    (1024, 2.128)
    """

    design: Design = field(default_factory=lambda: Design(()))
    hashed: tuple[HashedText, ...] = ()
    offset: str = ""
    missing: str = "error"
    words: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> HashedNames:  # type: ignore[override]
        """What the columns are called."""
        return HashedNames(self.design.names, self.hashed, self.words)

    def coefficient_of(self, feature: str, word: str) -> float:
        """The coefficient of a word, which it may share with others of the same hash.

        Parameters
        ----------
        feature : str
            The feature, such as "hash(query, bits=20)".
        word : str
            A word, in letters of any size.

        Returns
        -------
        float
            Change of the log-odds each time that it occurs.

        Raises
        ------
        DataError
            If there is no such feature, or the text is not one word.

        Examples
        --------
        >>> import logloss
        >>> table = {"query": ["red shoes", "blue hat", "red hat", "blue shoes"], "bought": [1, 0, 1, 0]}
        >>> model = logloss.fit(table, "bought", features=["hash(query, bits=10)"], l2=0.1)
        >>> round(model.coefficient_of("hash(query, bits=10)", "shoes"), 6)
        0.0
        """
        from logloss.data.hashed_text import columns_of, words_of

        words, start = words_of(word), len(self.design.names)
        if len(words) != 1:
            raise DataError(f'`word` must be one word; "{printable(word)}" has {counted(len(words), "word")}.')
        texts = tuple(each.column for each in self.hashed)
        feature = same_feature(feature, tuple(each.name for each in self.hashed), texts)
        for each in self.hashed:
            if each.name == feature:
                return float(self.coef[start + int(columns_of(words, each.bits)[0])])
            start += each.n_columns
        known = listed([printable(each.name) for each in self.hashed])
        raise DataError(f'no feature "{printable(feature)}" of hashed text. The model has: {known}.')

    @property
    def predictor(self) -> HashedPredictor:  # type: ignore[override]
        """The recipe with its coefficients, as rows are predicted by it."""
        design, n_own = self.design, len(self.design.names)
        values = np.zeros(design.width)
        values[design.places] = self.coef[:n_own]
        values[0] = self.intercept + values[1 : 1 + design.n_dense] @ design.centre
        own = design, values, (), self.has_offset, self.offset, self.missing
        return HashedPredictor(*own, self.hashed, self.coef[n_own:])
