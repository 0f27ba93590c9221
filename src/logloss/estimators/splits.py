"""Folds: the training and test rows of each, from any form of `cv`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit, check_cv

from logloss.data.values import Array
from logloss.errors import DataError
from logloss.estimators.modelled_rows import ModelledRows
from logloss.text import count

# (Training rows, test rows), by their numbers in the table.
Split = tuple[Array, Array]
# Folds of a number are shuffled with one seed, so that they are the same each time.
SEED = 0


def splits_of(cv: Any, rows: ModelledRows) -> list[Split]:
    """The folds, over the rows that take part: a number of them, a splitter of scikit-learn, or pairs of rows."""
    chosen = rows.taking_part
    if isinstance(cv, bool) or cv is None or isinstance(cv, str):
        raise DataError(f"`cv` must be a number of folds, a splitter, or pairs of rows (train, test); got {cv!r}.")
    if isinstance(cv, Integral):
        found = _numbered(int(cv), rows)
    elif hasattr(cv, "split"):
        # Splitters see the rows that take part only, and number these.
        groups = None if rows.cluster is None else rows.cluster[chosen]
        with warnings.catch_warnings():
            # Whether a splitter heeds clusters is seen from its folds, and reported.
            warnings.filterwarnings("ignore", "The groups parameter is ignored")
            found = list(check_cv(cv).split(np.zeros((len(chosen), 1)), rows.codes[chosen], groups))
    elif isinstance(cv, Iterable):
        return _checked(_given(cv, rows), rows)
    else:
        raise DataError(f"`cv` must be a number of folds, a splitter, or pairs of rows (train, test); got {cv!r}.")
    return _checked([(chosen[train], chosen[test]) for train, test in found], rows)


def _numbered(n_folds: int, rows: ModelledRows) -> Iterable[Split]:
    """Folds of a number, over the rows that take part: of periods, of whole clusters, or of rows."""
    chosen, codes = rows.taking_part, rows.codes[rows.taking_part]
    if n_folds < 2:
        raise DataError(f"`cv` must be at least 2 folds; got {n_folds}.")
    X = np.zeros((len(chosen), 1))
    if rows.period is not None:
        return _periods(n_folds, rows.period[chosen])
    rarer = int(np.bincount(codes, minlength=2).min())
    if n_folds > rarer:
        raise DataError(
            f"`cv` must be at most the number of rows of the rarer class, which has {count(rarer)}; got {n_folds}."
        )
    if rows.cluster is None:
        return StratifiedKFold(n_folds, shuffle=True, random_state=SEED).split(X, codes)
    groups = rows.cluster[chosen]
    n_clusters = min(len(np.unique(groups[codes == code])) for code in (0, 1))
    if n_folds > n_clusters:
        raise DataError(
            "`cv` must be at most the number of clusters that hold a row of each class: the rarer class is in "
            f"{count(n_clusters)}; got {n_folds}."
        )
    return StratifiedGroupKFold(n_folds, shuffle=True, random_state=SEED).split(X, codes, groups)


def _periods(n_folds: int, period: Array) -> Iterable[Split]:
    """Folds of whole periods in their order, each predicted by a model of all earlier ones."""
    known = np.unique(period)
    if len(known) <= n_folds:
        raise DataError(
            f"{n_folds} folds in the order of time need {n_folds + 1} periods at least, of which the first only train; "
            f"`order` has {count(len(known))}."
        )
    for train, test in TimeSeriesSplit(n_folds).split(known):
        yield np.flatnonzero(np.isin(period, known[train])), np.flatnonzero(np.isin(period, known[test]))


def _given(cv: Iterable[Any], rows: ModelledRows) -> list[Split]:
    """Pairs of rows as they were given, without those that do not take part."""
    found = []
    for number, pair in enumerate(cv, 1):
        try:
            train, test = (_numbers(each, rows.n_rows) for each in pair)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"`cv` must be pairs of rows (train, test), as numbers or as masks; number {number} is none: {error}."
            ) from error
        for name, own in (("training", train), ("test", test)):
            if len(np.unique(own)) < len(own):
                raise DataError(f"the {name} rows of fold {number} of `cv` must differ; some stand there twice.")
        takes_part = np.isin(np.arange(rows.n_rows), rows.taking_part)
        found.append((train[takes_part[train]], test[takes_part[test]]))
    return found


def _numbers(chosen: Any, n_rows: int) -> Array:
    """Numbers of rows, from numbers or from a mask."""
    chosen = np.asarray(chosen)
    if chosen.dtype == bool:
        if len(chosen) != n_rows:
            raise ValueError(f"a mask of {count(len(chosen))} for {count(n_rows)} rows")
        return np.flatnonzero(chosen)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise ValueError(f"rows are whole numbers; got {chosen.dtype} of shape {chosen.shape}")
    outside = chosen[(chosen < 0) | (chosen >= n_rows)]
    if len(outside):
        raise ValueError(f"there is no row {outside[0]} among {count(n_rows)}")
    return chosen.astype(np.intp)


def _checked(splits: list[Split], rows: ModelledRows) -> list[Split]:
    """The folds, where each row is tested once at most, and never by a model trained on it."""
    n_tests = np.zeros(rows.n_rows, np.int64)
    if not splits:
        raise DataError("`cv` must make one fold at least; it made none.")
    for number, (train, test) in enumerate(splits, 1):
        where = f"fold {number} of {count(len(splits))}"
        if not len(test):
            raise DataError(f"{where} of `cv` has no test rows.")
        seen = np.intersect1d(train, test)
        if len(seen):
            raise DataError(
                f"{where} of `cv` has rows in both the training and the test set: row {count(int(seen[0]))}."
            )
        classes = np.unique(rows.codes[train])
        if len(classes) < 2:
            lost = "no row" if not len(classes) else "rows of one class only"
            raise DataError(
                f"{where} of `cv` has {lost} to train on. Take fewer folds, or others"
                + (" (later periods have more)." if rows.period is not None else ".")
            )
        n_tests[test] += 1
    if n_tests.max() > 1:
        row = int(np.argmax(n_tests > 1))
        raise DataError(
            f"`cv` must put each row into one test fold at most; row {count(row)} is in {count(int(n_tests[row]))}. "
            "Of repeated folds measure each repetition by itself: their losses are of the same rows."
        )
    return splits


def is_forward(splits: Sequence[Split]) -> bool:
    """Whether no two models predict rows that the other was trained on: folds in the order of time, or one alone."""
    size = 1 + max(int(max(train.max(), test.max())) for train, test in splits)
    fold = np.full(size, -1)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    known = np.zeros((len(splits), len(splits)), dtype=bool)
    for number, (train, _) in enumerate(splits):
        others = np.unique(fold[train])
        known[number, others[others >= 0]] = True
    return not (known & known.T).any()


def cluster_caution(splits: Sequence[Split], cluster: Array) -> str:
    """A note where rows of one cluster are in both the training and the test set of a fold; "" where none are."""
    shared = sum(bool(np.isin(cluster[test], cluster[train]).any()) for train, test in splits)
    if not shared:
        return ""
    return (
        f"in {count(shared)} of {count(len(splits))} folds, rows of one cluster are in both the training and the test "
        "set: the loss on new clusters may be larger"
    )
