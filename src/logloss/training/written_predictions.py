"""Predictions written as a file: kept columns and a probability for each row, corrected and recalibrated on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.checks.forecasts import corrected
from logloss.data.request import check_negatives_kept
from logloss.data.rows import Array, Column, Rows, unknown_column
from logloss.data.source import MemorySource
from logloss.errors import DataError
from logloss.text import printable
from logloss.training.matrix_input import matrix_of_training, rows_for_model
from logloss.training.predict import LOGIT, ScoredSource
from logloss.training.prediction_interval import (
    ERROR,
    LogitErrors,
    SourceWithErrors,
    check_level,
    limits_of,
    with_errors,
)

if TYPE_CHECKING:
    from logloss.calibration import Calibration
    from logloss.data.arrow.svmlight import SvmlightSource

# The column of predictions in a table that is written.
PROBA, LOW, HIGH = "y_proba", "y_proba_low", "y_proba_high"


class Mapped:
    """What is done to log-odds before they are probabilities: the correction for negatives left out, then the map.

    columns: those that the map reads, of a calibration by group. n_unseen, n_rows: rows of groups that it does not
    know, and all rows, so far.
    """

    def __init__(self, calibration: Calibration | None, negatives_kept: float) -> None:
        check_negatives_kept(negatives_kept)
        if negatives_kept != 1 and calibration is not None and calibration.negatives_kept != 1:
            raise DataError(
                f"the calibration corrects for negatives_kept = {calibration.negatives_kept:g} itself; leave out "
                f"`negatives_kept`, or it would be applied twice. Got {negatives_kept:g}."
            )
        self._calibration, self._negatives_kept = calibration, negatives_kept
        self.columns: tuple[str, ...] = () if calibration is None else calibration.by
        self.n_unseen = self.n_rows = 0

    def check(self, source: ScoredSource | SourceWithErrors | MemorySource) -> None:
        """Refuse rows that have no column of groups."""
        for name in self.columns:
            if name not in source.column_names:
                error = unknown_column(name, source.column_names)
                raise DataError(f'the calibration is by "{printable(name)}", and the rows have {error}')

    def __call__(self, logits: Array, columns: Mapping[str, Column]) -> Array:
        """The log-odds of rows; columns: of the rows, by name."""
        if self._negatives_kept != 1:
            logits = corrected(None, None, logits, self._negatives_kept)[2]  # type: ignore[assignment]
        if self._calibration is None:
            return logits
        effects = self._calibration.group_effects
        if effects is None:
            mapped: Array = self._calibration.apply_logit(logits)
            return mapped
        groups = {name: columns[name] for name in effects.columns}
        self.n_rows += len(logits)
        self.n_unseen += int((effects.numbers_of(list(groups.values())) < 0).sum())
        mapped = self._calibration.apply_logit(logits, groups)
        return mapped

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on rows of groups that the calibration does not know."""
        effects = None if self._calibration is None else self._calibration.group_effects
        text = "" if effects is None else effects.unseen_text(self.n_unseen, self.n_rows)
        return (text,) if text else ()


@dataclass(frozen=True)
class ProbabilityLimits:
    """Limits of the probabilities of rows. errors: adds the standard errors that `of_rows` reads, if it reads some."""

    errors: LogitErrors | None
    of_rows: Callable[[Rows], tuple[Array, Array]]

    @classmethod
    def of(cls, model: Any, calibration: Calibration | None, negatives_kept: float, level: float) -> ProbabilityLimits:
        """Of a calibration its Venn–Abers pair, else of the model by the delta method; corrected as probabilities."""
        corrections = Mapped(None, negatives_kept)

        def logits_of(rows: Rows) -> Array:
            return corrections(rows.columns[LOGIT].values, rows.columns)

        if calibration is not None:

            def pair(rows: Rows) -> tuple[Array, Array]:
                p0, p1 = calibration.interval_logit(logits_of(rows)).T
                return p0, p1

            return cls(None, pair)
        errors = LogitErrors.of(model)
        check_level(level)
        return cls(errors, lambda rows: limits_of(logits_of(rows), rows.columns[ERROR].values, errors.degrees, level))


def scored_svmlight(
    source: SvmlightSource,
    predictor: Any,
    progress: Callable[[Any], None] | None = None,
    errors: LogitErrors | None = None,
) -> MemorySource:
    """The log-odds of the rows of files in svmlight format, and their labels, the column `label`.

    errors: adds the standard errors of the log-odds.
    """
    matrix, labels = rows_for_model(source, *matrix_of_training(predictor), progress)
    columns = {"label": Column(labels)}
    if errors is None:
        columns[LOGIT] = Column(predictor.logits(matrix))
    else:
        logits, own = with_errors(matrix, predictor, errors, None)
        columns |= {LOGIT: Column(logits), ERROR: Column(own)}
    return MemorySource(columns, source.name)


def write_predictions(
    scored: ScoredSource | SourceWithErrors | MemorySource,
    stream: Any,
    kind: str,
    *,
    keep: Sequence[str] = (),
    mapped: Mapped | None = None,
    limits: ProbabilityLimits | None = None,
    progress: Callable[[Rows], None] | None = None,
) -> int:
    """Write kept columns and the probability of each row, in the order of the rows; how many there were.

    kind: "parquet" or "csv", in which kept columns stay as they are written. mapped: what is done to log-odds before.
    limits: the limits of the probabilities, which are written beside them.
    Cost: one walk in one thread; memory for one run of rows.
    """
    from logloss.data.arrow import writer
    from logloss.onepass.run import rows_in_order

    written = (PROBA,) if limits is None else (PROBA, LOW, HIGH)
    for name in written:
        if name in keep:
            raise DataError(f'the predictions are called "{name}"; a column of that name cannot be kept beside them.')
    groups = () if mapped is None else mapped.columns
    if mapped is not None:
        mapped.check(scored)
    read = tuple(dict.fromkeys((*keep, *groups)))
    texts = tuple(dict.fromkeys((*(keep if kind == "csv" else ()), *groups)))
    n_rows = 0
    with writer(stream, kind) as write:

        def predict(rows: Rows) -> None:
            nonlocal n_rows
            logits = rows.columns[LOGIT].values
            logits = logits if mapped is None else mapped(logits, rows.columns)
            columns = [expit(logits)]
            if limits is not None:
                columns += limits.of_rows(rows)
            own = {name: Column(each, np.isnan(each)) for name, each in zip(written, columns, strict=True)}
            write({name: rows.columns[name] for name in keep} | own)
            n_rows += rows.n_rows

        wanted = (*read, LOGIT, *(() if limits is None or limits.errors is None else (ERROR,)))
        rows_in_order(scored.parts(wanted, texts), predict, progress)
    return n_rows
