"""Metrics of LightGBM and XGBoost: the exact loss with its interval in each round, and early stopping by it."""

from __future__ import annotations

import builtins
import math
import sys

import numpy as np
import pytest
from sklearn.base import clone

import logloss
from logloss import DataError, MissingPackage

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

from logloss.integrations import lightgbm as of_lightgbm  # noqa: E402
from logloss.integrations import xgboost as of_xgboost  # noqa: E402
from logloss.integrations.rounds import LossesByRound, loss_of, loss_text  # noqa: E402

LIGHT = {"objective": "binary", "metric": "None", "verbosity": -1, "num_threads": 1, "learning_rate": 0.3, "seed": 1}
XG = {"disable_default_eval_metric": True, "nthread": 1, "eta": 0.3, "verbosity": 0, "seed": 1}


class Data:
    def __init__(self, n_rows=1200):
        rng = np.random.default_rng(5)
        self.x = rng.normal(size=(n_rows, 4))
        self.y = (rng.random(n_rows) < 1 / (1 + np.exp(-self.x @ [1.5, -1.0, 0.5, 0.0]))).astype(int)
        self.weight = rng.integers(1, 4, n_rows).astype(np.float32)
        self.train, self.valid = slice(0, 600), slice(600, None)


@pytest.fixture(scope="module")
def data():
    return Data()


def light_sets(data, weighted=False):
    weight = data.weight if weighted else np.ones(len(data.y))
    train = lightgbm.Dataset(data.x[data.train], data.y[data.train], weight=weight[data.train])
    own = weight[data.valid] if weighted else None
    return train, lightgbm.Dataset(data.x[data.valid], data.y[data.valid], weight=own, reference=train)


def x_sets(data, weighted=False):
    own = {"weight": data.weight[data.train]} if weighted else {}
    valid = {"weight": data.weight[data.valid]} if weighted else {}
    return (
        xgboost.DMatrix(data.x[data.train], data.y[data.train], **own),
        xgboost.DMatrix(data.x[data.valid], data.y[data.valid], **valid),
    )


def assert_same(estimate, expected):
    assert (float(estimate), estimate.low, estimate.high) == (float(expected), expected.low, expected.high)


def gradients(forecast, y):
    p = 1 / (1 + np.exp(-forecast))
    return p - y, p * (1 - p)


@pytest.mark.parametrize("weighted", [False, True])
def test_light_gbm_s_history_is_what_measure_says_of_its_predictions(data, weighted):
    train, valid = light_sets(data, weighted)
    metric = of_lightgbm.LogLoss()
    model = lightgbm.train(LIGHT, train, 8, [train, valid], ["train", "valid"], feval=metric, callbacks=[metric.record])
    assert {name: len(history) for name, history in metric.history.items()} == {"train": 8, "valid": 8}
    weight = data.weight[data.valid] if weighted else None
    for number, estimate in enumerate(metric.history["valid"], 1):
        p = model.predict(data.x[data.valid], num_iteration=number)
        measured = logloss.measure(data.y[data.valid], p, sample_weight=weight).log_loss
        # LightGBM adds the trees to the scores of a data set in another order than for new rows.
        assert float(estimate) == pytest.approx(measured, rel=1e-12)
        assert estimate.low == pytest.approx(measured.low, rel=1e-9)
        assert estimate.low < estimate < estimate.high


def test_light_gbm_stops_where_its_own_metric_does(data):
    train, valid = light_sets(data)
    metric = of_lightgbm.LogLoss()
    ours = lightgbm.train(
        LIGHT, train, 300, [valid], feval=metric, callbacks=[metric.record, lightgbm.early_stopping(5, verbose=False)]
    )
    train, valid = light_sets(data)
    theirs = lightgbm.train(
        LIGHT | {"metric": "binary_logloss"}, train, 300, [valid], callbacks=[lightgbm.early_stopping(5, verbose=False)]
    )
    assert ours.best_iteration == theirs.best_iteration < 295
    # The round that ends the training is kept, too.
    assert len(metric.history["valid_0"]) == ours.best_iteration + 5
    assert min(metric.history["valid_0"]) == metric.history["valid_0"][ours.best_iteration - 1]
    assert ours.best_score["valid_0"]["log_loss"] == metric.history["valid_0"][ours.best_iteration - 1]


# `eval_set` is what releases before 4.7 have.
@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_light_gbm_s_classifier_takes_the_metric_and_labels_of_text(data):
    metric = of_lightgbm.LogLoss()
    y = np.where(data.y == 1, "yes", "no")
    model = lightgbm.LGBMClassifier(n_estimators=5, metric="None", verbosity=-1, n_jobs=1)
    model.fit(
        data.x[data.train],
        y[data.train],
        eval_set=[(data.x[data.valid], y[data.valid])],
        eval_sample_weight=[data.weight[data.valid]],
        eval_metric=metric.log_loss,
        callbacks=[metric.record],
    )
    proba = model.predict_proba(data.x[data.valid])
    measured = logloss.measure(y[data.valid], proba, pos_label="yes", sample_weight=data.weight[data.valid]).log_loss
    assert float(metric.history["valid_0"][-1]) == pytest.approx(measured, rel=1e-12)


def test_light_gbm_s_log_odds_are_named(data):
    train, valid = light_sets(data)

    def objective(forecast, dataset):
        return gradients(forecast, dataset.get_label())

    own = LIGHT | {"objective": objective}
    metric = of_lightgbm.LogLoss(is_logit=True)
    model = lightgbm.train(own, train, 5, [valid], feval=metric, callbacks=[metric.record])
    z = model.predict(data.x[data.valid], raw_score=True)
    measured = logloss.measure(data.y[data.valid], y_logit=z).log_loss
    assert float(metric.history["valid_0"][-1]) == pytest.approx(measured, rel=1e-12)
    train, valid = light_sets(data)
    with pytest.raises(DataError, match=r"outside \[0, 1\].*LogLoss\(is_logit=True\)"):
        lightgbm.train(own, train, 5, [valid], feval=of_lightgbm.LogLoss())


def test_light_gbm_s_cross_validation_takes_the_metric_without_its_record(data):
    train = lightgbm.Dataset(data.x, data.y)
    found = lightgbm.cv(LIGHT, train, 3, feval=of_lightgbm.LogLoss(), nfold=3)
    assert len(found["valid log_loss-mean"]) == 3
    metric = of_lightgbm.LogLoss()
    with pytest.raises(DataError, match=r"`lightgbm.cv` averages over folds: leave `record` out"):
        lightgbm.cv(LIGHT, lightgbm.Dataset(data.x, data.y), 3, feval=metric, nfold=3, callbacks=[metric.record])


def test_more_than_two_classes_are_refused(data):
    y = np.arange(len(data.y)) % 3
    own = LIGHT | {"objective": "multiclass", "num_class": 3}
    train = lightgbm.Dataset(data.x, y)
    with pytest.raises(DataError, match="two classes; the objective predicts 3"):
        lightgbm.train(own, train, 2, [train], feval=of_lightgbm.LogLoss())
    matrix = xgboost.DMatrix(data.x, y)
    own = XG | {"objective": "multi:softprob", "num_class": 3}
    with pytest.raises(DataError, match="two classes; the objective predicts 3"):
        xgboost.train(own, matrix, 2, evals=[(matrix, "train")], custom_metric=of_xgboost.LogLoss(), verbose_eval=False)


@pytest.mark.parametrize("weighted", [False, True])
def test_xgboost_s_history_is_what_measure_says_of_its_predictions(data, weighted):
    train, valid = x_sets(data, weighted)
    metric = of_xgboost.LogLoss()
    record = {}
    model = xgboost.train(
        XG | {"objective": "binary:logistic"},
        train,
        6,
        evals=[(train, "train"), (valid, "valid")],
        custom_metric=metric,
        callbacks=[metric],
        evals_result=record,
        verbose_eval=False,
    )
    assert {name: len(history) for name, history in metric.history.items()} == {"train": 6, "valid": 6}
    weight = data.weight[data.valid] if weighted else None
    for number, estimate in enumerate(metric.history["valid"], 1):
        p = model.predict(valid, iteration_range=(0, number))
        # XGBoost's sums of trees are in single precision, and their order is its own.
        measured = logloss.measure(data.y[data.valid], p, sample_weight=weight).log_loss
        assert float(estimate) == pytest.approx(measured, rel=1e-6)
        assert estimate.low == pytest.approx(measured.low, rel=1e-6)
    # XGBoost's record has six decimals.
    np.testing.assert_allclose(record["valid"]["log_loss"], metric.history["valid"], atol=5.1e-7)


def test_xgboost_stops_where_its_own_metric_does(data):
    options = {"num_boost_round": 300, "early_stopping_rounds": 5, "verbose_eval": False}
    train, valid = x_sets(data)
    metric = of_xgboost.LogLoss()
    ours = xgboost.train(
        XG | {"objective": "binary:logistic"},
        train,
        evals=[(valid, "valid")],
        custom_metric=metric,
        callbacks=[metric],
        **options,
    )
    own = {"objective": "binary:logistic", "disable_default_eval_metric": False, "eval_metric": "logloss"}
    theirs = xgboost.train(XG | own, train, evals=[(valid, "valid")], **options)
    assert ours.best_iteration == theirs.best_iteration < 295
    assert len(metric.history["valid"]) == ours.best_iteration + 1 + 5
    assert int(np.argmin(metric.history["valid"])) == ours.best_iteration


def test_a_clone_of_xgboost_s_classifier_keeps_metric_and_callback_together(data):
    metric = of_xgboost.LogLoss()
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, eval_metric=metric.log_loss, callbacks=[metric])
    clone(model).fit(data.x, data.y, eval_set=[(data.x, data.y)], verbose=False)
    assert len(metric.history["validation_0"]) == 3


def test_metric_and_callback_of_two_objects_are_refused(data):
    train, valid = light_sets(data)
    with pytest.raises(DataError, match="the metric and the callback must be of one LogLoss"):
        lightgbm.train(LIGHT, train, 2, [valid], feval=of_lightgbm.LogLoss(), callbacks=[of_lightgbm.LogLoss().record])


def test_xgboost_s_classifier_takes_the_metric(data):
    metric = of_xgboost.LogLoss()
    model = xgboost.XGBClassifier(
        n_estimators=5,
        n_jobs=1,
        verbosity=0,
        eval_metric=metric.log_loss,
        callbacks=[metric],
        disable_default_eval_metric=True,
    )
    model.fit(
        data.x[data.train],
        data.y[data.train],
        eval_set=[(data.x[data.valid], data.y[data.valid])],
        sample_weight_eval_set=[data.weight[data.valid]],
        verbose=False,
    )
    proba = model.predict_proba(data.x[data.valid])[:, 1]
    measured = logloss.measure(data.y[data.valid], proba, sample_weight=data.weight[data.valid]).log_loss
    assert float(metric.history["validation_0"][-1]) == pytest.approx(measured, rel=1e-6)


@pytest.mark.parametrize("objective", [None, "binary:logitraw"])
def test_xgboost_s_log_odds_are_named(data, objective):
    train, valid = x_sets(data)
    own = {"obj": lambda forecast, matrix: gradients(forecast, matrix.get_label())} if objective is None else {}
    parameters = XG | {"base_score": 0.5} | ({} if objective is None else {"objective": objective})
    metric = of_xgboost.LogLoss(is_logit=True)
    options = {"num_boost_round": 5, "evals": [(valid, "valid")], "verbose_eval": False, **own}
    model = xgboost.train(parameters, train, custom_metric=metric, callbacks=[metric], **options)
    z = model.predict(valid, output_margin=True)
    measured = logloss.measure(data.y[data.valid], y_logit=z).log_loss
    assert float(metric.history["valid"][-1]) == pytest.approx(measured, rel=1e-6)
    with pytest.raises(DataError, match=r"outside \[0, 1\].*LogLoss\(is_logit=True\)"):
        xgboost.train(parameters, train, custom_metric=of_xgboost.LogLoss(), **options)


def test_probabilities_of_xgboost_that_are_certain_and_wrong_have_an_infinite_loss():
    y = np.array([0, 1] * 20)
    matrix = xgboost.DMatrix(y.reshape(-1, 1), y, base_margin=np.full(40, 20.0))
    metric = of_xgboost.LogLoss()
    record = {}
    xgboost.train(
        XG | {"objective": "binary:logistic", "eta": 1e-6},
        matrix,
        1,
        evals=[(matrix, "train")],
        custom_metric=metric,
        callbacks=[metric],
        evals_result=record,
        verbose_eval=False,
    )
    assert metric.history["train"][0] == math.inf == record["train"]["log_loss"][0]
    assert "inf nats, no CI" in loss_text(metric.history["train"][0])


def test_xgboost_s_cross_validation_takes_the_metric_without_its_record(data):
    matrix = xgboost.DMatrix(data.x, data.y)
    own = XG | {"objective": "binary:logistic"}
    found = xgboost.cv(own, matrix, 3, nfold=3, custom_metric=of_xgboost.LogLoss(), as_pandas=False)
    assert len(found["test-log_loss-mean"]) == 3
    metric = of_xgboost.LogLoss()
    with pytest.raises(DataError, match=r"`xgboost.cv` averages over folds"):
        xgboost.cv(own, matrix, 3, nfold=3, custom_metric=metric, callbacks=[metric], as_pandas=False)


def test_a_second_training_begins_a_new_history(data):
    metric = of_lightgbm.LogLoss()
    for n_rounds in (4, 2):
        train, valid = light_sets(data)
        lightgbm.train(LIGHT, train, n_rounds, [valid], feval=metric, callbacks=[metric.record])
        assert len(metric.history["valid_0"]) == n_rounds
    metric = of_xgboost.LogLoss()
    for n_rounds in (4, 2):
        train, valid = x_sets(data)
        xgboost.train(
            XG | {"objective": "binary:logistic"},
            train,
            n_rounds,
            evals=[(valid, "valid")],
            custom_metric=metric,
            callbacks=[metric],
            verbose_eval=False,
        )
        assert len(metric.history["valid"]) == n_rounds


def test_lines_are_reported_once_in_so_many_rounds(data):
    lines = []
    metric = of_lightgbm.LogLoss(report=lines.append, every=2)
    train, valid = light_sets(data)
    lightgbm.train(LIGHT, train, 5, [valid], ["held out"], feval=metric, callbacks=[metric.record])
    last = metric.history["held out"][3]
    assert len(lines) == 2
    assert lines[1] == f"[4] held out: log loss {last:.4f} nats, 95% CI {last.low:.4f}–{last.high:.4f}"
    with pytest.raises(DataError, match="`every` must be at least 1 round; got 0"):
        LossesByRound(every=0)


@pytest.mark.parametrize("is_logit", [False, True])
def test_the_loss_and_its_interval_are_those_of_measure_to_the_bit(data, is_logit):
    z = data.x[:, 0]
    forecast = z if is_logit else 1 / (1 + np.exp(-z))
    for weight in (None, data.weight):
        measured = logloss.measure(
            data.y, None if is_logit else forecast, y_logit=forecast if is_logit else None, sample_weight=weight
        )
        assert_same(loss_of(data.y, forecast, weight, is_logit=is_logit), measured.log_loss)
    few = loss_of(data.y[:5], forecast[:5], None, is_logit=is_logit)
    assert few.reason == logloss.measure(data.y[:5], y_logit=z[:5]).log_loss.reason


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.split(".")[0] == "xgboost" and (not args or args[-1] == 0):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.delitem(sys.modules, "logloss.integrations.xgboost")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackage, match="pip install xgboost"):
        real("logloss.integrations.xgboost")
