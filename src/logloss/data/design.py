"""How columns become coefficients: the recipe that training learns and predicting follows.

A number is one coefficient; a category is one for each of its levels but the reference; a row's codes are looked up and
never spread out into columns of zeros and ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.checks.feature_values import NO_COEFFICIENT, checked_features, refuse_missing_in_matrix
from logloss.data.coded import Coded
from logloss.data.derived import DerivedColumn
from logloss.data.grammar import same_feature
from logloss.data.pairs import Pair, PairTable, Side
from logloss.data.rows import Array, Column, Roles, Rows
from logloss.data.shapes import Shape
from logloss.data.terms import OUTLYING, Category, Numbers, Term, codes_in
from logloss.errors import DataError
from logloss.text import listed, printable, value_text

if TYPE_CHECKING:
    pass

# A row this near to a plane lies in it, where features are at most 1 and so are the coefficients of the plane.
TOUCHING = 1e-9


@dataclass(frozen=True)
class Design:
    """The recipe: terms in the order of the table's columns.

    Coefficients lie in one vector: the intercept, all numbers, then all levels of each category, then those of each
    shape, then those of each pair; those of references stay 0 and `free` leaves them out. `fit_intercept`: whether
    there is an intercept; without one its place in the vector stays 0, and the centre of all numbers is 0.
    `is_nameless`: whether each column was one of an array, which had no names. `sides`: columns as the pairs see them.
    `derived`: columns of terms that are computed of others.
    """

    terms: tuple[Term, ...]
    fit_intercept: bool = True
    is_nameless: bool = False
    sides: tuple[Side, ...] = ()
    pairs: tuple[Pair, ...] = ()
    derived: tuple[DerivedColumn, ...] = ()

    @cached_property
    def numbers(self) -> tuple[Numbers, ...]:
        return tuple(term for term in self.terms if isinstance(term, Numbers))

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        return tuple(term for term in self.terms if isinstance(term, Category))

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(term for term in self.terms if isinstance(term, Shape))

    @cached_property
    def n_dense(self) -> int:
        return sum(len(term.coefficient_names) for term in self.numbers)

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each category lie."""
        spans, start = [], 1 + self.n_dense
        for term in self.categories:
            spans.append(slice(start, start + len(term.levels)))
            start += len(term.levels)
        return tuple(spans)

    @cached_property
    def shape_spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each shape lie."""
        stops = np.cumsum([1 + self.n_dense + self.n_levels, *(sum(term.parts) for term in self.shapes)])
        return tuple(map(slice, stops[:-1].tolist(), stops[1:].tolist()))

    @cached_property
    def tables(self) -> tuple[PairTable, ...]:
        """Each pair with its sides."""
        return tuple(PairTable(pair, *(self.sides[k] for k in pair.sides)) for pair in self.pairs)

    @cached_property
    def width_of_terms(self) -> int:
        """The coefficients before those of the pairs."""
        return 1 + self.n_dense + self.n_levels + sum(sum(term.parts) for term in self.shapes)

    @cached_property
    def pair_spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each pair lie."""
        stops = np.cumsum([self.width_of_terms, *(len(pair.products) for pair in self.pairs)])
        return tuple(map(slice, stops[:-1].tolist(), stops[1:].tolist()))

    @cached_property
    def n_levels(self) -> int:
        """Of all categories."""
        return sum(len(term.levels) for term in self.categories)

    @cached_property
    def width(self) -> int:
        return self.width_of_terms + sum(len(pair.products) for pair in self.pairs)

    @cached_property
    def free(self) -> Array:
        """Where coefficients are that training may choose: not the references, nor an intercept that is not fitted."""
        fixed = [] if self.fit_intercept else [0]
        fixed += [
            span.start + term.reference
            for span, term in zip(self.spans, self.categories, strict=True)
            if not term.is_pooled
        ]
        return np.delete(np.arange(self.width), fixed)

    @cached_property
    def centre(self) -> Array:
        """What is subtracted from each number, shape (n_dense,)."""
        return self._of_numbers([term.centre for term in self.numbers], 0.0)

    @cached_property
    def scale(self) -> Array:
        """What each coefficient of the vector is divided by, shape (width,): 1 but for numbers and shapes."""
        dense = self._of_numbers([term.scale for term in self.numbers], 1.0)
        others = *(term.scale for term in self.shapes), *(each.scale for each in self.tables)
        return np.concatenate([[1.0], dense, np.ones(self.n_levels), *others])

    @cached_property
    def largest(self) -> Array:
        """The largest size of what each coefficient is multiplied with, shape (width,): 1 but for outliers."""
        dense = self._of_numbers([term.largest for term in self.numbers], 1.0)
        return np.concatenate([[1.0], dense, np.ones(self.width - 1 - self.n_dense)])

    @cached_property
    def gaps(self) -> Array:
        """The place, among the numbers, of what is 1 where a number holds nothing, shape (n_dense,); −1 without one."""
        gaps, start = np.full(self.n_dense, -1), 0
        for term in self.numbers:
            stop = start + len(term.names)
            gaps[start + np.flatnonzero(term.lacks)] = stop + np.arange(term.n_lacking)
            start = stop + term.n_lacking
        return gaps

    @cached_property
    def has_outliers(self) -> bool:
        """Whether a number can be much larger than its scale."""
        return bool((self.largest > OUTLYING / 2).any())

    @cached_property
    def sds(self) -> dict[str, float]:
        """The standard deviation of each number in training, by its name."""
        known = [(term.names, term.sds) for term in self.numbers if term.sds is not None]
        return {name: sd for names, sds in known for name, sd in zip(names, sds.tolist(), strict=True)}

    @property
    def sds_of_columns(self) -> Array:
        """The standard deviation in training of what each named coefficient is multiplied with, shape (n_names,).

        Of a level it is that of its column of zeros and ones; of an indicator of missing values, which is not kept, 1.
        """
        known = dict(self.sds)
        for term in self.categories:
            shares = np.array(term.weights) / max(sum(term.weights), np.finfo(float).tiny)
            deviations = np.sqrt(shares * (1 - shares)).tolist()
            known |= dict(zip(term.coefficient_names, deviations, strict=True))
        return np.array([known.get(name, 1.0) for name in self.names])

    @property
    def names_of_outliers(self) -> tuple[str, ...]:
        """The columns of numbers of which some are much larger than their scale."""
        is_wide = self.largest[1 : 1 + self.n_dense] > OUTLYING / 2
        names = [name for term in self.numbers for name in term.coefficient_names]
        return tuple(name for name, wide in zip(names, is_wide, strict=True) if wide)

    def _of_numbers(self, parts: Sequence[Array], of_lacking: float) -> Array:
        filled = [
            np.append(part, np.full(term.n_lacking, of_lacking)) for part, term in zip(parts, self.numbers, strict=True)
        ]
        return np.concatenate([np.zeros(0), *filled])

    @cached_property
    def spans_of_terms(self) -> tuple[slice, ...]:
        """Where the coefficients of each term lie, those of references among them."""
        dense, spans, shape_spans = 1, iter(self.spans), iter(self.shape_spans)
        found = []
        for term in self.terms:
            if isinstance(term, Numbers):
                found.append(slice(dense, dense + len(term.coefficient_names)))
                dense = found[-1].stop
            else:
                found.append(next(spans if isinstance(term, Category) else shape_spans))
        return tuple(found)

    @cached_property
    def places(self) -> Array:
        """Where the coefficients lie in the order of the table's columns, without intercept and references."""
        places = [np.arange(span.start, span.stop) for span in self.spans_of_terms]
        own = [
            np.delete(place, term.reference) if isinstance(term, Category) and not term.is_pooled else place
            for place, term in zip(places, self.terms, strict=True)
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *own]).astype(np.int64)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each coefficient in the order of the table's columns; of a shape, for its value at each knot."""
        coefficients: list[str] = []
        for term in self.terms:
            names = list(term.coefficient_names)
            if isinstance(term, Category) and not term.is_pooled:
                del names[term.reference]
            coefficients += names
        return tuple(coefficients)

    def named_values(self, coefficients: Array) -> Array:
        """What `names` name, of coefficients as of `Coded.logits`, shape (n_names,)."""
        if not self.shapes:
            named: Array = coefficients[self.places]
            return named
        found = []
        for term, span in zip(self.terms, self.spans_of_terms, strict=True):
            own = coefficients[span]
            if isinstance(term, Shape):
                own = term.basis @ own
            elif isinstance(term, Category) and not term.is_pooled:
                own = np.delete(own, term.reference)
            found.append(own)
        return np.concatenate(found)

    @cached_property
    def references(self) -> dict[str, str]:
        """The reference level of each coefficient of a category."""
        references: dict[str, str] = {}
        for term in self.categories:
            if term.is_pooled:
                continue
            own = printable(str(term.levels[term.reference]))
            references |= dict.fromkeys(term.coefficient_names, own)
        return references

    @cached_property
    def variables(self) -> dict[str, tuple[str, ...]]:
        """The coefficients of each column, by its name: those of all levels but the reference; none of a lone level."""
        found: dict[str, tuple[str, ...]] = {}
        for term in self.terms:
            if not isinstance(term, Numbers):
                names = list(term.coefficient_names)
                if isinstance(term, Category) and not term.is_pooled:
                    del names[term.reference]
                found[term.column] = tuple(names)
                continue
            if term.column in self.wide:
                found[term.column] = term.coefficient_names
                continue
            lacking = iter(term.coefficient_names[len(term.names) :])
            lacks = term.lacks or (False,) * len(term.names)
            found |= {
                name: (name, *([next(lacking)] if own else ())) for name, own in zip(term.names, lacks, strict=True)
            }
        return found

    @property
    def read(self) -> tuple[str, ...]:
        """The names of the features: each column of a matrix is one; of a derived column all numbers are one."""
        return tuple(
            name
            for term in self.terms
            for name in (term.names if isinstance(term, Numbers) and term.column not in self.wide else (term.column,))
        )

    @cached_property
    def wide(self) -> frozenset[str]:
        """The derived columns of several numbers a row."""
        return frozenset(each.name for each in self.derived if each.is_matrix)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a table that are read: in place of derived ones those that they are computed of."""
        of_derived = {each.name: each.inputs for each in self.derived}
        return tuple(dict.fromkeys(own for name in self.read for own in of_derived.get(name, (name,))))

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on categories that are constant: a lone level has no coefficient."""
        lone = [
            f"{printable(term.column)} (always {'missing' if term.may_lack else value_text(term.levels[0])})"
            for term in self.categories
            if len(term.levels) == 1 and not term.is_pooled
        ]
        return (f"no coefficient of what is constant: {listed(lone, 20)}",) if lone else ()

    def feature(self, text: str) -> str:
        """The column that a text means as features are written: of `bs( age )` `bs(age)`; the text where it is none."""
        return same_feature(text, tuple(self.variables), self.inputs)

    def contributions(self, coded: Coded, coefficients: Array, n_rows: int) -> list[dict[str, float]]:
        """Contribution of each column and pair to the logit of each row, relative to the average row."""
        if "intercept" in self.read:
            raise DataError(
                'a column is called "intercept", as is what the average row has. Rename it to tell them apart.'
            )
        usual, own = coded.contributions(coefficients)
        names = *self.read, *(each.name for each in self.tables)
        return [{"intercept": usual} | {name: float(own[name][row]) for name in names} for row in range(n_rows)]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(term.column for term in self.terms)

    def checked(self, rows: Rows, *, may_lack: bool = False, hint: str = NO_COEFFICIENT) -> tuple[Column, ...]:
        """Columns of rows without labels as `coded` takes them; errors name the row.

        may_lack: whether any column may hold nothing; a number is then NaN, and so is what is made of it. hint: what to
        do where something is missing.
        """
        lacking = {term.column for term in self.terms if may_lack or term.may_lack}
        roles = Roles(
            "",
            features=self.columns,
            categories=tuple(term.column for term in self.categories),
            missing="indicator" if lacking else "error",
        )
        columns = checked_features(rows, roles, frozenset(lacking), hint)
        for term, column in zip(self.terms, columns, strict=True):
            if isinstance(term, Numbers) and column.is_matrix and term.may_lack and not may_lack:
                refuse_missing_in_matrix(rows, roles, term.column, ~np.array(term.lacks))
        return columns

    def coded(self, columns: Sequence[Column]) -> Coded:
        """Some rows as the passes read them; columns stand in the order of the terms. Cost: O(n_rows) per category."""
        dense, codes, knots, strange = [], [], [], {}
        for term, column in zip(self.terms, columns, strict=True):
            if isinstance(term, Numbers):
                dense.append(column.values)
                if column.n_strange:
                    strange[term.column] = column.n_strange
                continue
            if isinstance(term, Shape):
                knots.append(term.found(column.values))
                continue
            levels, n_strange = codes_in(term, column)
            codes.append(levels)
            if n_strange:
                strange[term.column] = n_strange
        beside = self._beside(columns, codes)
        return Coded(self, tuple(dense), tuple(codes), tuple(knots), strange, beside)

    def _beside(self, columns: Sequence[Column], codes: Sequence[Array]) -> tuple[tuple[Array, Array], ...]:
        """Of each side, the place of each row and the share of the next one."""
        if not self.sides:
            return ()
        levels = dict(zip([term.column for term in self.categories], codes, strict=True))
        values = dict(zip(self.columns, columns, strict=True))
        return tuple(
            side.found(levels[side.column] if side.places else values[side.column].values) for side in self.sides
        )
