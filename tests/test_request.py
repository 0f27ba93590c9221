"""What verbs ask of rows: described once, checked once."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from test_style import documented_parameters

import logloss
from logloss import DataError
from logloss.data.request import RowOptions, described, descriptions

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
    with pytest.raises(DataError, match=r"`negatives_kept` must be a fraction in \(0, 1\]; got"):
        RowOptions(negatives_kept=share).check()


def test_only_training_has_a_coefficient_for_what_is_missing():
    RowOptions(missing="indicator").check(has_features=True)
    with pytest.raises(DataError, match='`missing` must be "error" or "drop"; got "indicator"'):
        RowOptions(missing="indicator").check()
