"""What a verb is asked of rows: which columns play which part, how they are read, and who walks over them.

The verbs have flat signatures; what they share is declared, described and checked here, and travels as one object.

>>> asked = RowOptions(y_true="clicked", y_proba="score", missing="drop")
>>> asked.given
{'y_proba': 'score', 'y_true': 'clicked'}
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

from logloss.errors import DataError
from logloss.text import value_text

if TYPE_CHECKING:
    from logloss.data.block import Block
    from logloss.data.values import Value

Verb = TypeVar("Verb", bound=Callable[..., object])
# A line of a docstring that stands for the description of an option. Lines alone: formulas have braces, too.
PLACEHOLDER = re.compile(r"^( *)\{(\w+)\}$", re.MULTILINE)


# Not compared: the truth of two equal arrays is an array.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowOptions:
    """What the verbs ask of rows. A verb has some of these options, and describes in its own words where it differs.

    Parameters
    ----------
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, optional
        Predicted probability of 1, in [0, 1]; or the probabilities of both classes: the two columns of an array in
        sorted order of the labels, or the names of the column of 0 and of the column of 1.
    y_true : name of a column, or comparison, optional
        Column of labels, or a comparison that makes one: ``"stars >= 4"``, ``"label != 'normal.'"``.
    y_logit : array of shape (n_rows,), or name of a column, optional
        Log-odds of 1, any real or ±inf, instead of `y_proba`.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row. Weight 2 counts like two rows in every estimate; in intervals a row is one observation.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands: intervals, too, equal those of the repeated rows.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        What makes groups: `m.groups` shows what each costs. null is a group. Up to 4,096 groups are kept.
    groups : list of values (of tuples, where `by` has several columns), optional
        The groups to keep apart; the others are pooled as one.
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: intervals take clusters, not rows, as independent.
    order : name of a column, or array of shape (n_rows,), optional
        Numbers, dates, or text that sorts like dates: rows with equal values are one period, and periods follow each
        other. All forecasts and weights of a period must be known before any of its outcomes.
    cv : int, splitter of scikit-learn, or iterable of (training rows, test rows), optional
        The forecasts are estimators of scikit-learn; copies of each are trained in folds, and judged by rows that they
        have not seen. A number: stratified folds, shuffled with a fixed seed; with `cluster` of whole clusters; with
        `order` of whole periods, each judged by models of all earlier ones. Rows in no fold are left out.
    X : array of shape (n_rows, n_features), or frame, optional
        With `cv`, the features that estimators are trained on, as they take them.
    features : list of names of columns, optional
        With `cv` and a table, the columns that estimators are trained on, instead of all that have no other part.
    exclude : list of names of columns, optional
        With `cv` and a table, columns that they are not trained on.
    leave_two_out : bool
        With `cv`, whether models without every two folds are trained, too, up to 10 folds: k(k − 1)/2 more fits, from
        which the interval knows how the loss varies with the rows of training. Without them it is about 1.5 times as
        wide as that of given forecasts (Nadeau and Bengio's), which is wide enough unless models overfit by far.
    keep : name of a column, or list of names, optional
        Columns of the table, such as keys and dates, that stand beside the number of a row wherever rows are listed.
    offset : array of shape (n_rows,), or name of a column, optional
        Added to the log-odds of each row with no coefficient: what is known beforehand. Finite.
    negatives_kept : float in (0, 1]
        The share of negatives that the training of the model kept: every forecast's log-odds are shifted by its
        logarithm before anything else.
    missing : {"error", "drop"}
        What to do with rows in which something is missing (null or NaN).
    header : bool
        Whether CSV files begin with the names of the columns; otherwise these are "0", "1", …
    name : str, optional
        What the rows are called. Two summaries that hold the same rows do not merge, whatever the files are called;
        samples that are equal and yet others merge under different names.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        Who walks over the files, to the same bits; "dask" or "spark" start one on this machine. A frame of theirs needs
        none (docs/scale.md).
    progress : function, optional
        Called with each block of rows once it is in the summary, from the thread that made it; of an engine with what
        is known of the parts that are done: their `n_rows`.
    """

    y_proba: Any = None
    y_true: Any = None
    y_logit: Any = None
    sample_weight: Any = None
    counts: Any = None
    pos_label: Value = None
    by: Any = None
    groups: Sequence[Value | Sequence[Value]] | None = None
    cluster: Any = None
    order: Any = None
    cv: Any = None
    X: Any = None
    features: Any = None
    exclude: str | Sequence[str] = ()
    leave_two_out: bool = True
    keep: str | Sequence[str] = ()
    offset: Any = None
    negatives_kept: float = 1.0
    missing: str = "error"
    header: bool = True
    name: str = ""
    engine: object = None
    progress: Callable[[Block], None] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The columns, arrays and values that were given, by the names of their options."""
        own = {name: getattr(self, name) for name in GIVEN}
        return {name: value for name, value in own.items() if value is not None}

    def check(self, *, has_features: bool = False) -> None:
        """Refuse options that no table could satisfy. has_features: whether a model is trained on the rows."""
        choices = ("error", "drop", "indicator") if has_features else ("error", "drop")
        if self.missing not in choices:
            raise DataError(f"`missing` must be {' or '.join(map(value_text, choices))}; got {self.missing!r}.")
        check_negatives_kept(self.negatives_kept)
        if self.y_proba is not None and self.y_logit is not None:
            raise DataError("pass `y_proba` or `y_logit`, not both: they are two ways to write one forecast.")


# Once: of small arrays asking a dataclass for its fields is a tenth of the time.
OF_FOLDS = ("cv", "X", "features", "exclude", "leave_two_out")
SETTINGS = ("keep", "negatives_kept", "missing", "header", "name", "engine", "progress", *OF_FOLDS)
GIVEN = tuple(each.name for each in fields(RowOptions) if each.name not in SETTINGS)


def check_negatives_kept(share: float) -> None:
    """Refuse a share of negatives that training cannot have kept."""
    if not 0 < share <= 1:
        raise DataError(f"`negatives_kept` must be a share in (0, 1]; got {value_text(share)}.")


def described(verb: Verb) -> Verb:
    """The verb, its docstring filled: a line `{counts}` becomes what `RowOptions` says of that option."""
    texts = descriptions()
    if verb.__doc__ is not None:
        verb.__doc__ = PLACEHOLDER.sub(lambda line: indent(texts[line[2]], line[1]), verb.__doc__)
    return verb


def descriptions() -> dict[str, str]:
    """The name, the shape and the meaning of each option, as its entry in a docstring. Empty under `python -OO`."""
    _, _, section = inspect.cleandoc(RowOptions.__doc__ or "").partition("\n----------\n")
    entries = re.split(r"\n(?=\w)", section.strip()) if section else []
    return {entry.split(" :")[0]: entry for entry in entries}
