"""Predictions written as a file: kept columns and a probability for each row, corrected and recalibrated on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

if TYPE_CHECKING:
    from logloss.calibration import Calibration
    from logloss.data.arrow.svmlight import SvmlightSource

# The column of predictions in a table that is written.
PROBA = "y_proba"


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


def scored_svmlight(
    source: SvmlightSource, predictor: Any, progress: Callable[[Any], None] | None = None
) -> MemorySource:
    """The log-odds of the rows of files in svmlight format, and their labels, the column `label`."""
    matrix, labels = rows_for_model(source, *matrix_of_training(predictor), progress)
    return MemorySource({"label": Column(labels), LOGIT: Column(predictor.logits(matrix))}, source.name)


def write_predictions(
    scored: ScoredSource | MemorySource,
    stream: Any,
    kind: str,
    *,
    keep: Sequence[str] = (),
    mapped: Callable[[Array], Array] | None = None,
    progress: Callable[[Rows], None] | None = None,
) -> int:
    """Write kept columns and the probability of each row, in the order of the rows; how many there were.

    kind: "parquet" or "csv", in which kept columns stay as they are written. mapped: what is done to log-odds before.
    Cost: one walk in one thread; memory for one run of rows.
    """
    from logloss.data.arrow import writer
    from logloss.onepass.run import rows_in_order

    if PROBA in keep:
        raise DataError(f'the predictions are called "{PROBA}"; a column of that name cannot be kept beside them.')
    n_rows = 0
    with writer(stream, kind) as write:

        def predict(rows: Rows) -> None:
            nonlocal n_rows
            logits = rows.columns[LOGIT].values
            logits = logits if mapped is None else mapped(logits)
            proba = Column(expit(logits), np.isnan(logits))
            write({name: rows.columns[name] for name in keep} | {PROBA: proba})
            n_rows += rows.n_rows

        rows_in_order(scored.parts((*keep, LOGIT), keep if kind == "csv" else ()), predict, progress)
    return n_rows
