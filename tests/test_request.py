"""What verbs ask of rows: described once, checked once."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from test_style import documented_parameters

import logloss
from logloss import DataError
from logloss.data.request import ALIASES, CALLS, RowOptions, described, descriptions

# Shares of negatives that no training can have kept.
NO_SHARES = (0, -0.5, 1.5, float("nan"))


def test_every_option_is_described_in_its_order():
    options = [each.name for each in dataclasses.fields(RowOptions)]
    assert documented_parameters(inspect.getdoc(RowOptions)) == options
    assert list(descriptions()) == options


def test_an_option_is_described_alike_wherever_it_is_not_said_otherwise():
    for verb in (logloss.measure, logloss.compare, logloss.calibrate, logloss.fit):
        assert descriptions()["counts"] in inspect.getdoc(verb)
        assert "{" + "counts}" not in inspect.getdoc(verb)


def test_a_verb_may_add_words_of_its_own():
    @described
    def verb(*, order=None):
        """Do.

        Parameters
        ----------
        {order}
            It is in {braces}.
        """

    lines = inspect.getdoc(verb).splitlines()
    assert lines[3] == "----------"
    assert "\n".join(lines[4:-1]) == descriptions()["order"]
    assert lines[-1] == "    It is in {braces}."


def test_what_was_given_is_what_is_not_left_out():
    assert RowOptions(by=["a"], missing="drop", name="monday", pos_label=0).given == {"pos_label": 0, "by": ["a"]}


@pytest.mark.parametrize("share", NO_SHARES)
def test_a_share_of_negatives_must_be_one(share):
    with pytest.raises(DataError, match=r"`negatives_kept` must be a share in \(0, 1\]; got"):
        RowOptions(negatives_kept=share).check()


def test_only_training_has_a_coefficient_for_what_is_missing():
    RowOptions(missing="indicator").check(has_features=True)
    with pytest.raises(DataError, match='`missing` must be "error" or "drop"; got "indicator"'):
        RowOptions(missing="indicator").check()


# The others are methods.
VERBS = {name: getattr(logloss, name) for name in CALLS if "." not in name}


@pytest.mark.parametrize(
    ("verb", "keyword", "meant"),
    [
        ("measure", "y_prob", "y_proba"),
        ("measure", "y_pred", "y_proba"),
        ("measure", "weights", "sample_weight"),
        ("measure", "clusters", "cluster"),
        ("calibrate", "labels", "y_true"),
        ("compare", "predictions", "y_proba"),
        ("fit", "feature", "features"),
        ("fit", "max_iter", "max_passes"),
        ("fit", "cov_type", "covariance"),
        ("fit", "robust", "covariance"),
        ("fit", "C", "l2`, which is 1 / C?"),
        ("log_loss", "y_score", "y_proba"),
        ("explain", "features", "feature"),
    ],
)
def test_a_wrong_keyword_is_answered_with_the_right_one(verb, keyword, meant):
    with pytest.raises(TypeError) as error:
        VERBS[verb]([0, 1], [0.5, 0.5], **{keyword: 1})
    message = str(error.value)
    assert message.startswith(f"{verb}() has no argument `{keyword}`. Did you mean `{meant.split('`')[0]}`")
    assert message.endswith(f"Right calls: {CALLS[verb]}.")
    assert meant in message


def test_a_keyword_that_resembles_none_is_answered_with_all():
    with pytest.raises(TypeError, match=r"^log_loss\(\) has no argument `zzz`\. It has: counts, missing, pos_label, "):
        logloss.log_loss([0, 1], [0.5, 0.5], zzz=1)


def test_the_order_of_scikit_learn_with_names_is_answered_with_the_right_call():
    table = {"y": [0, 1], "p": [0.25, 0.75]}
    with pytest.raises(TypeError) as error:
        logloss.measure(table, "y", "p")
    assert str(error.value) == (
        "measure() takes `data` and `y_proba` by position and all else by keyword; got 3 arguments by position. "
        'Right calls: measure(y, p), or measure(table, y_true="y", y_proba="p").'
    )


@pytest.mark.parametrize("verb", [logloss.measure, logloss.calibrate, logloss.segments])
def test_a_name_of_the_label_in_place_of_the_prediction_is_answered_with_the_right_call(verb):
    with pytest.raises(
        TypeError, match=r"got `y_proba` twice, .* Right calls: .*\(table, y_true=\"y\", y_proba=\"p\"\)"
    ):
        verb({"y": [0, 1], "p": [0.25, 0.75]}, "y", y_proba="p")


@pytest.mark.parametrize(("verb", "lacking"), [("measure", "data"), ("compare", "data"), ("log_loss", "y_true")])
def test_a_missing_argument_is_named(verb, lacking):
    with pytest.raises(TypeError, match=rf"^{verb}\(\) needs `{lacking}`, which is left out\. Right calls: "):
        VERBS[verb](y_proba=[0.5])


def test_fit_without_labels_is_answered_with_the_right_call():
    with pytest.raises(TypeError, match=r"^fit\(\) needs `y_true`, which is left out\. Right calls: fit\(X, y\), or "):
        logloss.fit({"y": [0, 1]})


@pytest.mark.parametrize("verb", sorted(CALLS))
def test_the_right_calls_are_right(verb):
    y, p = [0, 1, 1, 0] * 5, [0.25, 0.75, 0.5, 0.5] * 5
    x = [float(k) for k in range(20)]
    table = {"y": y, "p": p, "q": [0.5] * 20, "x": x, "a": x, "b": [k % 3 for k in x]}
    known = {**VERBS, **table, "table": table, "X": [[each] for each in x], "z": x}
    known["model"] = logloss.fit({"x": x}, y)
    for call in CALLS[verb].split(", or "):
        assert eval(call, known) is not None


def test_every_alias_stands_for_an_argument():
    arguments = {name for verb in VERBS.values() for name in inspect.signature(verb).parameters}
    assert {meant for names in ALIASES.values() for meant in names} <= arguments
    assert not any(names[0] == alias for alias, names in ALIASES.items())
