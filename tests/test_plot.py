"""Pictures, by the numbers they draw, and by what they leave of the session."""

import io
import math
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import scipy.sparse
from matplotlib import pyplot
from matplotlib.figure import Figure
from scipy.stats import beta
from sklearn.isotonic import IsotonicRegression

import logloss
from logloss.errors import DataError
from logloss.inference import reliability
from logloss.show import page
from logloss.show.drawings import ROOMS, kinds
from logloss.show.plot import FORMATS, figure_of, inline_svg, save, style


@pytest.fixture(autouse=True)
def _figures_closed():
    pyplot.close("all")
    yield
    pyplot.close("all")


# One rounding of a share or a mean of order one, many times over.
ROUNDING = 1e-12


def forecasts(n_rows, seed=0, bend=1.0):
    """Predictions and labels; calibrated where bend is 1."""
    rng = np.random.default_rng(seed)
    proba = rng.random(n_rows)
    return (rng.random(n_rows) < proba**bend).astype(int), proba


@pytest.fixture(scope="module")
def measured():
    labels, proba = forecasts(2_000, bend=1.4)
    return logloss.measure(labels, proba, by=np.arange(2_000) % 5)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2)) * [1.0, 10.0]
    labels = (rng.random(400) < 1 / (1 + np.exp(-x @ [1.0, 0.1]))).astype(int)
    return logloss.fit(x, labels)


def lines_of(ax):
    """What each line of a picture runs through, by its label."""
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_the_curve_is_the_isotonic_regression():
    labels, proba = forecasts(500, seed=1)
    weights = np.random.default_rng(2).integers(1, 4, 500).astype(float)
    pools = reliability.isotonic_curve(logloss.measure(labels, proba, sample_weight=weights))
    fitted = IsotonicRegression().fit(proba, labels, sample_weight=weights)
    for end in ("lowest", "highest"):
        assert pools["rate"] == pytest.approx(fitted.predict(pools[end]), abs=ROUNDING)
    assert sum(pools["share"]) == pytest.approx(1, abs=ROUNDING)


def test_the_line_drawn_is_the_curve(measured):
    drawn = lines_of(measured.plot("reliability"))["isotonic curve"]
    pools = logloss.drawing(measured, "reliability").table("pools")
    ends = [(end, pool["rate"]) for pool in pools for end in (pool["lowest"], pool["highest"])]
    assert drawn.tolist() == [list(end) for end in ends]


def test_a_calibrated_forecaster_stays_in_its_band():
    """At each prediction 5 in 100 leave it; the mean over 40 of them is within 3 standard errors of about 0.01."""
    left = []
    for seed in range(40):
        labels, proba = forecasts(400, seed=seed)
        left.append(logloss.drawing(logloss.measure(labels, proba), "reliability").figures["outside"])
    assert 0.02 < np.mean(left) < 0.08


def test_a_bent_forecaster_leaves_the_band(measured):
    assert logloss.drawing(measured, "reliability").figures["outside"] > 0.5


def held(band, proba, truth):
    """Whether the band holds the truth at each of some predictions."""
    first, last = np.array(band["first"]), np.array(band["last"])
    lowest = np.concatenate([[0.0], band["low_from_last_on"]])[np.searchsorted(last, proba, side="right")]
    highest = np.concatenate([band["high_up_to_first"], [1.0]])[np.searchsorted(first, proba, side="left")]
    return bool(((lowest <= truth) & (truth <= highest)).all())


def test_the_confidence_band_holds_the_whole_true_curve():
    """Promised 95 of 100; a shared level is cautious, so that of 100 data sets hardly one is missed."""
    n_held = 0
    for seed in range(100):
        labels, proba = forecasts(300, seed=seed, bend=1.4)
        n_held += held(reliability.confidence_band(logloss.measure(labels, proba)), proba, proba**1.4)
    assert n_held >= 95


def test_the_confidence_band_is_that_of_all_runs():
    labels, proba = [0, 1, 0, 0, 1, 1, 1], [0.1, 0.1, 0.3, 0.5, 0.5, 0.8, 0.9]
    band = reliability.confidence_band(logloss.measure(labels, proba))
    cells = [(2, 1), (1, 0), (2, 1), (1, 1), (1, 1)]
    level = 0.05 / (len(cells) * (len(cells) + 1))
    low, high = [0.0] * len(cells), [1.0] * len(cells)
    for start in range(len(cells)):
        for stop in range(start, len(cells)):
            n, k = (sum(cell[j] for cell in cells[start : stop + 1]) for j in (0, 1))
            least = beta.ppf(level, k, n - k + 1) if k else 0.0
            most = beta.ppf(1 - level, k + 1, n - k) if k < n else 1.0
            low = [max(value, least) if j >= stop else value for j, value in enumerate(low)]
            high = [min(value, most) if j <= start else value for j, value in enumerate(high)]
    assert band["first"] == band["last"] == [0.1, 0.3, 0.5, 0.8, 0.9]
    assert band["low_from_last_on"] == pytest.approx(low, abs=ROUNDING)
    assert band["high_up_to_first"] == pytest.approx(high, abs=ROUNDING)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"cluster": np.arange(200) % 7}, "rows of a cluster depend on each other"), ({}, "soft labels")],
)
def test_no_band_is_drawn_where_none_holds(options, reason):
    labels, proba = forecasts(200)
    drawing = logloss.drawing(logloss.measure(labels if options else labels * 0.9, proba, **options), "reliability")
    assert set(drawing.tables) == {"pools", "predicted"}
    assert drawing.sentence.endswith(f"Bands are not available: {reason}.")


def test_the_strip_holds_all_rows(measured):
    message = logloss.drawing(measured, "reliability").table("predicted")
    assert sum(message["share_of_ones"]) == pytest.approx(measured.base_rate, abs=ROUNDING)
    assert sum(message["share_of_zeros"]) == pytest.approx(1 - measured.base_rate, abs=ROUNDING)


def test_rare_events_are_drawn_in_log_odds():
    rng = np.random.default_rng(4)
    proba = 1 / (1 + np.exp(-rng.normal(-6, 1, 5_000)))
    m = logloss.measure((rng.random(5_000) < proba).astype(int), proba)
    ax = m.plot("reliability")
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["0.0001", "0.001", "0.01", "0.1"]
    assert ax.get_xticks().tolist() == pytest.approx([math.log(p / (1 - p)) for p in map(float, names)])


def test_the_parts_go_from_the_base_rate_to_the_loss(measured):
    rows = list(logloss.drawing(measured, "decomposition").table("levels"))
    assert [row["to_nats"] for row in rows[:-1]] == pytest.approx(
        [row["from_nats"] for row in rows[1:-1]] + [rows[3]["to_nats"]]
    )
    assert rows[-1]["to_nats"] == measured.log_loss
    bars = measured.plot("decomposition").patches
    known = float(measured.uncertainty - measured.discrimination)
    assert [bar.get_x() for bar in bars] == pytest.approx([measured.uncertainty, known])
    assert [bar.get_width() for bar in bars] == pytest.approx([-measured.discrimination, measured.miscalibration])


def test_an_infinite_loss_is_drawn_as_an_arrow():
    ax = logloss.measure([1, 0, 1, 0], [0.0, 0.4, 0.8, 0.2]).plot("decomposition")
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("inf") == 2
    assert [line.get_marker() for line in ax.lines].count(">") == 2


def test_loss_concentration_is_that_of_sorted_losses():
    labels, proba = forecasts(1_000, seed=5)
    m = logloss.measure(labels, proba)
    costs = np.sort(logloss.surprisal(labels, proba))[::-1]
    concentration = reliability.loss_concentration(m)
    wanted = [costs[: round(1_000 * share)].sum() / costs.sum() for share in concentration["share_of_rows"]]
    assert concentration["share_of_loss"] == pytest.approx(wanted, abs=ROUNDING)
    shares = dict(zip(concentration["share_of_rows"], concentration["share_of_loss"], strict=True))
    assert (shares[0.01], shares[0.1]) == (m.loss_share_of_top_1_percent, m.loss_share_of_top_10_percent)


@pytest.mark.parametrize(
    ("labels", "proba", "reason"),
    [
        ([1, 0], [0.0, 0.5], "1 row has an infinite loss"),
        ([0.5, 1.0], [0.4, 0.5], "not known of soft labels"),
        ([1, 0], [1.0, 0.0], "the log loss is 0"),
        ([1], [0.4], "there is one row"),
    ],
)
def test_a_concentration_that_is_not_defined_is_refused_with_the_reason(labels, proba, reason):
    m = logloss.measure(labels, proba)
    assert logloss.drawing(m, "concentration").sentence == f"Not available: {reason}."
    curves = "" if sum(labels) == len(labels) else "roc, precision_recall, "
    available = f"reliability, decomposition, decision, {curves}thresholds"
    message = f'^the picture "concentration" cannot be drawn: {reason}. Available: {available}.$'
    with pytest.raises(DataError, match=message):
        m.plot("concentration")


def test_groups_are_drawn_with_their_intervals(measured):
    table = logloss.drawing(measured, "groups").table("groups")
    assert table["contribution_nats"] == sorted(measured.groups["contribution_nats"], reverse=True)
    points = measured.plot("groups").lines[-2].get_xydata()
    assert points[:, 0].tolist() == table["contribution_nats"]
    assert all(row["contribution_nats_low"] < row["contribution_nats"] < row["contribution_nats_high"] for row in table)


def test_of_many_groups_those_of_largest_contribution_are_drawn():
    labels, proba = forecasts(9_000)
    m = logloss.measure(labels, proba, by=np.arange(9_000) % 900)
    drawing = logloss.drawing(m, "groups")
    assert len(drawing.table("groups")) == 24
    assert "Shown are the 24 of 900 groups" in drawing.sentence
    assert len(drawing.numbers) == 201


def test_coefficients_are_drawn_as_odds_ratios(model):
    table = logloss.drawing(model, "coefficients").table("coefficients")
    own = [model.coefficients[name] for name in table["name"]]
    assert table["coefficient"] == own
    reach = [model.errors.margin(name) for name in table["name"]]
    assert table["low"] == pytest.approx([value - width for value, width in zip(own, reach, strict=True)])
    ax = model.plot("coefficients")
    assert ax.lines[-2].get_xdata().tolist() == pytest.approx(np.exp(own).tolist())
    assert "1" in [label.get_text() for label in ax.get_xticklabels()]


def test_levels_of_a_column_are_drawn_together_with_their_reference():
    rng = np.random.default_rng(5)
    columns = {
        "one": rng.choice(["a", "b", "c"], 600),
        "size": rng.normal(size=600),
        "two": rng.choice(["x", "y"], 600),
    }
    odds = (columns["one"] == "b") - 2.0 * (columns["one"] == "c") + columns["size"] + 0.5 * (columns["two"] == "y")
    columns["label"] = (rng.random(600) < 1 / (1 + np.exp(-odds))).astype(int)
    model = logloss.fit(columns, "label")
    drawing = logloss.drawing(model, "coefficients")
    rows = list(drawing.table("coefficients"))
    # Columns of one coefficient first; a category of three levels below its name, by coefficient.
    assert [row["name"] for row in rows] == ["size", "two: y (vs x)", "one", "b", "a", "c"]
    assert [row["name"] for row in rows if row["is_heading"]] == ["one"]
    references = [row for row in rows if row["is_reference"]]
    assert [(row["name"], row["coefficient"]) for row in references] == [("a", 0.0)]
    assert [row[0] for row in drawing.numbers] == ["", "size", "two: y (vs x)", "one", "  b", "  a (reference)", "  c"]
    ax = model.plot("coefficients")
    hollow = [line for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() != style.BLUE]
    assert [line.get_xydata().tolist() for line in hollow] == [[[1, rows.index(row)]] for row in references]


def test_passes_are_drawn_with_their_bound(model):
    drawn = lines_of(model.plot("passes"))
    above = drawn["above the last log loss"]
    # Differences of losses of order one: what is left of them near the end is rounding.
    wanted = np.array([each.log_loss - model.passes[-1].log_loss for each in model.passes])
    assert above[:4, 1].tolist() == pytest.approx(wanted[:4].tolist(), abs=1e-15)
    assert np.isnan(above[wanted <= 0, 1]).all()
    bounds = drawn["certified bound"][:, 1]
    for value, each in zip(bounds, model.passes, strict=True):
        assert value == max(each.bound, 1e-17) if math.isfinite(each.bound) else math.isnan(value)


def test_a_line_of_the_boundary_is_one_of_equal_probability(model):
    lines = logloss.drawing(model, "boundary").table("lines")
    assert 0.5 in lines["proba"]
    for x, y in (("x_from", "y_from"), ("x_to", "y_to")):
        ends = np.column_stack([lines[x], lines[y]])
        assert model.predict_proba(ends).tolist() == pytest.approx(lines["proba"], abs=1e-9)


def test_the_boundary_runs_over_the_values_of_training_and_a_file_keeps_them(tmp_path):
    model = logloss.fit([0.0, 1.0, 2.0, 9.0], [0, 1, 0, 1], l2=1.0)
    model.save(tmp_path / "model.json")
    for each in (model, logloss.load(tmp_path / "model.json")):
        found = logloss.drawing(each, "boundary").table("curve")
        assert (found["x"][0], found["x"][-1]) == (0.0, 9.0)
        assert found["proba"] == pytest.approx(each.predict_proba(found["x"]).tolist(), abs=ROUNDING)


@pytest.mark.parametrize("method", ["temperature", "beta", "isotonic", "identity"])
def test_a_map_is_drawn_as_what_it_makes_of_probabilities(measured, method):
    c = logloss.calibrate(measured, method=method)
    table = logloss.drawing(c, "map").table("map")
    assert table["recalibrated"] == pytest.approx([c.apply(p) for p in table["predicted"]], abs=ROUNDING)
    assert c.plot("map").lines[1].get_xydata().tolist() == [
        list(each) for each in zip(*table.to_dict().values(), strict=True)
    ]


def test_a_map_of_rare_events_is_drawn_in_log_odds():
    rng = np.random.default_rng(6)
    proba = 1 / (1 + np.exp(-rng.normal(-6, 0.8, 20_000)))
    c = logloss.calibrate((rng.random(20_000) < 2 * proba).astype(int), proba, method="isotonic")
    assert logloss.drawing(c, "map").figures["is_logit"]
    assert [label.get_text() for label in c.plot("map").get_xticklabels()] == ["0.001", "0.01", "0.1"]


def test_the_expected_reduction_is_drawn_with_one_standard_error(measured):
    c = logloss.calibrate(measured)
    rows = list(logloss.drawing(c, "reduction").table("candidates"))
    assert [row["expected_reduction_nats"] for row in rows] == pytest.approx(
        c.candidates["expected_reduction_nats"], nan_ok=True
    )
    dots = [line for line in c.plot("reduction").lines if line.get_marker() == "o"]
    filled = [line.get_ydata()[0] for line in dots if line.get_markerfacecolor() == style.BLUE]
    assert [rows[int(number)]["method"] for number in filled] == list(c.shares)


@pytest.fixture(scope="module")
def compared():
    labels, proba = forecasts(3_000, seed=8)
    forecasters = {"right": proba, "half": np.full(3_000, 0.5), "shy": 0.45 + proba / 10}
    order, by = np.arange(3_000) // 10, np.arange(3_000) % 3
    return logloss.compare(labels, forecasters, order=order, by=by)


def test_the_ranking_is_drawn_as_the_difference_of_each_to_the_best(compared):
    rows = logloss.drawing(compared, "ranking").table("ranking")
    assert rows["forecast"] == list(compared.ranking["forecast"]) == ["right", "shy", "half"]
    ax = compared.plot("ranking")
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert dots.get_xdata().tolist() == compared.ranking["delta_to_best_nats"]
    assert [text.get_text() for text in ax.texts if text.get_text() != "log loss"] == [
        f"{loss:.4f}" for loss in compared.ranking["log_loss_nats"]
    ]


def test_the_difference_is_drawn_with_its_sequence(compared):
    sequential = compared.pair.sequential
    drawing = logloss.drawing(compared, "delta")
    drawn = lines_of(compared.plot("delta"))
    delta = drawn["Δ log loss so far"]
    assert delta[-1].tolist() == [300, sequential.table["delta_nats"][-1]]
    clear = sequential.table["period"].index(sequential.first_excluded) + 1
    assert drawn["first excluded 0"][:, 0].tolist() == [clear, clear]
    assert len(drawing.table("sequential")) == 300
    assert len(drawing.numbers) <= 62
    later = [row for row in drawing.table("sequential") if row["number"] > 30]
    low, high = drawing.figures["view_low"], drawing.figures["view_high"]
    assert all(low <= row["low"] <= row["high"] <= high for row in later)


def test_the_difference_in_groups_is_drawn(compared):
    rows = logloss.drawing(compared, "groups").table("groups")
    own = {str(row["by"]): row["delta_nats"] for row in compared.pair.groups}
    assert dict(zip(rows["group"], rows["delta_nats"], strict=True)) == own


def test_without_an_order_there_is_no_sequence_to_draw():
    c = logloss.compare([1, 0] * 20, {"a": [0.5] * 40, "b": [0.6, 0.5] * 20})
    assert kinds(c) == ["ranking"]
    message = r'^the picture "delta" cannot be drawn: it needs the order of the rows \(order=\). Available: ranking.$'
    with pytest.raises(DataError, match=message):
        c.plot("delta")


def test_an_infinite_difference_is_an_arrow():
    ax = logloss.compare([1, 0] * 20, {"a": [0.5] * 40, "b": [0.0, 0.5] * 20}).plot("ranking")
    assert "→" in [text.get_text() for text in ax.texts]


def test_the_waterfall_goes_from_the_old_loss_to_the_new():
    old, new = (logloss.measure(*forecasts(800, seed=seed, bend=bend)) for seed, bend in ((1, 1.0), (2, 1.6)))
    d = logloss.diff(old, new)
    rows = list(logloss.drawing(d).table("levels"))
    assert rows[0]["to_nats"] == old.log_loss
    assert rows[-1]["to_nats"] == new.log_loss
    assert rows[3]["to_nats"] == pytest.approx(new.log_loss, abs=ROUNDING)
    moves = [d.uncertainty, -d.discrimination, d.miscalibration]
    bars = d.plot().patches
    assert [bar.get_width() for bar in bars] == pytest.approx(moves)
    ends = [(row["low_end_nats"] - row["from_nats"], row["high_end_nats"] - row["from_nats"]) for row in rows[1:4]]
    assert ends[1] == pytest.approx((-d.discrimination.high, -d.discrimination.low))


def test_an_infinite_change_is_refused():
    d = logloss.diff(logloss.measure([1, 0], [0.5, 0.5]), logloss.measure([1, 0], [0.0, 0.5]))
    assert logloss.drawing(d).reason == "the change in log loss is infinite (rows with probability 0)"
    with pytest.raises(
        DataError, match=r"^the picture \"waterfall\" cannot be drawn: .* \(rows with probability 0\)\.$"
    ):
        d.plot()


def test_a_picture_that_does_not_exist_is_refused_with_those_that_do(measured):
    curves = "decision, roc, precision_recall, thresholds"
    message = (
        rf'a Measurement has no picture "pie"\. It has: reliability, decomposition, concentration, {curves}, groups\.'
    )
    with pytest.raises(DataError, match=message):
        measured.plot("pie")


def test_only_answers_have_pictures():
    with pytest.raises(DataError, match=r"pictures are of answers .*; got a list"):
        logloss.drawing([1, 0])


def test_numbers_of_a_drawing_are_json(measured):
    import json

    for kind in kinds(measured):
        found = json.loads(json.dumps(logloss.drawing(measured, kind).to_dict(), allow_nan=False))
        assert found["kind"] == kind


def test_a_picture_may_stand_on_axes_of_others_and_leaves_the_session_as_it_was(measured):
    before = dict(matplotlib.rcParams)
    ax = Figure().add_subplot()
    assert measured.plot("decomposition", ax=ax) is ax
    assert dict(matplotlib.rcParams) == before


def test_a_figure_is_pyplots_current_one_and_one_column_wide(measured):
    ax = measured.plot()
    assert pyplot.get_fignums() == [1]
    assert pyplot.gca() is ax
    assert ax.figure.get_figwidth() * 25.4 == pytest.approx(89)
    pyplot.title("mine")
    assert ax.get_title() == "mine"
    assert measured.plot("decomposition", ax=ax) is ax
    assert pyplot.get_fignums() == [1]


def test_a_backend_that_starts_with_the_first_figure_may_make_the_session_interactive(measured, monkeypatch):
    """That of notebooks does, and shows no figure of a session that is not."""

    def starting(*, original=pyplot.figure, **options):
        matplotlib.interactive(True)
        return original(**options)

    monkeypatch.setattr(pyplot, "figure", starting)
    monkeypatch.setitem(matplotlib.rcParams, "interactive", False)
    measured.plot("decomposition")
    assert matplotlib.is_interactive()


def test_pages_and_files_leave_no_figure_open_and_need_no_pyplot():
    code = """
import sys, tempfile, os
import logloss
from logloss.show.plot import save
m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
m.to_html()
save(m, os.path.join(tempfile.mkdtemp(), "figure.png"))
print("matplotlib.pyplot" in sys.modules, "matplotlib.figure" in sys.modules)
from matplotlib import pyplot
print(pyplot.get_fignums())
"""
    assert run_python(code) == "False True\n[]"


def test_matplotlib_is_imported_only_when_something_is_drawn(tmp_path):
    (tmp_path / "p.csv").write_text("y,p\n1,0.8\n0,0.4\n1,0.6\n")
    code = f"""
import sys
import logloss
from logloss import cli
m = logloss.measure([1, 0, 1], [0.8, 0.4, 0.6])
repr(m), m._repr_html_(), logloss.drawing(m, "reliability")
for words in (["--help"], ["measure", {str(tmp_path / "p.csv")!r}, "-y", "y", "-p", "p", "--quiet"]):
    sys.argv = ["logloss", *words]
    try:
        cli.main()
    except SystemExit as left:
        assert not left.code, left.code
print("matplotlib" in sys.modules)
"""
    assert run_python(code).splitlines()[-1] == "False"


def run_python(code):
    """What a new Python prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("look", ["default", "dark_background", "ggplot"])
def test_axes_that_are_given_keep_their_frame_and_colours(measured, model, compared, look):
    with pyplot.style.context(look):
        figure, axes = pyplot.subplots(5, 3)
        sides = {name: side.get_visible() for name, side in axes.flat[0].spines.items()}
        drawn = [(answer, kind) for answer in (measured, model, compared) for kind in kinds(answer)]
        for ax, (answer, kind) in zip(axes.flat, drawn, strict=False):
            answer.plot(kind, ax=ax)
            assert {name: side.get_visible() for name, side in ax.spines.items()} == sides, kind
            labels = {text.get_color() for text in (ax.xaxis.label, ax.yaxis.label)}
            assert labels == {matplotlib.rcParams["axes.labelcolor"]}
            own = {text.get_color() for text in ax.texts} - {style.BLUE, style.ORANGE}
            assert own <= {matplotlib.rcParams["text.color"]}, kind
        figure.canvas.draw()


def test_a_figure_of_its_own_looks_the_same_in_every_session(measured, tmp_path):
    save(measured, tmp_path / "plain.png", "concentration")
    with pyplot.style.context("dark_background"):
        save(measured, tmp_path / "dark.png", "concentration")
        measured.plot("concentration").figure.savefig(tmp_path / "pyplot.png", dpi=300, facecolor="auto")
        assert matplotlib.rcParams["axes.facecolor"] == "black"
    plain, dark, own = (pyplot.imread(tmp_path / f"{name}.png") for name in ("plain", "dark", "pyplot"))
    assert (plain == dark).all()
    assert (plain == own).all()


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_the_same_answer_makes_the_same_file(measured, form, tmp_path):
    for number in (1, 2):
        save(measured, tmp_path / f"{number}.{form}", "decomposition")
    first, second = ((tmp_path / f"{number}.{form}").read_bytes() for number in (1, 2))
    assert first == second
    assert len(first) > 1_000


def test_a_picture_is_small_and_its_colours_are_the_pages(measured, model, compared):
    for answer in (measured, model, compared, logloss.calibrate(measured)):
        for kind in kinds(answer):
            svg = inline_svg(figure_of(answer, kind))
            assert svg.startswith("<svg viewBox=")
            assert len(svg) < 22_000
            assert "style=" not in svg
            assert "<script" not in svg
            assert "currentColor" in svg
            bare = svg.replace("var(--paper, #ffffff)", "")
            for name, colour in style.VARIABLES.items():
                bare = bare.replace(f"var(--{name}, {colour})", "")
            assert "#" not in bare.replace("url(#", "").replace('href="#', "")


def test_pictures_and_pages_have_the_same_colours():
    light = page.style_sheet().split("@media")[0]
    for name, colour in style.VARIABLES.items():
        assert f"--{name}: {colour};" in light
    assert f"--ink: {style.INK};" in light


def luminance(colour):
    """The relative luminance of a colour (WCAG 2.2)."""
    channels = [int(colour[j : j + 2], 16) / 255 for j in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("number", [0, 1])
def test_colours_stand_out_from_the_paper(number):
    """3:1 for lines and marks, 4.5:1 for words, in the light and in the dark (WCAG 2.2, 1.4.3 and 1.4.11)."""
    import re

    rules = page.style_sheet().split("@media (prefers-color-scheme: dark)")[number]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", rules))

    def contrast(name):
        pair = sorted([luminance(colours[name]), luminance(colours["paper"])])
        return (pair[1] + 0.05) / (pair[0] + 0.05)

    assert min(contrast(name) for name in ("blue", "orange", "green", "red")) >= 3
    assert min(contrast(name) for name in ("ink", "muted")) >= 4.5


def test_names_from_data_are_only_ever_text():
    names = ["$\\frac{1}{", "$a_1$", "</text><script>", "日本語", "\u202eevil", "a\nb", "x" * 10_000, "", "null"]
    labels, proba = forecasts(800)
    m = logloss.measure(labels, proba, by=np.array(names, dtype=object)[np.arange(800) % len(names)])
    svg = inline_svg(figure_of(m, "groups"))
    assert "<script" not in svg
    assert "&lt;/text&gt;&lt;script&gt;" in svg
    assert "$a_1$" in svg
    assert "\u202e" not in svg
    assert "x" * style.LETTERS not in svg
    assert "DejaVu" not in svg


@pytest.mark.parametrize(("form", "beginning"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture_of_every_answer_can_be_drawn_in_every_format(measured, model, compared, form, beginning):
    moved = logloss.diff(measured, logloss.measure(*forecasts(900, seed=4), name="later"))
    planned = logloss.plan(std=0.1, difference=0.01, n_rows=500)
    x = np.arange(200) % 10
    added = logloss.fit({"x": x, "y": (x > 4) ^ (np.arange(200) % 7 == 0)}, "y", shapes="auto", leave_one_out=False)
    wide = logloss.fit(scipy.sparse.csr_array(np.eye(10)[x]), x > 4, l2=1.0)
    calibrated = logloss.calibrate(*forecasts(900, seed=4), by=np.arange(900) % 3)
    found = logloss.segments({"x": x, "y": x > 4, "p": 0.2 + 0.03 * x}, y_true="y", y_proba="p")
    run = logloss.watch([logloss.measure(*forecasts(300, seed=k)) for k in range(12)], alpha=0.999)
    answers = (measured, model, added, wide, compared, calibrated, moved, run, planned, found)
    assert form in FORMATS
    assert {answer.kind for answer in answers} == set(ROOMS)
    for answer in answers:
        for kind in kinds(answer):
            buffer = io.BytesIO()
            figure_of(answer, kind).savefig(buffer, format=form)
            assert buffer.getvalue().startswith(beginning), kind


def test_a_reason_in_the_legend_leaves_room_for_the_axes():
    """What is wider than its figure makes the axes small where the figure is saved."""
    y, p = np.array([1, 0, 1, 0, 1] * 40), np.array([0.8, 0.3, 0.6, 0.4, 0.7] * 40)
    measured = logloss.measure(y, p, cluster=np.arange(200) % 40)
    ax = measured.plot("reliability")
    ax.figure.canvas.draw()
    assert ax.get_tightbbox().width <= ax.figure.bbox.width
    assert ax.get_window_extent().width > 0.7 * ax.figure.bbox.width
    figure, axes = pyplot.subplots(2, 3, figsize=(8, 5), layout="constrained")
    for each in axes.flat:
        measured.plot("reliability", ax=each)
    figure.canvas.draw()
    # They are as wide as high: half of a row of 250 pixels is left by the labels and the legend.
    assert min(each.get_window_extent().width for each in axes.flat) > 80


def test_odds_ratios_beyond_all_numbers_are_drawn():
    random = np.random.default_rng(0)
    x = 1e-5 * random.normal(size=40)
    y = (random.random(40) < 1 / (1 + np.exp(-1e5 * x))).astype(int)
    model = logloss.fit({"x": x, "z": random.normal(size=40), "u": 1e-5 * random.normal(size=40)}, y)
    assert model.coefficients["x"] > 1e4
    low, high = model.plot("coefficients").get_xlim()
    assert 0 < low < 1e-100
    assert 1e100 < high < math.inf


def test_a_boundary_over_a_constant_column_is_not_drawn():
    random = np.random.default_rng(0)
    model = logloss.fit({"x": random.normal(size=40), "one": np.ones(40)}, random.integers(0, 2, 40))
    assert '"one" is constant' in logloss.drawing(model, "boundary").sentence
    model.to_html()
