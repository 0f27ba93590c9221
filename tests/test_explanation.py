"""The page that explains log loss: every number on it is computed again from its points, every picture is measured."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from pages import assert_page_is_closed, figures_of, moves_of, number_of, script_of, words_of
from scipy.optimize import minimize
from scipy.special import entr, expit, rel_entr, xlogy
from sklearn.isotonic import IsotonicRegression

import logloss
from logloss import DataError
from logloss.answers.answer import Answer
from logloss.show.explanation import marks as svg
from logloss.show.explanation.ten_points import ten_points_explained

# A number with four digits after the point is within half a unit of the last.
HALF = 0.5000001e-4
# Coordinates are written to a hundredth of a pixel.
PIXEL = 0.0051


@pytest.fixture(scope="module")
def page():
    return ten_points_explained().to_html()


@pytest.fixture(scope="module")
def figures(page):
    return figures_of(page)


class Recomputed:
    """The lesson once more from the points of the page's first table, with SciPy and scikit-learn only."""

    def __init__(self, page, figures):
        table = figures["The points"]
        self.x, self.y = np.array(table.column("x")), np.array(table.column("label"))
        self.l2 = float(re.search(r"l2 = ([\d.]*\d)", words_of(page))[1])

        def objective(at):
            margins = (2 * self.y - 1) * (at[0] + at[1] * self.x)
            return np.logaddexp(0, -margins).sum() + self.l2 / 2 * at[1] ** 2

        self.intercept, self.slope = minimize(objective, [0, 0], tol=1e-12).x
        self.p = expit(self.intercept + self.slope * self.x)
        self.of_observed = np.where(self.y == 1, self.p, 1 - self.p)
        self.losses = -np.log(self.of_observed)
        self.loss, self.rate = self.losses.mean(), self.y.mean()
        self.entropy = entropy(self.rate)
        recalibrated = IsotonicRegression().fit_transform(self.p, self.y)
        self.groups = [np.flatnonzero(recalibrated == share) for share in np.unique(recalibrated)]
        self.left = entropy(recalibrated).mean()
        self.new = np.mean([self.without(k) for k in range(len(self.x))])

    def without(self, k):
        """The loss of a point under the curve of the others."""
        kept = np.arange(len(self.x)) != k

        def objective(at):
            margins = (2 * self.y[kept] - 1) * (at[0] + at[1] * self.x[kept])
            return np.logaddexp(0, -margins).sum() + self.l2 / 2 * at[1] ** 2

        at = minimize(objective, [0, 0], tol=1e-12).x
        return np.logaddexp(0, -(2 * self.y[k] - 1) * (at[0] + at[1] * self.x[k]))


@pytest.fixture(scope="module")
def again(page, figures):
    return Recomputed(page, figures)


def entropy(q):
    return entr(q) + entr(1 - q)


def cross_entropy(q, p):
    return -xlogy(q, p) - xlogy(1 - q, 1 - p)


def divergence(q, p):
    return rel_entr(q, p) + rel_entr(1 - q, 1 - p)


def test_the_points_are_those_of_the_page_s_curve(figures, again):
    """Half a unit of the last digit, and what a minimiser that stops at 1e-12 leaves: less than 1e-5."""
    assert figures["The curve"].column("predicted probability of green") == pytest.approx(again.p, abs=HALF + 1e-5)
    bars = figures["Probability of the observed class"]
    assert bars.column("of the observed class") == pytest.approx(again.of_observed, abs=HALF + 1e-5)


def test_losses_and_their_mean(figures, again):
    table = figures["The loss of each point, and the mean"]
    expected = [*again.losses, again.loss]
    assert table.column("loss (nats)") == pytest.approx(expected, abs=HALF + 1e-5)
    assert table.column("loss (bits)") == pytest.approx(np.array(expected) / math.log(2), abs=HALF + 1e-5)


def test_tables_of_formulas(figures, again):
    curves = figures["Every possible loss"]
    p = np.array(curves.column("predicted p of green"))
    assert curves.column("loss if green (nats)") == pytest.approx(-np.log(p), abs=HALF)
    assert curves.column("loss if red (nats)") == pytest.approx(-np.log1p(-p), abs=HALF)
    shares = figures["Entropy of every event rate"]
    q = np.array(shares.column("share of green"))
    assert shares.column("entropy (nats)") == pytest.approx(entropy(q), abs=HALF)
    assert shares.column("entropy (bits)") == pytest.approx(entropy(q) / math.log(2), abs=HALF)
    blocks = figures["Loss by class, and as one column"]
    p = np.array(blocks.column("p"))
    assert blocks.column("cross-entropy") == pytest.approx(cross_entropy(again.rate, p), abs=HALF / 100)
    assert blocks.column("KL") == pytest.approx(divergence(again.rate, p), abs=HALF / 100)
    assert again.rate in p
    line = figures["Why KL is never below 0"]
    q = np.array(line.column("share of green"))
    assert line.column("log loss of always predicting 0.5") == pytest.approx(cross_entropy(q, 0.5), abs=HALF / 100)
    assert line.column("gap: KL") == pytest.approx(divergence(q, 0.5), abs=HALF / 100)


def test_groups_are_those_of_the_isotonic_fit(figures, again):
    table = figures["The decomposition as areas"]
    assert table.column("observed frequency") == pytest.approx([again.y[g].mean() for g in again.groups], abs=HALF)
    assert table.column("mean predicted") == pytest.approx([again.p[g].mean() for g in again.groups], abs=HALF + 1e-5)
    losses = [again.losses[g].mean() for g in again.groups]
    assert table.column("mean loss") == pytest.approx(losses, abs=HALF + 1e-5)
    assert table.column("entropy") == pytest.approx([entropy(again.y[g].mean()) for g in again.groups], abs=HALF)


def test_passes_are_curves_with_their_losses(figures, again):
    """A coefficient rounded to 5e-5 moves a loss by less than 5e-5 · (1 + max |x|)."""
    table = figures["The curve of each pass"]
    moved = HALF * (1 + np.abs(again.x).max())
    rows = zip(*(table.column(name) for name in ("intercept", "slope", "log loss (nats)")), strict=True)
    for intercept, slope, loss in rows:
        margins = (2 * again.y - 1) * (intercept + slope * again.x)
        assert loss == pytest.approx(np.logaddexp(0, -margins).mean(), abs=moved)
    assert table.column("log loss (nats)")[0] == pytest.approx(math.log(2), abs=HALF / 100)
    assert table.column("log loss (nats)")[-1] == pytest.approx(again.loss, abs=1e-5)
    by_pass = figures["The loss of each point at this pass"]
    last = [number_of(row[-1]) for row in by_pass.rows[1:]]
    assert last == pytest.approx([*again.losses, again.loss], abs=HALF + 1e-5)


def test_every_decimal_in_the_words_and_pictures_is_one_of_these(page, figures, again):
    """No number is written into the page by hand."""
    base, own = again.rate, again.entropy
    shares = [again.y[group].mean() for group in again.groups]
    fractions = np.arange(0, 1001) / 1000
    known = [0.5, math.log(2), own, again.loss, again.left, again.loss - again.left, own - again.left, again.new]
    known += [*again.x, *again.p, *again.of_observed, *again.losses, again.losses.sum(), np.exp(-again.losses.sum())]
    known += [-math.log(base), -math.log1p(-base), -base * math.log(base), -(1 - base) * math.log1p(-base)]
    known += [-math.log(0.01), -math.log(0.001), cross_entropy(base, 0.5), divergence(base, 0.5)]
    known += [again.intercept, again.slope, -again.intercept / again.slope, *shares, base, 1 - base]
    known += [100 * (1 - again.loss / own), 100 * again.losses.max() / again.losses.sum()]
    # The slider's first sentence, whose figures other tests recompute; the null mean, which tests/test_ten_points.py does.
    known += [cross_entropy(base, 0.3), divergence(base, 0.3), 0.2459]
    of_groups = [again.losses[group].mean() for group in again.groups]
    known += [*(again.p[group].mean() for group in again.groups), *of_groups]
    known += [cost - entropy(share) for cost, share in zip(of_groups, shares, strict=True)]
    # Losses of passes, which the test before has recomputed from their curves.
    known += figures["The curve of each pass"].column("log loss (nats)")
    known = np.array(known)
    text = re.sub(r"<(script|style|details).*?</\1>", "", page, flags=re.DOTALL)
    strange = []
    for found in re.findall(r"(?<![\d.])\d+\.\d+(?!\d*e)(?!\.\d)", words_of(text)):
        digits = len(found.partition(".")[2])
        is_known = np.any(np.abs(np.abs(known) - float(found)) <= 0.5 * 10.0**-digits + 1.5e-5)
        # Numbers on axes are round.
        is_round = digits <= 3 and np.any(np.isclose(fractions, float(found) % 1))
        if not is_known and not is_round and found not in logloss.__version__:
            strange.append(found)
    assert strange == []


def test_sums_add_up_as_printed(page):
    text = words_of(page)
    sums = re.findall(r"cross-entropy (\d\.\d+) = (\d\.\d+) entropy \+ (\d\.\d+) KL", text)
    sums += re.findall(r"(\d\.\d+) = (\d\.\d+) entropy within the groups \+ (\d\.\d+) miscalibration", text)
    assert len(sums) >= 3
    for digits in sums:
        whole, own, apart = (int(each.replace(".", "")) for each in digits)
        assert whole == own + apart
    four = re.search(r"(\d\.\d+) uncertainty − (\d\.\d+) discrimination \+ (\d\.\d+) miscalibration = (\d\.\d+)", text)
    a, b, c, loss = (int(each.replace(".", "")) for each in four.groups())
    assert a - b + c == loss


def test_bars_are_as_long_as_their_numbers(figures, again):
    """Unit: the height of the whole picture that one nat, or probability 1, takes; measured on the largest bar."""
    for title, values in (
        ("The loss of each point, and the mean", again.losses),
        ("Probability of the observed class", again.of_observed),
    ):
        bars = [mark for mark in figures[title].svg.iter() if mark.get("class") in ("pos-bar", "neg-bar")]
        heights = np.array([float(bar.get("height")) for bar in bars])[-len(values) :]
        unit = heights.max() / values.max()
        assert heights == pytest.approx(values * unit, abs=2 * PIXEL)
    hanging = figures["Probability of the observed class"]
    heights = np.array([float(b["height"]) for b in hanging.marks("pos-bar") + hanging.marks("neg-bar")])
    assert len(heights) == 2 * len(again.x)


def test_shapes_distinguish_the_classes_without_colour(figures, again):
    shown = figures["The points"]
    assert len(shown.marks("pos")) == again.y.sum()
    assert all("r" in mark for mark in shown.marks("pos"))
    assert all("d" in mark for mark in shown.marks("neg"))


def frames(page, name):
    """Every frame of a slider: for each, (id, attribute) -> value."""
    moves = moves_of(page)[name]
    return [{(id_, attribute): values[k] for id_, attribute, values in moves} for k in range(len(moves[0][2]))]


def at_frame(figure, frame):
    """The attributes of a picture's marks at a frame."""
    found = []
    for mark in figure.svg.iter():
        moved = {name: value for (id_, name), value in frame.items() if id_ == mark.get("id")}
        found.append({**mark.attrib, **moved})
    return found


def test_areas_add_up_in_every_frame(page, figures, again):
    """The losses of both classes fill the column of entropy and KL: widths add up to the same, and so do areas."""
    blocks = figures["Loss by class, and as one column"]
    all_frames = frames(page, "forecast")
    assert len(all_frames) >= 80
    kl = []
    for frame in all_frames:
        marks = at_frame(blocks, frame)
        losses = [area(m) for m in marks if m.get("class") in ("pos-bar", "neg-bar")]
        own, apart = (
            area(next(m for m in marks if m.get("class") == "own")),
            [area(m) for m in marks if m.get("class") == "kl" and "width" in m and float(m["width"]) > 50],
        )
        # Each side of a rectangle is written to 0.01 pixel, and is at most 255 long.
        assert sum(losses) == pytest.approx(own + sum(apart), abs=4 * 255 * PIXEL)
        kl += apart
    assert len(kl) == len(all_frames)
    assert np.count_nonzero(np.array(kl) == 0) == 1


def area(mark):
    return float(mark["width"]) * float(mark["height"])


def test_kl_is_0_exactly_where_the_prediction_is_the_base_rate(page, again):
    message = next(one for one in moves_of(page)["forecast"] if one[0].startswith("forecast-text"))[2]
    found = []
    for sentence in message:
        p, q, whole, _, kl = map(float, re.findall(r"\d+(?:\.\d+)?", sentence))
        assert q == again.rate
        assert whole == pytest.approx(cross_entropy(q, p), abs=HALF)
        assert kl == pytest.approx(divergence(q, p), abs=HALF)
        found.append((p, kl))
    assert [p for p, kl in found if kl == 0] == [again.rate]


def test_a_frame_is_the_picture_that_stands_alone():
    """What moves is found by comparing pictures: putting a frame's values back gives that picture, to the letter."""
    from logloss.show.explanation import point_pictures

    lesson = ten_points_explained().lesson
    drawn = [point_pictures.trained(lesson, frame) for frame in lesson.frames]
    shown, moves = svg.animated([point_pictures.trained(lesson, frame) for frame in lesson.frames], "t", 2)
    assert len(moves) > 0
    for k, alone in enumerate(drawn):
        picture = str(shown)
        for id_, attribute, values in moves:
            before = re.search(rf'<[^>]*id="{id_}"[^>]*>[^<]*', picture)[0]
            tag, _, _ = before.partition(">")
            moved = re.sub(rf' {attribute}="[^"]*"', f' {attribute}="{values[k]}"', before)
            picture = picture.replace(before, moved if attribute else f"{tag}>{values[k]}")
        assert re.sub(r' id="t-\d+"', "", picture) == str(alone)


def test_the_page_needs_nothing_else(page):
    assert_page_is_closed(page)
    assert len(page) < 250_000
    assert len(script_of(page).partition("\n")[2].partition("\n")[2].splitlines()) < 40


def test_a_page_is_the_same_in_every_run(page):
    assert ten_points_explained().to_html() == page


HOSTILE = [
    "<script>alert(1)</script>",
    "</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egreen\x00\n",
    "é" * 10_000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name, page):
    table = {name: [1.0, 2.0, 3.0, 4.0], "y": [name, "b&'", name, "b&'"]}
    explained = logloss.explain(table, "y", feature=name, pos_label=name)
    written = explained.to_html()
    assert_page_is_closed(written)
    assert len(figures_of(written)) == len(figures_of(page))
    assert script_of(written).count("\n") == script_of(page).count("\n")
    assert "\u202e" not in written
    assert "\x00" not in written
    assert max(map(len, re.findall(r"\w+", words_of(re.sub(r"<script.*?</script>", "", written))))) < 200


def some_predictions():
    rng = np.random.default_rng(7)
    p = rng.beta(2, 2, 3000).round(3)
    return (rng.random(3000) < p**1.4).astype(int), p


def test_a_measurement_is_shown_as_groups_that_add_up_to_its_loss():
    y, p = some_predictions()
    measured = logloss.measure(y, p)
    explained = logloss.explain(measured)
    found = figures_of(explained.to_html())
    table = found["The decomposition as areas"]
    masses, losses = (np.array(table.column(name)) for name in ("share of all rows", "mean loss"))
    # Each product is off by half a unit of either factor's last digit.
    assert masses @ losses == pytest.approx(measured.log_loss, abs=len(masses) * HALF * 2)
    recalibrated = IsotonicRegression().fit_transform(p, y)
    assert len(masses) == len(np.unique(recalibrated))
    assert table.column("observed frequency") == pytest.approx(np.unique(recalibrated), abs=HALF)
    assert explained.to_dict()["log_loss_recalibrated_nats"] == pytest.approx(entropy(recalibrated).mean(), rel=1e-12)
    blocks = [mark for mark in table.svg.iter() if mark.get("class") in ("own", "kl") and mark.tag.endswith("rect")]
    picture = sum(area(mark.attrib) for mark in blocks)
    plain = sum(area(mark.attrib) for mark in blocks if mark.get("class") == "own")
    share = entropy(recalibrated).mean() / measured.log_loss
    assert plain / picture == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "proba"),
    [
        ([1, 0, 1, 0], [0.0, 0.4, 0.9, 0.2]),
        ([1, 1], [0.5, 0.9]),
        ([0, 0], [0.5, 0.9]),
        ([1], [0.5]),
        ([1, 0.5, 0.25], [0.5, 0.3, 0.4]),
        ([1, 0], [1.0, 0.0]),
        (([1] + [0] * 999) * 2, [0.01] * 2000),
    ],
)
def test_measurements_at_the_edge_have_a_page(labels, proba):
    measured = logloss.measure(labels, proba)
    explained = logloss.explain(measured)
    page = explained.to_html()
    assert_page_is_closed(page)
    assert "nan" not in words_of(re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)).split()
    assert f"{measured.log_loss:.4f}".replace("inf", "inf nats") in words_of(page)
    json.dumps(explained.to_dict(), allow_nan=False)


def test_points_that_a_cut_separates_are_named():
    text = words_of(logloss.explain([1, 2, 3, 4], [0, 0, 1, 1]).to_html())
    assert "One cut between 2 and 3 separates the two classes perfectly." in text


def test_a_curve_may_fall():
    found = figures_of(logloss.explain([1, 2, 3, 4, 5], [1, 1, 0, 1, 0]).to_html())
    assert "Further to the left, more of them are positive." in found["The points"].sentence
    p = found["The curve"].column("predicted probability of positive")
    assert p == sorted(p, reverse=True)


def test_a_model_of_one_column_is_shown_as_it_is():
    x, y = [0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1]
    model = logloss.fit(x, y)
    explained = logloss.explain(x, y, model=model)
    assert explained.to_dict()["curve_slope"] == model.coefficients["x"]
    assert explained.to_dict()["curve_intercept"] == model.intercept
    line = logloss.measure(y, model.predict_proba(x)).to_dict()["intercept"]
    assert explained.to_dict()["intercept"] == pytest.approx(line, rel=1e-9)
    shown = figures_of(explained.to_html())["The curve"].column("predicted probability of positive")
    assert shown == pytest.approx(model.predict_proba(x), abs=HALF)


def test_a_table_gives_the_page_of_its_arrays(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("place,colour\n1,red\n2,green\n3,red\n4,green\n")
    explained = logloss.explain(str(path), "colour", feature="place", pos_label="green")
    arrays = logloss.explain([1, 2, 3, 4], [0, 1, 0, 1])
    assert explained.to_dict()["log_loss_nats"] == arrays.to_dict()["log_loss_nats"]
    assert repr(explained).startswith("Four points of points.csv, base rate 0.5000 (green).")
    assert "two green and two red" in words_of(explained.to_html())
    assert explained.to_html(tmp_path / "page.html") == (tmp_path / "page.html").read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_refused_with_the_way_out():
    with pytest.raises(logloss.DataError, match=r"at most 200 points.*there are 201.*explain the measurement"):
        logloss.explain(np.arange(201.0), np.arange(201) % 2)
    with pytest.raises(logloss.DataError, match=r'name the column of numbers that is shown: feature="…"'):
        logloss.explain({"x": [1, 2], "y": [0, 1]}, "y")
    with pytest.raises(logloss.DataError, match='"x" must hold numbers, the places of points on a line'):
        logloss.explain({"x": ["a", "b"], "y": [0, 1]}, "y", feature="x")
    with pytest.raises(logloss.DataError, match="labels must be 0 or 1 to be shown as points"):
        logloss.explain([1.0, 2.0], [0.5, 1.0])
    with pytest.raises(logloss.DataError, match="labels are needed"):
        logloss.explain([1.0, 2.0])
    with pytest.raises(logloss.DataError, match="both classes must occur"):
        logloss.explain([1.0, 2.0], [1, 1])
    with pytest.raises(logloss.DataError, match="a measurement needs nothing else"):
        logloss.explain(logloss.measure([1, 0], [0.5, 0.5]), [1, 0])
    with pytest.raises(logloss.DataError, match=r'one cut of "x" separates the classes perfectly.*Pass l2= above 0'):
        logloss.explain([1.0, 2.0], [0, 1], l2=0.0)
    model = logloss.fit(np.eye(4)[:, :2], [0, 1, 0, 1], l2=1.0)
    with pytest.raises(logloss.DataError, match="`model` must have one coefficient, and finite ones; it has 2"):
        logloss.explain([1.0, 2.0], [0, 1], model=model)


def test_ticks_are_round_and_written_apart():
    assert svg.ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert svg.tick_texts([0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert svg.tick_texts([-2.0, 0.0, 2.0]) == ["−2", "0", "2"]


def test_an_explanation_is_an_answer_with_a_page_and_no_file():
    explanation = logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    assert isinstance(explanation, Answer)
    shown = explanation._repr_html_()
    assert '<td style="text-align:left">fitted curve, leave-one-out</td>' in shown
    assert "<script" not in shown
    with pytest.raises(DataError, match=r'no single figure: explanation\.to_html\("page\.html"\) writes all'):
        explanation.plot()
    with pytest.raises(DataError, match=r'kept as its page: .*explanation\.lesson\.measured\.save\("measurement'):
        explanation.save("a")
