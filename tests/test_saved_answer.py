"""Saved answers, text and figures: what figures of these names can be, and nothing that a terminal obeys."""

from __future__ import annotations

import re

import numpy as np
import pytest

import logloss
from logloss import DataError
from logloss.files.document import document_bytes
from logloss.files.saved_answer import SavedAnswer

SEED = 4


def answers():
    rng = np.random.default_rng(SEED)
    p, q = rng.random(200), rng.random(200)
    table = {"y": (rng.random(200) < p).astype(int), "p": p, "q": q, "g": np.arange(200) % 3, "t": np.arange(200) // 20}
    requested = {"y_true": "y", "by": "g"}
    return {
        "comparison": logloss.compare(table, y_proba=["p", "q"], order="t", **requested),
        "plan": logloss.plan(forecasts={"p": p, "q": q}, n_rows=300),
        "segments": logloss.segments(table, y_true="y", y_proba="p", features=["g", "t"]),
        "monitoring": logloss.watch(
            [logloss.measure(table, y_proba="p", **requested, name=name) for name in ("monday", "tuesday")]
        ),
        "difference": logloss.diff(*(logloss.measure(table, y_proba=name, **requested) for name in "pq")),
    }


ANSWERS = answers()


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_read_is_what_was_saved(kind, tmp_path):
    ANSWERS[kind].save(tmp_path / "a.json")
    found = logloss.load(tmp_path / "a.json")
    assert isinstance(found, SavedAnswer)
    assert (repr(found), found.to_dict()) == (repr(ANSWERS[kind]), ANSWERS[kind].to_dict())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("schema", 2, "1 in schema"),
        ("schema", None, "a whole number of at least 0 in schema"),
        ("notes", 3, "a list of texts in notes"),
        ("n_rows", 1.5, "a whole number of at least 0 in n_rows"),
        ("n_rows", -3, "a whole number of at least 0 in n_rows"),
        ("delta_nats", "far", "a number in delta_nats"),
        ("delta_nats_low", True, "a number in delta_nats_low"),
        ("is_identical", 1, "true or false in is_identical"),
        ("best", ["p"], "a text in best"),
        ("source", 1, "a text in source"),
        ("base_rate", "nine", "a number in base_rate"),
        ("ranking", [{"delta_nats": "x"}], "a number in delta_nats"),
        ("ranking", [{"forecast": {}}], "a figure or a text in ranking: forecast"),
        ("ranking", [{}, 3], "texts or rows of figures in ranking"),
        ("by", [["g"]], "texts or rows of figures in by"),
        ("order", {"a": 1}, "a text in order"),
        ("within", 1, "a text in within"),
        ("by", {"a": 1}, "a figure, a text or a table in by"),
    ],
)
def test_figures_that_cannot_be_are_refused_by_name(name, value, words, tmp_path):
    figures = ANSWERS["comparison"].to_dict() | {name: value}
    path = tmp_path / "hostile.json"
    path.write_bytes(document_bytes("comparison", {"figures": figures, "text": "p is better"}))
    with pytest.raises(DataError, match=rf"hostile\.json must have {words}"):
        logloss.load(path)


def test_control_characters_are_replaced(tmp_path):
    """Lines stay lines; what a terminal would obey is replaced."""
    figures = ANSWERS["comparison"].to_dict()
    path = tmp_path / "a.json"
    path.write_bytes(document_bytes("comparison", {"figures": figures, "text": "\x1b[2Jp is\nbetter\x07"}))
    assert repr(logloss.load(path)) == "\ufffd[2Jp is\nbetter\ufffd"


def test_a_saved_answer_can_be_saved_again_and_says_who_draws_it(tmp_path):
    ANSWERS["difference"].save(tmp_path / "a.json")
    found = logloss.load(tmp_path / "a.json")
    found.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    assert re.match(r'<pre style="font-family:monospace[^>]*>log loss', found._repr_html_())
    assert len(found._repr_html_().split("\n")) == len(repr(found).split("\n"))
    for draws in (found.plot, found.to_html):
        with pytest.raises(DataError, match=r"run `logloss diff` again with --html or --plot, or logloss\.diff\(…\)"):
            draws()
