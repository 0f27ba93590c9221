"""Estimators of scikit-learn with `cv=`: the same losses as scikit-learn finds, what is refused, what is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import logloss
from logloss import DataError, compare, log_loss, measure

RANDOM = np.random.default_rng(8)
N = 240
X = RANDOM.normal(size=(N, 3))
Y = (RANDOM.random(N) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
DAYS = np.repeat(np.arange(24), 10)
USERS = RANDOM.integers(0, 40, N)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(won=Y, day=DAYS, user=USERS)
FIVE = StratifiedKFold(5, shuffle=True, random_state=0)
PLAIN = LogisticRegression()


def out_of_fold(estimator, splitter, labels=Y, features=X, **more):
    return cross_val_predict(estimator, features, labels, cv=splitter, method="predict_proba", **more)[:, 1]


def test_the_losses_are_those_of_cross_val_predict_to_the_bit():
    for splitter in (KFold(4), StratifiedKFold(3, shuffle=True, random_state=5), FIVE):
        mine = measure(Y, PLAIN, X=X, cv=splitter)
        right = measure(Y, out_of_fold(PLAIN, splitter))
        assert mine.summary == right.summary
        assert mine.log_loss == right.log_loss
    assert measure(Y, PLAIN, X=X, cv=5).summary == measure(Y, out_of_fold(PLAIN, FIVE)).summary


def test_each_fold_costs_what_cross_val_score_finds():
    mine = measure(Y, GaussianNB(), X=X, cv=KFold(6))
    scores = -cross_val_score(GaussianNB(), X, Y, cv=KFold(6), scoring="neg_log_loss")
    # Both are means of the same 40 logarithms, added in another order.
    assert mine.folds.losses == pytest.approx(scores.tolist(), rel=1e-13)
    assert mine.folds.n_folds == 6
    assert mine.folds.n_train == 200


def test_compared_estimators_have_the_same_folds():
    models = {"plain": PLAIN, "bayes": GaussianNB(), "ours": logloss.LogisticRegression(C=0.1)}
    mine = compare(Y, models, X=X, cv=FIVE)
    right = compare(Y, {name: out_of_fold(model, FIVE) for name, model in models.items()})
    assert mine.log_losses == right.log_losses
    assert mine.summary == right.summary
    assert [row["forecast"] for row in mine.ranking] == [row["forecast"] for row in right.ranking]
    alone = {name: measure(Y, model, X=X, cv=FIVE) for name, model in models.items()}
    for row in mine.ranking:
        own = alone[row["forecast"]]
        assert (row["log_loss_nats_low"], row["log_loss_nats_high"]) == (own.log_loss.low, own.log_loss.high)
        assert row["discrimination_excess_nats"] == pytest.approx(own.discrimination.excess, abs=1e-12)
        assert row["miscalibration_excess_nats"] == pytest.approx(own.miscalibration.excess, abs=1e-12)


def test_a_given_forecast_may_stand_beside_estimators():
    frame = FRAME[["a", "b", "c", "won"]].assign(market=0.2 + 0.6 * (X[:, 0] > 0))
    found = compare(frame, {"plain": PLAIN, "market": "market"}, y_true="won", cv=FIVE)
    right = compare(Y, {"plain": out_of_fold(PLAIN, FIVE), "market": frame["market"].to_numpy()})
    assert found.log_losses == right.log_losses
    assert found.notes == ("features: a, b, c",)
    market = measure(frame, "market", y_true="won").log_loss
    assert (found.log_losses["market"].low, found.log_losses["market"].high) == (market.low, market.high)
    alone = compare(frame, {"market": "market", "plain": PLAIN}, y_true="won", cv=FIVE, leave_two_out=False)
    assert (alone.log_losses["market"].low, alone.log_losses["market"].high) == (market.low, market.high)
    assert alone.folds.method == "Nadeau-Bengio"
    # In the order of time all are judged by the same rows.
    in_time = compare(Y, {"plain": PLAIN, "market": frame["market"].tolist()}, X=X, order=DAYS, cv=5)
    assert in_time.n_rows == 200
    assert in_time.log_losses["market"] == log_loss(Y[40:], frame["market"][40:])


def test_a_lead_is_the_loss_of_one_less_that_of_the_other_and_so_are_its_folds():
    found = compare(Y, {"plain": PLAIN, "bayes": GaussianNB()}, X=X, cv=5)
    plain = compare(Y, {"plain": out_of_fold(PLAIN, FIVE), "bayes": out_of_fold(GaussianNB(), FIVE)})
    assert found.delta == plain.delta
    assert found.delta.high - found.delta.low > plain.delta.high - plain.delta.low


def test_estimators_are_cloned_and_the_result_says_if_they_were_trained():
    trained, anew = clone(PLAIN).fit(X[:100], Y[:100]), clone(PLAIN)
    before = trained.coef_.copy()
    told = measure(Y, trained, X=X, cv=3)
    assert (trained.coef_ == before).all()
    assert any("was already fitted" in note for note in told.notes)
    silent = measure(Y, anew, X=X, cv=3)
    assert not any("was already fitted" in note for note in silent.notes)
    assert not hasattr(anew, "coef_")
    assert told.log_loss == silent.log_loss


def test_a_table_gives_its_columns_by_name():
    right = measure(Y, PLAIN, X=X, cv=5)
    for table in (FRAME, pl.from_pandas(FRAME), {name: FRAME[name].to_numpy() for name in FRAME}):
        for own in ({"features": ["a", "b", "c"]}, {"exclude": ["day", "user"]}):
            mine = measure(table, PLAIN, y_true="won", cv=5, **own)
            assert mine.log_loss == right.log_loss
            assert mine.notes == ("features: a, b, c",)
    # What stands in another part is no feature.
    assert measure(FRAME, PLAIN, y_true="won", cv=3, cluster="user", by="day").notes == ("features: a, b, c",)
    assert measure(FRAME, PLAIN, y_true="won", cv=5, X=X).log_loss == right.log_loss
    assert measure(FRAME, PLAIN, y_true="a > 0", features="b", cv=3).positive == "a > 0"


def test_text_columns_go_to_the_pipeline_as_they_are():
    frame = FRAME[["a", "won"]].assign(colour=np.array(["red", "green", "blue"])[np.arange(N) % 3])
    pipe = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough"), StandardScaler(), PLAIN
    )
    mine = measure(frame, pipe, y_true="won", cv=FIVE)
    assert mine.log_loss == log_loss(Y, out_of_fold(pipe, FIVE, features=frame[["colour", "a"]]))
    with pytest.raises(DataError, match='such as "colour", from a frame of pandas or polars'):
        measure({name: frame[name].to_numpy() for name in frame}, pipe, y_true="won", cv=3)


@pytest.mark.parametrize("labels", [np.where(Y, "yes", "no"), np.where(Y, "no", "yes"), np.where(Y, 7, 3)])
def test_labels_reach_the_estimator_as_they_came(labels):
    positive = labels[Y == 1].tolist()[0]
    weighted = LogisticRegression(class_weight={labels[Y == 1][0]: 3.0, labels[Y == 0][0]: 1.0})
    mine = measure(labels, weighted, X=X, cv=KFold(4), pos_label=positive)
    message = np.empty(N)
    for train, test in KFold(4).split(X):
        # Not cross_val_predict, which numbers the classes.
        model = clone(weighted).fit(X[train], labels[train])
        message[test] = model.predict_proba(X[test])[:, model.classes_.tolist().index(positive)]
    assert mine.log_loss == log_loss(Y, message)
    assert mine.base_rate == Y.mean()


def test_minus_one_and_one_are_labels_too():
    assert measure(2 * Y - 1, PLAIN, X=X, cv=FIVE).log_loss == measure(Y, PLAIN, X=X, cv=FIVE).log_loss


@pytest.mark.parametrize("model", [PLAIN, make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), PLAIN))])
def test_weights_go_to_the_fit_and_to_the_measurement(model):
    random = np.random.default_rng(1)
    w = random.lognormal(size=N)
    scaled = [name for name in model.get_params() if name == "steps"]
    message = np.empty(N)
    for train, test in FIVE.split(X, Y):
        fit = {"pipeline__logisticregression__sample_weight": w[train]} if scaled else {"sample_weight": w[train]}
        message[test] = clone(model).fit(X[train], Y[train], **fit).predict_proba(X[test])[:, 1]
    mine = measure(Y, model, X=X, cv=FIVE, sample_weight=w)
    assert mine.summary == measure(Y, message, sample_weight=w).summary
    assert mine.log_loss.high - mine.log_loss.low > 0
    assert compare(Y, {"a": model, "b": GaussianNB()}, X=X, cv=FIVE, sample_weight=w).log_losses["a"] == mine.log_loss


def test_where_the_fit_takes_no_weights_the_result_says_so():
    class Unweighted(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.share_ = float(np.mean(y == self.classes_[1]))
            return self

        def predict_proba(self, X):
            return np.tile([1 - self.share_, self.share_], (len(X), 1))

    told = measure(Y, Unweighted(), X=X, cv=3, sample_weight=np.arange(1, N + 1))
    assert any("takes no sample_weight" in note for note in told.notes)


def test_a_row_without_weight_is_no_row():
    w = np.ones(N)
    w[::7] = 0
    odd = X.copy()
    odd[::7] = np.nan
    some = w > 0
    mine = measure(Y, PLAIN, X=odd, cv=FIVE, sample_weight=w)
    right = measure(Y[some], PLAIN, X=X[some], cv=FIVE, sample_weight=w[some])
    assert mine.log_loss == right.log_loss
    assert mine.n_rows == some.sum()
    assert mine.n_dropped == mine.folds.n_left_out == 0


def test_rows_without_a_label_are_left_out_and_counted():
    labels = Y.astype(float)
    labels[:5] = np.nan
    with pytest.raises(DataError, match="row 0"):
        measure(labels, PLAIN, X=X, cv=FIVE)
    mine = measure(labels, PLAIN, X=X, cv=FIVE, missing="drop")
    assert mine.log_loss == measure(Y[5:], PLAIN, X=X[5:], cv=FIVE).log_loss
    assert (mine.n_dropped, mine.folds.n_left_out) == (5, 0)


def test_clusters_stay_whole():
    mine = measure(FRAME, PLAIN, y_true="won", features=["a"], cluster="user", cv=4)
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=0)
    message = out_of_fold(PLAIN, splitter, features=X[:, :1], groups=USERS)
    assert mine.summary == measure(FRAME, message, y_true="won", cluster="user").summary
    assert mine.folds.caution == ""
    # A splitter is given them, and one that pays no heed is told of.
    assert measure(Y, PLAIN, X=X, cluster=USERS, cv=GroupKFold(4)).folds.caution == ""
    told = measure(Y, PLAIN, X=X, cluster=USERS, cv=KFold(4)).cautions
    assert told[-1].startswith("in 4 of 4 folds, rows of one cluster are in both the training and the test set")


@pytest.mark.parametrize("days", [DAYS, pd.Timestamp("2024-01-01") + pd.to_timedelta(DAYS, "D"), "day"])
def test_folds_in_the_order_of_time_are_judged_by_models_of_earlier_periods(days):
    shuffled = np.random.default_rng(2).permutation(N)
    frame = FRAME.iloc[shuffled].reset_index(drop=True)
    own = days if isinstance(days, str) else np.asarray(days)[shuffled]
    mine = measure(frame, PLAIN, y_true="won", features=["a", "b"], order=own, cv=5)
    message = np.full(N, np.nan)
    for train, test in TimeSeriesSplit(5).split(np.arange(24)):
        old, new = np.isin(frame["day"], train), np.isin(frame["day"], test)
        model = clone(PLAIN).fit(frame.loc[old, ["a", "b"]], frame["won"][old])
        message[new] = model.predict_proba(frame.loc[new, ["a", "b"]])[:, 1]
    assert mine.log_loss == log_loss(frame["won"][~np.isnan(message)], message[~np.isnan(message)])
    assert (mine.n_rows, mine.folds.n_left_out, mine.n_dropped) == (200, 40, 0)
    assert mine.folds.is_forward
    assert mine.folds.method == "rows"
    assert "5 folds: loss of these 5 models, each on rows it was not trained on; 40 rows in no fold" in str(mine)
    # Its interval is that of the rows.
    plain = measure(frame, message, y_true="won", missing="drop").log_loss
    assert (mine.log_loss.low, mine.log_loss.high) == (plain.low, plain.high)


def test_a_row_without_a_period_is_refused_or_left_out():
    days = DAYS.astype(float)
    days[3] = np.nan
    with pytest.raises(DataError, match="`order` must hold a value in each row; row 3 holds nothing"):
        measure(Y, PLAIN, X=X, order=days, cv=4)
    mine = measure(Y, PLAIN, X=X, order=days, cv=4, missing="drop")
    some = np.arange(N) != 3
    assert mine.log_loss == measure(Y[some], PLAIN, X=X[some], order=days[some], cv=4).log_loss


def test_folds_in_the_order_of_time_keep_their_evidence():
    models = {"two": PLAIN, "bayes": GaussianNB()}
    found = compare(FRAME, models, y_true="won", features=["a", "b"], order="day", cv=5)
    assert (found.n_rows, found.n_dropped, found.n_periods, found.folds.n_left_out) == (200, 0, 20, 40)
    assert not np.isnan(found.pair.sequential.log_e_value)
    mixed = compare(FRAME, models, y_true="won", features=["a", "b"], order="day", cv=KFold(5))
    assert (
        mixed.pair.sequential.confidence_sequence.reason == "models of the folds were trained on each other's test rows"
    )
    assert np.isnan(mixed.pair.sequential.log_e_value)


def test_given_pairs_of_rows_are_numbers_or_masks():
    pairs = list(FIVE.split(X, Y))
    masks = [(np.isin(np.arange(N), train), np.isin(np.arange(N), test)) for train, test in pairs]
    right = measure(Y, PLAIN, X=X, cv=FIVE)
    for cv in (pairs, masks, iter(pairs), [(train.tolist(), test.tolist()) for train, test in pairs]):
        assert measure(Y, PLAIN, X=X, cv=cv).folds == right.folds
    alone = measure(Y, PLAIN, X=X, cv=pairs[:1])
    assert alone.folds.estimand == "this model"
    assert alone.folds.is_forward
    assert alone.folds.n_left_out == N - len(pairs[0][1])


def test_one_row_left_out_at_a_time_has_an_interval():
    mine = measure(Y[:60], PLAIN, X=X[:60], cv=KFold(60))
    assert mine.folds.method == "Nadeau-Bengio"
    assert mine.log_loss.low < mine.log_loss < mine.log_loss.high
    assert "; conservative CI (Nadeau-Bengio)" in str(mine)


def test_models_without_two_folds_are_those_of_scikit_learn():
    """By hand: the loss of each fold's rows by a model that has seen neither them nor another fold."""
    splits = list(FIVE.split(X, Y))
    found = measure(Y, PLAIN, X=X, cv=FIVE).folds
    message = out_of_fold(PLAIN, FIVE)
    for left_out, (_, gone) in enumerate(splits):
        moved = []
        for number, (train, test) in enumerate(splits):
            if number != left_out:
                model = clone(PLAIN).fit(X[np.setdiff1d(train, gone)], Y[np.setdiff1d(train, gone)])
                after = logloss.surprisal(Y[test], model.predict_proba(X[test])[:, 1])
                moved += (after - logloss.surprisal(Y[test], message[test])).tolist()
        assert found.moves[left_out] == pytest.approx(np.mean(moved), abs=1e-14)
        assert found.noises[left_out] == pytest.approx(np.var(moved) / len(moved), rel=1e-10)
    assert measure(Y, PLAIN, X=X, cv=FIVE, leave_two_out=False).folds.moves == ()


def test_an_impossible_outcome_is_a_result():
    """A forest of one deep tree gives 0 and 1."""
    found = measure(Y, RandomForestClassifier(1, random_state=0), X=X, cv=3)
    assert found.log_loss == np.inf
    assert found.n_infinite > 0
    assert found.log_loss.reason == "the log loss is infinite"


def test_a_loss_that_is_infinite_without_two_folds_has_no_interval():
    class Certain(ClassifierMixin, BaseEstimator):
        """Gives 0 to what happens as soon as few rows have trained it."""

        def fit(self, X, y):
            self.classes_, self.share_ = np.unique(y), 0.5 if len(y) > 150 else 0.0
            return self

        def predict_proba(self, X):
            return np.tile([1 - self.share_, self.share_], (len(X), 1))

    found = measure(Y, Certain(), X=X, cv=5)
    assert found.log_loss == pytest.approx(np.log(2))
    assert found.log_loss.reason == "infinite where two folds are left out"
    both = compare(Y, {"certain": Certain(), "plain": PLAIN}, X=X, cv=5)
    assert both.delta.reason == "infinite where two folds are left out"
    assert not both.pair.is_significant


def test_it_says_and_saves_of_what_the_loss_is(tmp_path):
    mine = measure(Y, PLAIN, X=X, cv=5)
    assert "5 folds: loss of a model trained on about 192 rows like these" in str(mine)
    figures = mine.to_dict()
    assert figures["n_folds"] == 5
    assert figures["estimand"] == "a model trained on about 192 rows like these"
    assert figures["interval_method"] == "jackknife of folds"
    mine.save(tmp_path / "a.logloss")
    again = logloss.load(tmp_path / "a.logloss")
    assert again.summary == mine.summary
    assert again.to_dict() == figures
    assert (again.log_loss.low, again.log_loss.high) == (mine.log_loss.low, mine.log_loss.high)
    with pytest.raises(DataError, match="out-of-fold probabilities cannot be merged"):
        mine.merge(measure(1 - Y, 1 - X[:, 0] ** 0 / 2))
    found = compare(Y, {"a": PLAIN, "b": GaussianNB()}, X=X, cv=5)
    assert found.to_dict()["estimand"] == figures["estimand"]
    assert "excess discrimination   excess miscalibration" in str(found)
    found.save(tmp_path / "c.logloss")
    assert repr(logloss.load(tmp_path / "c.logloss")) == repr(found)
    assert figures["estimand"] in found.to_html()


class NoNumber(LogisticRegression):
    """Gives NaN."""

    def predict_proba(self, X):
        return super().predict_proba(X) * np.nan


FEW = np.array([1] * 3 + [0] * (N - 3))
REFUSED = {
    "the rarer class": (FEW, PLAIN, {"X": X, "cv": 5}, "at most the number of rows of the rarer class, which has 3"),
    "one fold": (Y, PLAIN, {"X": X, "cv": 1}, "at least 2 folds; got 1"),
    "a word": (Y, PLAIN, {"X": X, "cv": "five"}, "a number of folds, a splitter, or pairs of rows"),
    "half a fold": (Y, PLAIN, {"X": X, "cv": 2.5}, "a number of folds, a splitter, or pairs of rows"),
    "true": (Y, PLAIN, {"X": X, "cv": True}, "a number of folds, a splitter, or pairs of rows"),
    "repeated": (Y, PLAIN, {"X": X, "cv": RepeatedKFold(n_splits=3, n_repeats=2)}, "is in 2. Of repeated folds"),
    "shuffled": (Y, PLAIN, {"X": X, "cv": ShuffleSplit(9, random_state=0)}, "one test fold at most"),
    "no pair": (Y, PLAIN, {"X": X, "cv": [np.arange(3)]}, r"pairs of rows \(train, test\), as numbers or as masks"),
    "no row": (Y, PLAIN, {"X": X, "cv": [(np.arange(9), [N])]}, "there is no row 240"),
    "a short mask": (Y, PLAIN, {"X": X, "cv": [(np.ones(9, bool), [1])]}, "a mask of 9 for 240 rows"),
    "twice": (Y, PLAIN, {"X": X, "cv": [(np.arange(90), [99, 99])]}, "must differ; some stand there twice"),
    "seen": (
        Y,
        PLAIN,
        {"X": X, "cv": [(np.arange(90), [80, 99])]},
        "has rows in both the training and the test set: row 80",
    ),
    "no test rows": (Y, PLAIN, {"X": X, "cv": [(np.arange(90), [])]}, "whole numbers|has no test rows"),
    "no fold": (Y, PLAIN, {"X": X, "cv": []}, "one fold at least"),
    "a lost class": (FEW, PLAIN, {"X": X, "cv": KFold(4)}, "fold 1 of 4 of `cv` has rows of one class only to train"),
    "one class": (np.ones(N, int), PLAIN, {"X": X, "cv": 3}, "all rows are of one"),
    "shares": (np.full(N, 0.5), PLAIN, {"X": X, "cv": 3}, "`y_true` holds shares"),
    "no probabilities": (Y, LinearSVC(), {"X": X, "cv": 3}, "has no `predict_proba`.*Calibrator"),
    "a class": (Y, LogisticRegression, {"X": X, "cv": 3}, "the class LogisticRegression"),
    "an array": (Y, Y / 2, {"X": X, "cv": 3}, "`cv` trains estimators of scikit-learn in folds.*leave out `cv`"),
    "frozen": (Y, FrozenEstimator(PLAIN), {"X": X, "cv": 3}, "is a FrozenEstimator"),
    "our model": (Y, logloss.fit(X, Y), {"X": X, "cv": 3}, r"fitted by `logloss.fit`.*logloss.LogisticRegression\(C"),
    "no features": (Y, PLAIN, {"cv": 3}, "pass their features as `X`"),
    "other rows": (Y, PLAIN, {"X": X[:9], "cv": 3}, "`X` has 9 rows and the labels have 240"),
    "counts": (Y, PLAIN, {"X": X, "cv": 3, "counts": Y + 1}, "`counts` cannot be combined with `cv`"),
    "logits": (Y, PLAIN, {"X": X, "cv": 3, "y_logit": X[:, 0]}, "`y_logit` cannot be combined with `cv`"),
    "kept": (Y, PLAIN, {"X": X, "cv": 3, "negatives_kept": 0.5}, "`negatives_kept` cannot be combined with `cv`"),
    "nan": (Y, NoNumber(), {"X": X, "cv": 3}, r"probabilities in \[0, 1\]; in fold 1 of 3 row \d+ got nan"),
    "few clusters": (Y, PLAIN, {"X": X, "cv": 5, "cluster": DAYS % 3}, "the rarer class is in 3; got 5"),
    "few periods": (Y, PLAIN, {"X": X, "cv": 5, "order": DAYS % 5}, "need 6 periods at least.*`order` has 5"),
    "another order": (Y, PLAIN, {"X": X, "cv": 5, "order": DAYS[:9]}, "`order` has 9 rows"),
    "names without a table": (Y, PLAIN, {"X": X, "cv": 5, "order": "day"}, "no table is given"),
    "X without cv": (Y, Y / 2, {"X": X}, "pass `cv=`, too"),
    "features without cv": (FRAME, "a", {"y_true": "won", "features": ["a"]}, "pass `cv=`, too"),
    "order without cv": (Y, Y / 2, {"order": DAYS}, "pass `cv=`, too"),
    "an estimator without cv": (Y, PLAIN, {}, "is an estimator.*`cv=5`"),
    "X and names": (FRAME, PLAIN, {"y_true": "won", "X": X, "features": ["a"], "cv": 3}, "not both"),
    "names and others": (
        FRAME,
        PLAIN,
        {"y_true": "won", "features": ["a"], "exclude": ["b"], "cv": 3},
        "`features` or `exclude`, not both",
    ),
    "an unknown column": (FRAME, PLAIN, {"y_true": "won", "features": ["z"], "cv": 3}, 'no column "z"'),
    "no column left": (FRAME[["won"]], PLAIN, {"y_true": "won", "cv": 3}, "no column of the table is left"),
    "files": ("rows.parquet", PLAIN, {"y_true": "won", "cv": 3}, "all rows in memory"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named(case):
    data, estimator, options, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        measure(data, estimator, **options)


@pytest.mark.parametrize(
    ("forecasts", "options", "message"),
    [
        ({"a": PLAIN}, {"cv": 3}, "two forecasters or more"),
        ({"a": X[:, 0], "b": Y / 2}, {"cv": 3}, '"a" is ndarray'),
        ({"a": PLAIN, "b": Y[:9] / 2}, {"cv": 3}, '"b" must be one probability of 1 for each of 240 rows; it holds 9'),
        ({"a": PLAIN, "b": Y * 2}, {"cv": 3}, r'"b" must give probabilities in \[0, 1\]; row \d+ got 2'),
        ({"a": PLAIN, "b": "won"}, {"cv": 3}, '"b" names the column "won", but no table is given'),
        ({"a": PLAIN, "b": 7}, {"cv": 3}, '"b" is int'),
        (None, {"cv": 3, "y_proba": {"a": PLAIN, "b": PLAIN}}, "with `cv` the forecasts are estimators"),
        ({"a": PLAIN, "b": PLAIN}, {}, "`X` is used to train estimators in folds"),
        ({"a": PLAIN, "b": LinearSVC()}, {"cv": 3}, '"b" has no `predict_proba`'),
    ],
)
def test_what_is_refused_of_several_is_named(forecasts, options, message):
    with pytest.raises(DataError, match=message):
        compare(Y, forecasts, X=X, **options)


def test_damaged_folds_in_a_file_are_refused(tmp_path):
    from logloss.files.summary_reading import record_of_bytes
    from logloss.files.summary_writing import bytes_of_record

    record = measure(Y, PLAIN, X=X, cv=3).record
    for field, value, message in (
        ("shares", (0.5, 0.5), "one share above 0 of each fold"),
        ("losses", (0.5,), "one number of each fold"),
        ("moves", (0.5,), "one number of each fold"),
        ("noises", (), "one number of each fold"),
        ("n_train", 0.0, "a number above 0"),
    ):
        from dataclasses import replace

        damaged = bytes_of_record(replace(record, folds=replace(record.folds, **{field: value})))
        with pytest.raises(DataError, match=message):
            record_of_bytes(damaged, "a.logloss")


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow", "dict"])
def test_a_column_that_only_tells_rows_apart_is_no_feature_unless_it_is_named(form):
    """As in `fit`: neither the order of the rows nor what is missing matters."""
    import pyarrow

    frame = pd.DataFrame({"id": np.arange(200) + 17, "x": X[:200, 0], "won": Y[:200]}).sample(frac=1, random_state=1)
    forms = {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "arrow": pyarrow.Table.from_pandas(frame),
        "dict": {name: frame[name].to_numpy() for name in frame},
    }
    with pytest.raises(DataError, match=r'column "id" looks like an identifier: .* exclude=\["id"\]'):
        measure(forms[form], PLAIN, y_true="won", cv=3)
    assert measure(forms[form], PLAIN, y_true="won", cv=3, exclude="id").notes[0] == "features: x"
    assert measure(forms[form], PLAIN, y_true="won", cv=3, features=["id", "x"]).n_rows == 200
