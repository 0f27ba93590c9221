"""Tables of many columns, as sparse matrices: drawn ones, and those of a folder of real tables."""

from __future__ import annotations

import argparse
import gzip
import itertools
from typing import Any

import numpy as np
import scipy.sparse
from _samples import labels_of
from scipy.special import expit
from sklearn.datasets import load_svmlight_file

SEED = 20261130
# What stands between the levels of a pair of categories.
BETWEEN = "|"


def with_short_indices(rows: Any) -> Any:
    """The same rows with indices of 32 bits, which liblinear needs."""
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def words(n_rows: int, n_columns: int, of_row: int) -> tuple[Any, Any]:
    """Rows of words drawn with a frequency of 1 / rank, tf-idf of norm 1, and labels that depend on them."""
    random = np.random.default_rng(SEED)
    frequency = np.cumsum(1.0 / np.arange(1, n_columns + 1))
    columns = np.searchsorted(frequency, random.random(n_rows * of_row) * frequency[-1])
    counts = scipy.sparse.csr_array(
        (np.ones(n_rows * of_row), (np.repeat(np.arange(n_rows), of_row), columns)), shape=(n_rows, n_columns)
    )
    counts.sum_duplicates()
    rarity = np.log((1 + n_rows) / (1 + np.bincount(counts.indices, minlength=n_columns))) + 1
    counts.data = (1 + np.log(counts.data)) * rarity[counts.indices]
    norms = np.sqrt(np.add.reduceat(counts.data**2, counts.indptr[:-1]))
    counts.data /= np.repeat(norms, np.diff(counts.indptr))
    counts = with_short_indices(counts)
    return counts, labels_of(random, expit(counts @ (3 * random.standard_normal(n_columns)) - 1))


def indicators(n_rows: int) -> tuple[Any, Any]:
    """123 columns of 0 and 1, 14 of them 1 in each row."""
    random = np.random.default_rng(SEED)
    starts, widths = np.arange(0, 123, 9)[:14], np.array([9] * 13 + [6])
    columns = starts + (widths * random.random((n_rows, 14)) ** 2).astype(int)
    rows = scipy.sparse.csr_array(
        (np.ones(14 * n_rows), (np.repeat(np.arange(n_rows), 14), columns.ravel())), shape=(n_rows, 123)
    )
    rows = with_short_indices(rows)
    return rows, labels_of(random, expit(rows @ random.standard_normal(123) - 2))


def adult(requested: argparse.Namespace) -> tuple[Any, Any]:
    """The table of a9a.svm, or one like it."""
    if requested.folder is None:
        return indicators(min(32_561, requested.rows))
    rows, labels = load_svmlight_file(str(requested.folder / "a9a.svm"), n_features=123)
    return with_short_indices(scipy.sparse.csr_array(rows)), (labels > 0).astype(np.uint8)


def adult_pairs(requested: argparse.Namespace) -> tuple[Any, Any]:
    """Adult: its numbers, the levels of its eight categories, and those of all pairs of these."""
    import pandas as pd

    table = pd.read_csv(requested.folder / "adult_train.csv", keep_default_na=False)
    labels = (table.pop("class").str.strip() == ">50K").to_numpy().astype(np.uint8)
    categories = table.select_dtypes(exclude="number")
    pairs = [
        categories[first] + BETWEEN + categories[second] for first, second in itertools.combinations(categories, 2)
    ]
    return assembled(table.select_dtypes("number"), [categories[name] for name in categories] + pairs), labels


def connections(requested: argparse.Namespace) -> tuple[Any, Any]:
    """KDD'99, ten percent: 38 numbers and the levels of three categories; whether a connection is an attack."""
    import pandas as pd

    with gzip.open(requested.folder / "kddcup99_10_percent.csv.gz", "rt") as lines:
        table = pd.read_csv(lines, header=None)
    labels = (table.pop(41) != "normal.").to_numpy().astype(np.uint8)
    categories = table.select_dtypes(exclude="number")
    return assembled(table.select_dtypes("number"), [categories[name] for name in categories]), labels


def lectures(requested: argparse.Namespace) -> tuple[Any, Any]:
    """Ratings of lectures: students, lecturers, departments and what else is known of them, each a category."""
    import pandas as pd

    table = pd.read_parquet(requested.folder / "lecture_ratings.parquet").drop(columns="rownames")
    labels = (table.pop("y").astype(int) >= 4).to_numpy().astype(np.uint8)
    return assembled(table.iloc[:, :0], [table[name].astype(str) for name in table]), labels


def assembled(numbers: Any, categories: list[Any]) -> Any:
    """Numbers in units of their standard deviations, and a column of 0 and 1 for each level of each category."""
    import pandas as pd

    values = numbers.to_numpy(float)
    spread = values.std(axis=0)
    parts = [scipy.sparse.csr_array(values[:, spread > 0] / spread[spread > 0])]
    for category in categories:
        codes, levels = pd.factorize(category, sort=True)
        n_rows = len(codes)
        parts.append(scipy.sparse.csr_array((np.ones(n_rows), (np.arange(n_rows), codes)), shape=(n_rows, len(levels))))
    return with_short_indices(scipy.sparse.hstack(parts, format="csr"))


# By the name that tables of figures give them: those of the folder.
OF_FOLDER = {"adult, all pairs": adult_pairs, "KDD'99": connections, "lectures": lectures}
