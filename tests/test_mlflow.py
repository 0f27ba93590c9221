"""Runs of MLflow: the figures of a measurement as metrics, its page and file as artifacts, a metric with an interval."""

from __future__ import annotations

import builtins
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import logloss
from logloss import MissingPackage
from logloss.integrations.mlflow import log_loss_metric, log_measurement

mlflow = pytest.importorskip("mlflow")

# All are MLflow's own.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning", "ignore::ImportWarning"
    ),
]


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of runs: a database takes MLflow a quarter of a minute to set up."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield
    mlflow.set_tracking_uri("")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(8)
    p = rng.uniform(0.02, 0.98, 600)
    return (rng.random(600) < p).astype(int), p


def test_figures_page_and_file_of_a_measurement_are_in_its_run(rows, tmp_path):
    m = logloss.measure(*rows)
    with mlflow.start_run() as run:
        logged = log_measurement(m, "valid", step=3)
    data = mlflow.get_run(run.info.run_id).data
    assert data.metrics == logged
    expected = {name: value for name, value in m.to_dict().items() if isinstance(value, float)}
    assert {f"valid/{name}": value for name, value in expected.items()}.items() <= logged.items()
    assert logged["valid/log_loss_nats_low"] == m.log_loss.low < logged["valid/log_loss_nats"] < m.log_loss.high
    client = mlflow.MlflowClient()
    assert [each.step for each in client.get_metric_history(run.info.run_id, "valid/log_loss_nats")] == [3]
    folder = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="logloss/valid")
    found = {path.name: path for path in Path(folder).iterdir()}
    assert set(found) == {"report.html", "measurement.json", "measurement.logloss"}
    assert float(logloss.load(found["measurement.logloss"]).log_loss) == float(m.log_loss)
    assert json.loads(found["measurement.json"].read_text())["log_loss_nats"] == float(m.log_loss)
    assert found["report.html"].read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_an_infinite_loss_is_logged_and_what_is_undefined_is_not():
    m = logloss.measure([1, 0, 1], [0.0, 0.2, 0.7])
    with mlflow.start_run() as run:
        logged = log_measurement(m)
    assert logged["log_loss_nats"] == math.inf == mlflow.get_run(run.info.run_id).data.metrics["log_loss_nats"]
    assert logged["skill"] == -math.inf
    assert "log_loss_nats_low" not in logged
    assert not any(math.isnan(value) for value in logged.values())


@pytest.mark.filterwarnings("ignore:.*AnyType")
@pytest.mark.parametrize("pos_label", [None, "yes"])
def test_evaluate_logs_the_loss_with_its_interval(rows, pos_label):
    y, p = rows
    labels = y.astype(float) if pos_label is None else np.where(y == 1, "yes", "no")
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(
            data=pd.DataFrame({"y": labels, "p": p}),
            targets="y",
            predictions="p",
            extra_metrics=[log_loss_metric(pos_label)],
        )
    loss = logloss.measure(y, p).log_loss
    assert result.metrics == {
        "log_loss_nats/mean": float(loss),
        "log_loss_nats/low": loss.low,
        "log_loss_nats/high": loss.high,
    }
    assert mlflow.get_run(run.info.run_id).data.metrics == result.metrics


def test_classes_in_place_of_probabilities_are_refused(rows):
    y, p = rows
    metric = log_loss_metric()
    with pytest.raises(logloss.DataError, match="predictions are of type int64, which are classes"):
        metric.eval_fn((p > 0.5).astype(int), y, {})
    with pytest.raises(logloss.DataError, match="two classes; beside 1 found 0, 2"):
        log_loss_metric(1).eval_fn(p, np.arange(600) % 3, {})
    value = log_loss_metric(is_logit=True).eval_fn(np.log(p / (1 - p)), y, {})
    assert value.aggregate_results["mean"] == pytest.approx(logloss.log_loss(y, p), rel=1e-12)
    assert value.aggregate_results["low"] < value.aggregate_results["mean"] < value.aggregate_results["high"]
    # MLflow tries a metric on the first row.
    assert set(log_loss_metric("yes").eval_fn(p[:1], np.array(["no"]), {}).aggregate_results) == {"mean"}
    assert not metric.greater_is_better


def test_a_missing_package_is_named(rows, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "mlflow":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (log_loss_metric, lambda: log_measurement(logloss.measure(*rows))):
        with pytest.raises(MissingPackage, match="pip install mlflow"):
            call()
