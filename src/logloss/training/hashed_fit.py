"""fit() of a table with hashed text: its rows become a sparse matrix, with the recipe that makes the same of new rows.

>>> import logloss
>>> table = {"query": ["red", "blue", "red hat", "blue hat"], "bought": [1, 0, 1, 0]}
>>> logloss.fit(table, "bought", features=["hash(query, bits=8)"], l2=1.0).n_features
256
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.checks.labels import Coding, judge_coding
from logloss.data.derived import DerivedColumn
from logloss.data.design import Design
from logloss.data.hashed_text import HashedText, WrittenNumbers, no_text
from logloss.data.keys import values_of
from logloss.data.matrix_columns import MatrixColumns
from logloss.data.rows import Array, Roles, positive_text
from logloss.data.source import Source
from logloss.errors import DataError
from logloss.text import counted, printable
from logloss.training.fitted import classes_of
from logloss.training.hashed_model import HashedModel, HashedNames
from logloss.training.penalty_path import PenaltyPath
from logloss.training.recipe import learn
from logloss.training.wide_model import MOST_LISTED, WideModel

# Of one hash, by how many texts they occur in; letters of a word that is shown.
MOST_WORDS, LONGEST = 3, 40


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class HashedRows:
    """The rows of a table as a sparse matrix, with what stands beside it, one value a row, and the recipe.

    folds: of each row, where there is a column of them.
    """

    matrix: Any
    labels: Array
    beside: Mapping[str, Array]
    design: Design
    hashed: tuple[HashedText, ...]
    roles: Roles
    coding: Coding
    n_dropped: int
    source: Source
    folds: Array | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the table was read, and on rows that were left out."""
        dropped = (f"{counted(self.n_dropped, 'row')} left out, as a value is missing",) if self.n_dropped else ()
        return (*self.source.notes, *dropped, *self.design.notes)


def hashed_rows(
    source: Source,
    roles: Roles,
    hashed: tuple[HashedText, ...],
    reference: Mapping[str, Any],
    derived: tuple[DerivedColumn, ...],
    progress: Callable[[Block], None] | None,
) -> HashedRows:
    """The rows of a source. roles: those of all features but the texts. Two walks, one without other features."""
    from logloss.onepass.run import blocks_in_order

    design = Design(())
    if roles.features:
        learned = learn(source, roles, reference, derived=derived, progress=progress)
        design, roles = learned.design, replace(learned.roles, is_checked=False)
    texts = tuple(dict.fromkeys(each.column for each in hashed))
    names = tuple(dict.fromkeys((*roles.features, *texts)))
    codes = tuple(dict.fromkeys((*roles.categories, *texts)))
    roles = replace(roles, features=names, categories=codes)
    pieces: list[tuple[Array, Array, Array]] = []
    blocks: list[Block] = []
    written = {each: WrittenNumbers() for each in hashed}

    def take(block: Block) -> None:
        for each, numbers in written.items():
            numbers.see(block.features[names.index(each.column)])
        pieces.append(_values_of(block, design, hashed, names))
        blocks.append(replace(block, features=()))

    blocks_in_order(source, roles, take)
    for each, numbers in written.items():
        if numbers.fraction is not None and not numbers.has_words:
            raise no_text(each, numbers.fraction)
    coding: Coding = frozenset().union(*(block.coding for block in blocks))
    judge_coding(coding, roles)
    n_rows = sum(block.n_rows for block in blocks)
    if not n_rows:
        raise DataError("expected at least one row with every value and a weight above 0; found none.")
    beside = {}
    for name in ("sample_weight", "counts", "offset"):
        if getattr(roles, name) is not None:
            beside[name] = np.concatenate([getattr(block, name) for block in blocks])
    is_soft = any(block.y_true.dtype != np.uint8 for block in blocks)
    labels = np.concatenate([block.y_true.astype(np.float64) if is_soft else block.y_true for block in blocks])
    width = len(design.names) + sum(each.n_columns for each in hashed)
    matrix = _matrix_of(pieces, [block.n_rows for block in blocks], width)
    n_dropped = sum(block.n_dropped for block in blocks)
    folds = np.concatenate([_folds_of(block) for block in blocks]) if roles.by else None
    return HashedRows(matrix, labels, beside, design, hashed, roles, coding, n_dropped, source, folds)


def _folds_of(block: Block) -> Array:
    """The fold of each row, by the column of folds."""
    codes, values = values_of(block.by[0])
    return np.array([values[code] for code in codes.tolist()])


def _values_of(
    block: Block, design: Design, hashed: tuple[HashedText, ...], names: tuple[str, ...]
) -> tuple[Array, Array, Array]:
    """(How many values each row has, the columns of all, the values of all), row by row, columns ascending."""
    columns = dict(zip(names, block.features, strict=True))
    coded = design.coded([columns[name] for name in design.columns])
    # The column of each coefficient; −1 of references.
    place_of = np.full(design.width, -1)
    place_of[design.places] = np.arange(len(design.places))
    numbers = coded.as_found(0, block.n_rows)
    rows, own = np.nonzero(numbers)
    found = [(rows, place_of[1 + own], numbers[rows, own])]
    for span, codes in zip(design.spans, coded.codes, strict=True):
        places = place_of[span.start + codes]
        rows = np.flatnonzero(places >= 0)
        found.append((rows, places[rows], np.ones(len(rows))))
    start = len(design.names)
    for each in hashed:
        counts = each.counts(columns[each.column])
        found.append((counts.rows, start + counts.places, counts.values))
        start += each.n_columns
    rows, places, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((places, rows))
    return np.bincount(rows, minlength=block.n_rows), places[order].astype(np.int32), values[order]


def _matrix_of(pieces: list[tuple[Array, Array, Array]], sizes: list[int], width: int) -> Any:
    """The values of all blocks as one matrix; words of one hash in a row are added up."""
    from scipy.sparse import csr_array

    n_each, places, values = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    ends = np.concatenate([[0], np.cumsum(n_each)])
    matrix = csr_array((values, places, ends), shape=(sum(sizes), width))
    matrix.sum_duplicates()
    return matrix


def with_recipe(model: Any, rows: HashedRows, offset: str) -> HashedModel:
    """The model of the matrix as one of the table. offset: its column, where it is one."""
    own: dict[str, Any] = {each.name: getattr(model, each.name) for each in fields(WideModel)}
    own |= {"design": rows.design, "hashed": rows.hashed, "offset": offset, "missing": rows.roles.missing}
    own |= {"words": words_of_largest(HashedModel(**own), rows)}
    own |= {"positive": positive_text(rows.roles), "classes": classes_of(rows.roles, rows.coding)}
    own |= {"path": None if model.path is None else _with_names(model.path, model.columns, HashedModel(**own).columns)}
    return HashedModel(**own | {"notes": (*model.notes, *rows.notes)})


def _with_names(path: PenaltyPath, columns: MatrixColumns, names: HashedNames) -> PenaltyPath:
    """A path whose coefficients are called as those of the model."""
    return replace(path, names=tuple(names.name(columns.place(name)) for name in path.names))


def words_of_largest(model: HashedModel, rows: HashedRows) -> dict[str, str]:
    """The words of the hashed columns whose coefficients are farthest from 0, by the name of the column. One walk."""
    from logloss.onepass.run import blocks_in_order

    names, start = model.columns, len(model.design.names)
    largest = [names.place(name) for name, *_ in model.largest(MOST_LISTED)]
    chosen: list[tuple[HashedText, int, Array]] = []
    for each in model.hashed:
        own = np.array([place - start for place in largest if start <= place < start + each.n_columns], np.int64)
        chosen.append((each, start, own))
        start += each.n_columns
    found: dict[str, Counter[str]] = {}

    def take(block: Block) -> None:
        columns = dict(zip(rows.roles.features, block.features, strict=True))
        for each, first, own in chosen:
            for (place, word), n_texts in each.words_at(columns[each.column], own).items():
                found.setdefault(names.number(first + place), Counter())[word] += n_texts

    blocks_in_order(rows.source, rows.roles, take)
    # Of equally frequent words the first one in order, however rows are cut.
    ranked = {name: sorted(own, key=lambda word: (-own[word], word)) for name, own in found.items()}
    return {name: _shown(words) for name, words in ranked.items()}


def _shown(words: Sequence[str]) -> str:
    """`red, shoe, hat, …`."""
    return ", ".join(printable(word, LONGEST) for word in words[:MOST_WORDS]) + (", …" if words[MOST_WORDS:] else "")


def check_hashed(is_penalised: bool, refused: Mapping[str, object]) -> None:
    """Refuse options that sparse columns do not have. refused: by name; None, () and {} are as if left out."""
    for name, value in refused.items():
        if value is None or (isinstance(value, tuple | dict) and not value):
            continue
        raise DataError(
            f"`{name}` is not available beside hash(…), whose columns are sparse. Leave out either of them."
        )
    if not is_penalised:
        raise DataError(
            "hash(…) makes more columns than rows determine: pass a penalty, l2= (such as l2=1), l1=, l2_path= "
            "or l1_path=."
        )
