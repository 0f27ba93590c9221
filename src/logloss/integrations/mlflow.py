"""Measurements in the runs of MLflow 3: their figures as metrics, their page and file as artifacts.

    from logloss.integrations.mlflow import log_loss_metric, log_measurement

    with mlflow.start_run():
        log_measurement(logloss.measure(y_valid, model.predict_proba(x_valid)), "valid")

`log_loss_metric()` is one for `extra_metrics=` of `mlflow.models.evaluate`.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.values import Value
from logloss.errors import DataError, MissingPackage
from logloss.integrations.rounds import NAME, loss_of
from logloss.text import listed, value_text

if TYPE_CHECKING:
    from logloss.measurement import Measurement

ARTIFACTS = "logloss"


def log_measurement(
    m: Measurement, name: str = "", *, step: int | None = None, run_id: str | None = None
) -> dict[str, float]:
    """Log a measurement to a run of MLflow: figures, report, JSON, and the file that `logloss.load` reads.

    Parameters
    ----------
    m : Measurement
        Of any rows.
    name : str, optional
        Of the data set, such as "valid": comes before the names of the metrics, "valid/log_loss_nats", and names the
        folder of the artifacts, "logloss/valid".
    step : int, optional
        Of the metrics, such as the epoch.
    run_id : str, optional
        The run; the active one, or a new one, if left out.

    Returns
    -------
    dict of str to float
        The metrics: every number of `m.to_dict()` with its unit in its name, interval ends as `…_low` and `…_high`.
        What is undefined is left out; the JSON has its reason.

    Raises
    ------
    MissingPackage
        If MLflow is not installed.

    Notes
    -----
    Cost: that of `m.to_html()`, and of sending some 100 KB. An infinite loss is logged as infinity, which MLflow keeps
    in a database as 1.8e308, the largest float; the JSON has "inf".
    """
    mlflow, figures = _mlflow(), m.to_dict()
    prefix = f"{name}/" if name else ""
    numbers = {f"{prefix}{key}": _number(value) for key, value in figures.items() if key != "schema"}
    metrics = {key: value for key, value in numbers.items() if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        m.to_html(Path(folder) / "report.html")
        m.save(Path(folder) / "measurement.logloss")
        (Path(folder) / "measurement.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
        mlflow.log_artifacts(folder, "/".join(filter(None, (ARTIFACTS, name))), run_id=run_id)
    mlflow.log_metrics(metrics, step=step, run_id=run_id)
    return metrics


def log_loss_metric(pos_label: Value = None, *, is_logit: bool = False) -> Any:
    """A metric for `extra_metrics=` of `mlflow.models.evaluate`: log loss in nats, with the ends of its 95% interval.

    Parameters
    ----------
    pos_label : label, optional
        The positive class, where targets are other than 0 and 1.
    is_logit : bool
        Whether predictions are log-odds of 1 instead of probabilities.

    Returns
    -------
    mlflow.models.EvaluationMetric
        Logs "log_loss_nats/mean", "log_loss_nats/low" and "log_loss_nats/high"; without an interval the mean alone.

    Raises
    ------
    MissingPackage
        If MLflow is not installed.
    DataError
        When it is evaluated, if predictions are classes and not probabilities, as those of a logged classifier are.
        MLflow passes that on as an MlflowException.
    """
    _mlflow()
    from mlflow.metrics import MetricValue
    from mlflow.models import make_metric

    def eval_fn(predictions: Any, targets: Any, metrics: Any) -> Any:
        forecast, labels = np.asarray(predictions), np.asarray(targets)
        if forecast.dtype.kind != "f":
            raise DataError(
                f"log loss needs probabilities; predictions are of type {forecast.dtype}, which are classes. Evaluate "
                "a column of the data (`predictions=`), or a function: lambda x: model.predict_proba(x)[:, 1]."
            )
        y_true = labels if pos_label is None else _is_positive(labels, pos_label)
        estimate = loss_of(y_true, forecast, None, is_logit=is_logit)
        ends = {} if math.isnan(estimate.low) else {"low": estimate.low, "high": estimate.high}
        return MetricValue(aggregate_results={"mean": float(estimate), **ends})

    return make_metric(eval_fn=eval_fn, greater_is_better=False, name=f"{NAME}_nats")


def _is_positive(labels: Any, pos_label: Value) -> Any:
    # MLflow tries a metric on the first row, which need not be positive.
    others = sorted({value_text(each) for each in labels.tolist() if each != pos_label})
    if len(others) > 1:
        raise DataError(f"log loss here is that of two classes; beside {value_text(pos_label)} found {listed(others)}.")
    return (labels == pos_label).astype(np.uint8)


def _number(value: Any) -> float | None:
    """A figure of the JSON as a float; None where it is text, a table or undefined."""
    if value in ("inf", "-inf"):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise MissingPackage("logging to MLflow needs it. Install it with: pip install mlflow") from error
    return mlflow
