"""The options that the verbs share: the role of each column, how rows are read, and where the computation runs.

The verbs have flat signatures. Their common options are declared, documented and checked here and passed on as one
object.

>>> requested = RowOptions(y_true="clicked", y_proba="score", missing="drop")
>>> requested.given
{'y_proba': 'score', 'y_true': 'clicked'}
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar, cast

from logloss.errors import DataError
from logloss.text import listed, value_text

if TYPE_CHECKING:
    from logloss.data.block import Block
    from logloss.data.values import Value

Verb = TypeVar("Verb", bound=Callable[..., object])
# A line of a docstring that is replaced by the entry of an option. Whole lines only: formulas have braces, too.
PLACEHOLDER = re.compile(r"^( *)\{(\w+)\}$", re.MULTILINE)
# Calls that are right, by verb: of arrays, and of a table.
_SCORED = '{verb}(y, p), or {verb}(table, y_true="y", y_proba="p")'
CALLS = {
    **{verb: _SCORED.format(verb=verb) for verb in ("measure", "calibrate")},
    **{verb: f"{verb}(y, p), or {verb}(y, y_logit=z)" for verb in ("log_loss", "surprisal")},
    "compare": 'compare(y, {"old": p, "new": q}), or compare(table, ["p", "q"], y_true="y")',
    "ModelPredictions.measure": 'model.measure(X, y), or model.measure(table, "y")',
    "segments": 'segments(table, y_true="y", y_proba="p")',
    "fit": 'fit(X, y), or fit(table, "y", features=["a", "b"])',
    "explain": 'explain(x, y), or explain(table, "y", feature="x")',
}
# Names that other libraries have for these arguments.
ALIASES = {
    **dict.fromkeys(("y", "target", "label", "labels", "outcome", "y_test"), ("y_true",)),
    **dict.fromkeys(("y_pred", "y_prob", "y_score", "p", "proba", "prob", "probability", "score"), ("y_proba",)),
    **dict.fromkeys(("predictions", "models", "forecast"), ("y_proba", "forecasts")),
    **dict.fromkeys(("logit", "logits", "log_odds", "decision_function"), ("y_logit",)),
    **dict.fromkeys(("w", "weight", "weights"), ("sample_weight",)),
    **dict.fromkeys(("count", "freq", "freq_weights", "n"), ("counts",)),
    **dict.fromkeys(("group", "groupby", "segment", "segments"), ("by", "cluster")),
    **dict.fromkeys(("time", "date", "timestamp", "period"), ("order",)),
    **dict.fromkeys(("c", "penalty", "alpha", "ridge", "reg"), ("l2",)),
    **dict.fromkeys(("lasso", "l1_penalty", "lambda1"), ("l1",)),
    **dict.fromkeys(("cov", "cov_type", "vcov", "vce", "robust", "se_type"), ("covariance",)),
    **dict.fromkeys(("x", "columns", "feature_names", "cols"), ("features", "feature")),
    **dict.fromkeys(("tol", "rtol"), ("tolerance",)),
    **dict.fromkeys(("max_iter", "maxiter", "n_iter"), ("max_passes",)),
    **dict.fromkeys(("na", "nan", "na_action", "dropna"), ("missing",)),
}


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowOptions:
    """Options of the verbs. Each verb has some of them, and documents in its own words where it differs.

    Parameters
    ----------
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, optional
        Predicted probability of the positive class, in [0, 1]. Two columns are the probabilities of both classes: the
        columns of an array in sorted order of the labels, or the names of the column of class 0 and of class 1.
    y_true : name of a column, or comparison, optional
        The label column of a table, or a comparison that makes binary labels: ``"stars >= 4"``,
        ``"label != 'normal.'"``.
    y_logit : array of shape (n_rows,), or name of a column, optional
        Predicted log-odds of the positive class, any real or ±inf, in place of `y_proba`.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row. A row of weight 2 counts as two rows in every estimate, and as one observation in
        intervals and tests.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        Number of times each row is repeated (frequency weights). Estimates and intervals equal those of the repeated
        rows.
    pos_label : number or text, optional
        The positive class, where labels are not 0 and 1.
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Grouping variables: `m.groups` has the figures of each group. null is a group of its own. Up to 4,096 groups
        are kept.
    groups : list of values (of tuples, where `by` has several columns), optional
        Groups to report separately; all others are pooled into one.
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Cluster identifier: rows with equal values may be correlated. Intervals and tests are cluster-robust: they take
        clusters, not rows, as independent.
    order : name of a column, or array of shape (n_rows,), optional
        Time order: numbers, dates, or text that sorts like dates. Rows with equal values form one period. The
        confidence sequence assumes that all forecasts and weights of a period are known before any of its outcomes
        (see `within`).
    cv : int, splitter of scikit-learn, or iterable of (training rows, test rows), optional
        Cross-validation: the forecasts are scikit-learn estimators, clones of which are trained on all folds but one
        and evaluated on that one. An int is a number of folds: stratified and shuffled with a fixed seed; with
        `cluster`, of whole clusters; with `order`, of whole periods, each predicted by models of all earlier ones.
        Rows in no test fold are left out.
    X : array of shape (n_rows, n_features), or frame, optional
        With `cv`, the features that estimators are trained on, in any form that they accept.
    features : list of names of columns, optional
        With `cv` and a table, the feature columns; all columns without another role if left out.
    exclude : list of names of columns, optional
        With `cv` and a table, columns that are not features.
    leave_two_out : bool
        With `cv` and at most 10 folds, whether k(k − 1)/2 more models are trained, each without two of the k folds. The
        interval then includes the estimated variance due to the training rows. Otherwise it uses the correction of
        Nadeau and Bengio, which makes it about 1.5 times as wide as that of fixed forecasts.
    keep : name of a column, or list of names, optional
        Columns of the table, such as keys and dates, that stand beside the number of a row wherever rows are listed.
    offset : array of shape (n_rows,), or name of a column, optional
        Known part of the log-odds of each row, added with a fixed coefficient of 1. Finite.
    negatives_kept : float in (0, 1]
        Fraction of the negatives kept when the model was trained on downsampled data. The logarithm of it is added to
        the predicted log-odds of every row.
    missing : {"error", "drop"}
        Rows with a missing value (null or NaN): an error, or left out and counted.
    unlabelled : {"error", "keep"}
        Rows that lack a label and nothing else, as where the outcome is not known yet: an error (or, with
        missing="drop", left out), or kept apart: they enter no figure of the labelled rows, and `m.unlabelled` says
        what they are expected to cost.
    header : bool
        Whether the first line of CSV files has the column names. If not, columns are named "0", "1", …
    name : str, optional
        Name of the data set. Summaries of the same rows do not merge, whatever their files are called; data sets with
        equal rows that are distinct samples merge under different names.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        Engine that reads and reduces the files, with the same results to the bit; "dask" or "spark" start a local one.
        Frames of an engine need no `engine` (docs/scale.md).
    progress : function, optional
        Called with each block of rows once it is in the summary, from the thread that processed it. With an engine,
        called with the progress of finished parts: an object with `n_rows`. If it has the methods, a fit also calls
        `on_phase(name)` as each phase begins, and `on_wait()` while it computes without reading rows.
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
    unlabelled: str = "error"
    header: bool = True
    name: str = ""
    engine: object = None
    progress: Callable[[Block], None] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The columns, arrays and values that were passed, by the names of their options."""
        own = {name: getattr(self, name) for name in GIVEN}
        return {name: value for name, value in own.items() if value is not None}

    def check(self, *, has_features: bool = False) -> None:
        """Refuse options that no table can satisfy. has_features: whether a model is trained on the rows."""
        choices = ("error", "drop", "indicator") if has_features else ("error", "drop")
        if self.missing not in choices:
            raise DataError(
                f"`missing` must be {' or '.join(map(value_text, choices))}; got {value_text(self.missing)}."
            )
        if self.unlabelled not in ("error", "keep"):
            raise DataError(f'`unlabelled` must be "error" or "keep"; got {value_text(self.unlabelled)}.')
        check_negatives_kept(self.negatives_kept)
        if self.y_proba is not None and self.y_logit is not None:
            raise DataError("pass `y_proba` or `y_logit`, not both: both state the same forecast.")


# Computed once: `fields` takes a tenth of the time of a small call.
OF_FOLDS = ("cv", "X", "features", "exclude", "leave_two_out")
SETTINGS = ("keep", "negatives_kept", "missing", "unlabelled", "header", "name", "engine", "progress", *OF_FOLDS)
GIVEN = tuple(each.name for each in fields(RowOptions) if each.name not in SETTINGS)


def check_negatives_kept(share: float) -> None:
    """Refuse a fraction of negatives outside (0, 1]."""
    if not 0 < share <= 1:
        raise DataError(f"`negatives_kept` must be a share in (0, 1]; got {value_text(share)}.")


def described(verb: Verb) -> Verb:
    """The verb with a filled docstring, and a hint wherever its arguments have wrong names or places.

    A line `{counts}` of the docstring becomes the entry of that option in `RowOptions`.
    """
    texts = descriptions()
    if verb.__doc__ is not None:
        verb.__doc__ = PLACEHOLDER.sub(lambda line: indent(texts[line[2]], line[1]), verb.__doc__)
    parameters = [each for each in inspect.signature(verb).parameters.values() if each.name != "self"]
    is_method = len(parameters) < len(inspect.signature(verb).parameters)
    known = frozenset(each.name for each in parameters)
    positional = tuple(each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD)
    n_required = sum(each.default is each.empty for each in parameters)

    @wraps(verb)
    def with_hints(*args: Any, **options: Any) -> object:
        unknown, n_args = options.keys() - known, len(args) - is_method
        first = {*positional[:n_args]}
        is_wrong = unknown or n_args > len(positional) or not first.isdisjoint(options)
        if is_wrong or not {*positional[:n_required]} <= {*first, *options}:
            raise TypeError(wrong_call(verb.__qualname__, positional, known, n_args, options))
        return verb(*args, **options)

    return cast(Verb, with_hints)


def wrong_call(
    verb: str, positional: Sequence[str], known: Collection[str], n_args: int, options: Collection[str]
) -> str:
    """The message for a call whose arguments have wrong names or places; it ends with calls that are right."""
    calls = f" Right calls: {CALLS[verb]}." if verb in CALLS else ""
    verb = verb.rpartition(".")[2]
    unknown = sorted(set(options) - set(known))
    if unknown:
        close = [each for each in ALIASES.get(unknown[0].lower(), ()) if each in known]
        close = close or difflib.get_close_matches(unknown[0], known, n=1)
        is_strength = unknown[0] == "C" and close == ["l2"]
        hint = (
            f"Did you mean `{close[0]}`{', which is 1 / C' if is_strength else ''}?"
            if close
            else f"It has: {listed(sorted(known), len(known))}."
        )
        return f"{verb}() has no argument `{unknown[0]}`. {hint}{calls}"
    if n_args > len(positional):
        most = " and ".join(f"`{name}`" for name in positional)
        return f"{verb}() takes {most} by position and all else by keyword; got {n_args} arguments by position.{calls}"
    twice = [name for name in positional[:n_args] if name in options]
    if twice:
        return f"{verb}() got `{twice[0]}` twice, by position and by keyword.{calls}"
    lacking = next(name for name in positional[n_args:] if name not in options)
    return f"{verb}() needs `{lacking}`, which is left out.{calls}"


def descriptions() -> dict[str, str]:
    """The entry of each option in a docstring: name, shape, meaning. Empty under `python -OO`."""
    _, _, section = inspect.cleandoc(RowOptions.__doc__ or "").partition("\n----------\n")
    entries = re.split(r"\n(?=\w)", section.strip()) if section else []
    return {entry.split(" :")[0]: entry for entry in entries}
