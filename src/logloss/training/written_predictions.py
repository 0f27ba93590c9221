"""Predictions written as a file: kept columns and a probability for each row, corrected and recalibrated on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.checks.forecasts import corrected
from logloss.data.request import check_negatives_kept
from logloss.data.rows import Array, Column, Rows
from logloss.data.source import MemorySource
from logloss.errors import DataError
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


def mapping_of(calibration: Calibration | None, negatives_kept: float) -> Callable[[Array], Array] | None:
    """What is done to log-odds before they are probabilities: the correction for negatives left out, then the map.

    None comes back where nothing is done.
    """
    check_negatives_kept(negatives_kept)
    if negatives_kept == 1:
        return None if calibration is None else calibration.apply_logit
    if calibration is not None and calibration.negatives_kept != 1:
        raise DataError(
            f"the calibration corrects for negatives_kept = {calibration.negatives_kept:g} itself; leave out "
            f"`negatives_kept`, or it would be applied twice. Got {negatives_kept:g}."
        )

    def mapped(logits: Array) -> Array:
        shifted: Any = corrected(None, None, logits, negatives_kept)[2]
        return shifted if calibration is None else calibration.apply_logit(shifted)

    return mapped


@dataclass(frozen=True)
class ProbabilityLimits:
    """Limits of the probabilities of rows. errors: adds the standard errors that `of_rows` reads, if it reads some."""

    errors: LogitErrors | None
    of_rows: Callable[[Rows], tuple[Array, Array]]

    @classmethod
    def of(cls, model: Any, calibration: Calibration | None, negatives_kept: float, level: float) -> ProbabilityLimits:
        """Of a calibration its Venn–Abers pair, else of the model by the delta method; corrected as probabilities."""
        corrections = mapping_of(None, negatives_kept)

        def logits_of(rows: Rows) -> Array:
            logits = rows.columns[LOGIT].values
            return logits if corrections is None else corrections(logits)

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
    mapped: Callable[[Array], Array] | None = None,
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
    n_rows = 0
    with writer(stream, kind) as write:

        def predict(rows: Rows) -> None:
            nonlocal n_rows
            logits = rows.columns[LOGIT].values
            logits = logits if mapped is None else mapped(logits)
            columns = [expit(logits)]
            if limits is not None:
                columns += limits.of_rows(rows)
            own = {name: Column(each, np.isnan(each)) for name, each in zip(written, columns, strict=True)}
            write({name: rows.columns[name] for name in keep} | own)
            n_rows += rows.n_rows

        wanted = (*keep, LOGIT, *(() if limits is None or limits.errors is None else (ERROR,)))
        rows_in_order(scored.parts(wanted, keep if kind == "csv" else ()), predict, progress)
    return n_rows
