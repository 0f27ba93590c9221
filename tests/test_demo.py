"""The lesson: every figure that people read in it, and what it teaches."""

import re

import pytest

import logloss
from logloss import demo


@pytest.fixture(scope="module")
def lesson():
    return demo.text()


@pytest.mark.parametrize(
    "figure",
    [
        "−0.8   green      0.4695          0.4695   0.7560   ███████████████",
        "0.2   red        0.7006          0.2994   1.2058",
        "mean cost   0.3329   = the log loss",
        "The red point at 0.2, thought green, pays most.",
        "0.6931   1.0000   a coin flip",
        "0.6109   0.8813   the entropy of 7 in 10",
        "0.3329   0.4803   45.5 % of the entropy saved",
        "0.4777   0.6892   what a new point may cost",
        "0.693147 = 0.610864 + 0.082283: cross-entropy = entropy + KL",
        "0.6931 → 0.4049 → 0.3467 → 0.3339 → 0.3329",
        "without it 0.3052",
        "0.61086 uncertainty − 0.47223 discrimination + 0.19428 miscalibration = 0.33291",
        "would show 0.2459 of miscalibration by chance:\nnothing to repair.",
    ],
)
def test_the_lesson_says(lesson, figure):
    assert figure in lesson


def test_shown_sums_add_up_as_printed(lesson):
    parts = re.search(
        r"(\d\.\d+) uncertainty − (\d\.\d+) discrimination \+ (\d\.\d+) miscalibration = (\d\.\d+)", lesson
    )
    a, b, c, total = (round(float(part) * 1e5) for part in parts.groups())
    assert a - b + c == total
    both, own, apart = re.search(r"costs (\d\.\d+) = (\d\.\d+) \+ (\d\.\d+): cross", lesson).groups()
    assert round(float(both) * 1e6) == round(float(own) * 1e6) + round(float(apart) * 1e6)


def test_lines_fit_a_terminal(lesson):
    assert max(len(line) for line in lesson.splitlines()) <= 110


def test_a_bar_is_as_long_as_its_cost(lesson):
    rows = re.findall(r"(\d\.\d{4})   (█+)$", lesson, re.MULTILINE)
    assert len(rows) == 9
    assert all(len(bar) == round(20 * float(cost)) for cost, bar in rows)


def test_chance_is_exact_over_all_outcomes():
    """Reference: enumeration of the 2^10 outcomes with another program, to the digits that it printed."""
    figures = demo.figures()
    assert figures["miscalibration_by_chance_nats"] == pytest.approx(0.245865, abs=5e-7)
    assert figures["miscalibration_p_value"] == pytest.approx(0.753, abs=5e-4)
    unpenalised = demo.fit(demo.X, demo.IS_GREEN).predict_proba(demo.X)
    measured = logloss.measure(demo.IS_GREEN, unpenalised)
    assert measured.miscalibration.by_chance == pytest.approx(0.208784, abs=5e-7)
