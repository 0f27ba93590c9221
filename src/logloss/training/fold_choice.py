"""What `cv` asks for: a number of folds, fold numbers of the rows, or pairs of training and test rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.text import count, counted, printable, value_text

if TYPE_CHECKING:
    from logloss.onepass.summaries.fold_rows import FoldKeySummary, FoldRule

# The fold of rows that only train, as in scikit-learn's PredefinedSplit; in text files as text.
NEVER_TESTED = (-1, "-1")
USUAL_FOLDS = 5
EXPECTED = "`cv` must be a number of folds, the fold number of each row, or pairs of rows (train, test)"


@dataclass(frozen=True, slots=True, eq=False)
class FoldChoice:
    """Folds as they were asked for: n_folds; or a column, by name or as an array; or patterns of membership.

    column: what is read beside the features: fold numbers, or the number of each row's pattern. train, test: of each
    pattern, shape (n_patterns, n_folds); None where the column has fold numbers.
    """

    n_folds: int = USUAL_FOLDS
    column: str | Array | None = None
    train: Array | None = None
    test: Array | None = None

    @property
    def is_numbered(self) -> bool:
        """Whether only a number of folds was given."""
        return self.column is None


def fold_choice(cv: Any, n_rows: int | None) -> FoldChoice:
    """`cv` of `fit`, checked; n_rows: of the table, where that is known. A choice that was made stays as it is."""
    if isinstance(cv, FoldChoice):
        return cv
    if cv is None:
        return FoldChoice()
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        if cv < 2:
            raise DataError(f"`cv` must be at least 2 folds; got {cv}.")
        return FoldChoice(int(cv))
    if isinstance(cv, str):
        return FoldChoice(column=cv)
    if hasattr(cv, "split"):
        raise DataError(
            f"{EXPECTED}; got the splitter {type(cv).__name__}. Pass cv=list(splitter.split(X, y)), or use "
            "logloss.LogisticRegressionCV."
        )
    if isinstance(cv, bool) or not isinstance(cv, Iterable):
        raise DataError(f"{EXPECTED}; got {value_text(cv)}.")
    if not hasattr(cv, "shape") and not hasattr(cv, "__arrow_c_array__"):
        cv = list(cv)
        if not cv:
            raise DataError("`cv` must have at least one fold; it is empty.")
        if all(isinstance(each, tuple | list) and len(each) == 2 for each in cv):
            return _of_pairs(cv, n_rows)
    return FoldChoice(column=cv)


def _of_pairs(pairs: list[Any], n_rows: int | None) -> FoldChoice:
    """Folds of pairs of rows, as numbers or masks: rows in the same folds have one pattern."""
    if n_rows is None:
        raise DataError(
            "pairs of rows need a table in memory; of files pass cv=K or the name of a column of fold numbers."
        )
    member = np.zeros((n_rows, 2 * len(pairs)), dtype=bool)
    for number, pair in enumerate(pairs):
        for side, (name, chosen) in enumerate(zip(("training", "test"), pair, strict=True)):
            member[_numbers(chosen, n_rows, name, number + 1), side * len(pairs) + number] = True
    both = member[:, : len(pairs)] & member[:, len(pairs) :]
    if both.any():
        row, fold = map(int, np.argwhere(both)[0])
        raise DataError(f"fold {fold + 1} of `cv` has rows in both the training and the test set: row {count(row)}.")
    patterns, codes = np.unique(member, axis=0, return_inverse=True)
    lacking = [
        name
        for name, own in (("training", patterns[:, : len(pairs)]), ("test", patterns[:, len(pairs) :]))
        if not own.any(axis=0).all()
    ]
    if lacking:
        raise DataError(f"a fold of `cv` has no {lacking[0]} rows.")
    return FoldChoice(len(pairs), codes.reshape(-1), patterns[:, : len(pairs)], patterns[:, len(pairs) :])


def _numbers(chosen: Any, n_rows: int, name: str, number: int) -> Array:
    """Rows of one side of a pair, by numbers or by a mask."""
    rows = np.asarray(chosen)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return rows
    is_whole = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not is_whole or (len(rows) and not (rows.min() >= 0 and rows.max() < n_rows)):
        raise DataError(
            f"the {name} rows of fold {number} of `cv` must be numbers of rows from 0 to {count(n_rows - 1)}, or a "
            f"mask of {counted(n_rows, 'row')}; got {rows.dtype} of shape {rows.shape}."
        )
    repeats = np.bincount(rows) if len(rows) else rows
    if (repeats > 1).any():
        raise DataError(
            f"the {name} rows of fold {number} of `cv` have row {count(int(np.argmax(repeats > 1)))} more than once; a "
            "row can be in a fold only once, and weigh more by `sample_weight`."
        )
    return rows


def kind_of(choice: FoldChoice, *, has_cluster: bool) -> str:
    """What its folds are made of."""
    from logloss.onepass.summaries.fold_rows import OF_CLUSTERS, OF_COLUMN, OF_ROWS

    return OF_COLUMN if not choice.is_numbered else OF_CLUSTERS if has_cluster else OF_ROWS


def rule_of(choice: FoldChoice, seen: FoldKeySummary) -> FoldRule:
    """Which rows train and test the model of each fold, once the keys of the rows are known."""
    from logloss.onepass.kernels.hashing import hashes_of
    from logloss.onepass.summaries.fold_rows import MOST_FOLDS, OF_CLUSTERS, OF_ROWS, FoldRule

    n_folds, kind = choice.n_folds, seen.kind
    if choice.train is not None and choice.test is not None:
        from logloss.data.rows import Column

        hashes = hashes_of([Column(np.arange(len(choice.train)))]) & seen.mask
        order = np.argsort(hashes)
        return FoldRule(kind, choice.train, choice.test, hashes[order], order, seen.mask)
    if choice.is_numbered:
        n_units = seen.n_rows if kind == OF_ROWS else len(seen.keys)
        if n_units < n_folds:
            what = "row" if kind == OF_ROWS else "cluster"
            raise DataError(f"`cv` must be at most the number of {what}s, {count(n_units)}; got {n_folds}.")
        test = np.eye(n_folds, dtype=bool)
        if kind == OF_CLUSTERS:
            # In the order of their hashes they are dealt out in turn.
            return FoldRule(kind, ~test, test, seen.keys, np.arange(len(seen.keys)) % n_folds, seen.mask)
        return FoldRule(kind, ~test, test)
    values = dict(seen.values)
    if len(values) != len(seen.keys) or len(values) > MOST_FOLDS:
        raise DataError(f"`cv` must name at most {count(MOST_FOLDS)} folds; the column has more values.")
    from logloss.data.keys import sorting

    if None in values.values():
        raise DataError("`cv` must give each row a fold; some rows have none. Rows of fold -1 only train.")
    ordered = sorted(values.values(), key=lambda value: sorting((value,)))
    tested = [value for value in ordered if value not in NEVER_TESTED]
    if len(tested) < 2:
        name = f'column "{printable(choice.column)}"' if isinstance(choice.column, str) else "`cv`"
        raise DataError(f"{name} must have at least 2 folds; it has {len(tested)}.")
    cells = {value: number for number, value in enumerate(tested)} | dict.fromkeys(NEVER_TESTED, len(tested))
    test = np.eye(len(tested) + 1, len(tested), dtype=bool)
    keys = seen.keys
    return FoldRule(kind, ~test, test, keys, np.array([cells[values[int(key)]] for key in keys]), seen.mask)


def folds_text(choice: FoldChoice, cluster: tuple[str, ...]) -> str:
    """What the folds are made of, after `5 folds`."""
    if choice.train is not None:
        return "of given rows"
    if isinstance(choice.column, str):
        return f"of column {printable(choice.column)}"
    if choice.column is not None:
        return "of given numbers"
    return f"of whole clusters ({', '.join(map(printable, cluster))})" if cluster else "of rows"
