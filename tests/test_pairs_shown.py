"""What one sees and keeps of pairs: text, pictures by what is drawn, pages, files, the shell, scikit-learn."""

from __future__ import annotations

import json
import math
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.patches import PathPatch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_additive_model import changed
from test_cli import run  # noqa: F401
from test_report import HOSTILE, read

import logloss
from logloss import AdditiveClassifier, DataError
from logloss.data.pairs import MOST_LEVELS as MOST_PLACES
from logloss.estimators import export
from logloss.files import document
from logloss.show.drawings import kinds, of_pair
from logloss.show.plot import figure_of, inline_svg
from logloss.show.plot.of_pair import opacities
from logloss.show.plot.style import BLUE, ORANGE
from logloss.show.report import of_additive as report
from logloss.show.words import of_additive as words

# Sums of a few dozen products of order one.
SAME = 1e-12
N_ROWS, N_CITIES = 4_000, 20
PAIRS = [("age", "hours"), ("city", "age"), ("team", "city")]


@pytest.fixture(autouse=True)
def _figures_closed():
    pyplot.close("all")
    yield
    pyplot.close("all")


def rows(n_rows=N_ROWS, n_cities=N_CITIES, seed=0):
    """Two numbers that work together, one of which is missing now and then; cities of which a few differ by age; teams,
    one of which never is in the last city."""
    random = np.random.default_rng(seed)
    age, hours = random.integers(18, 80, n_rows).astype(float), random.gamma(8.0, 5.0, n_rows)
    city, team = random.integers(0, n_cities, n_rows), random.integers(0, 4, n_rows)
    team[(team == 3) & (city == n_cities - 1)] = 2
    logits = (age - 49) * (hours - 40) / 250 + np.where(city % 7 == 0, (age - 49) / 12, 0.0) + ((team + city) % 3 == 0)
    frame = pd.DataFrame({"age": age, "hours": hours, "city": [f"city {each:02d}" for each in city]})
    frame["team"] = np.array(["ash", "elm", "fir", "oak"], dtype=object)[team]
    frame["y"] = (random.random(n_rows) < 1 / (1 + np.exp(0.5 - logits))).astype(int)
    frame.loc[random.random(n_rows) < 0.1, "age"] = np.nan
    frame.loc[random.random(n_rows) < 0.1, "team"] = None
    return frame


@pytest.fixture(scope="module")
def table():
    return rows()


@pytest.fixture(scope="module")
def model(table):
    return logloss.fit(table, "y", shapes="auto", pairs=PAIRS, missing="indicator", leave_one_out=False)


# --- text -------------------------------------------------------------------------------------------------------------


def test_pairs_are_lines_among_the_terms(model):
    head, _, names, *lines = repr(model).split("\n\nlog loss")[0].splitlines()
    assert ", 4 terms and 3 pairs, 4,000 rows (" in head
    assert re.split(r"\s{2,}", names.strip())[-1] == "kind"
    shown = [re.split(r"\s{2,}", line) for line in lines]
    parts = sorted([*model.terms, *model.pair_terms], key=lambda part: -part.loss_without)
    assert [line[0] for line in shown] == [getattr(part, "column", None) or part.name for part in parts]
    baseline = logloss.entropy(model.base_rate)
    for (name, share, size, edf, *_, kind), part in zip(shown, parts, strict=True):
        if name in ("age × hours", "city × age", "team × city"):
            assert kind == "pair"
            assert float(edf) == pytest.approx(part.effective_degrees_of_freedom, abs=0.051)
            assert float(size) == pytest.approx(np.ptp(part.effect[part.weights > 0]), abs=0.0051)
            lost = 100 * (part.loss_without - model.log_loss) / (baseline - model.log_loss)
            assert float(share.rstrip("%").replace("−", "-")) == pytest.approx(lost, abs=0.051)


def test_the_loss_without_a_pair_is_that_of_predictions_without_its_contribution(model, table):
    logits, contributions = model.predict_logit(table), model.contributions(table)
    for pair in model.pair_terms:
        without = logits - [row[pair.name] for row in contributions]
        assert pair.loss_without == pytest.approx(logloss.measure(table.y, y_logit=without).log_loss, rel=1e-9)


def test_what_is_not_shown_counts_pairs_too(model, monkeypatch):
    monkeypatch.setattr(words, "IN_TEXT", 2)
    assert words.left_out(model, 2) == ["… and 5 more, of less importance: model.terms, model.pairs"]
    assert len(words.term_rows(model, 2)[0]) == 3


def test_a_pair_names_its_largest_effects(model):
    pair = model.pairs["hours", "age"]
    head, _, below, _, names, *lines = repr(pair).splitlines()
    assert head == (
        f"PairEffect age × hours: {len(pair.at_first)} × {len(pair.at_second)} places, "
        f"{pair.effective_degrees_of_freedom:.1f} effective degrees of freedom, range {pair.range:.2f} in log-odds"
    )
    assert below == "largest effects, where training rows are; all places: table"
    assert names.split() == ["x1", "x2", "effect", "std_error", "low", "high", "weight"]
    sizes = np.sort(np.abs(pair.effect[pair.weights > 0]))[::-1][: len(lines)]
    shown = [abs(float(line.split()[2].replace("−", "-"))) for line in lines]
    assert shown == pytest.approx(sizes, abs=0.00051)
    html = pair._repr_html_()
    assert "PairEffect age × hours" in html
    assert html.count("<tr>") == len(lines) + 1


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_pairs_have_pictures_by_name_and_by_their_columns(model):
    by_importance = sorted(model.pair_terms, key=lambda pair: -pair.loss_without)
    assert kinds(model)[5:] == [*(pair.name for pair in by_importance), "passes"]
    drawn = [logloss.drawing(model, kind) for kind in ("age × hours", ("age", "hours"), ("hours", "age"))]
    assert drawn[0] == drawn[1] == drawn[2]
    assert model.plot(("hours", "age")).get_xlabel() == "age"
    assert model.pairs["age", "hours"].plot().get_ylabel() == "hours"
    with pytest.raises(DataError, match=r'has no picture "age × team"\. It has: effects, .*team × city.*, passes\.'):
        model.plot(("age", "team"))


def layers_at(ax, x, y):
    """How many layers of a picture lie over each point: those in blue less those in orange, and the last opacity."""
    steps, opacity = np.zeros(len(x)), np.zeros(len(x))
    for layer in ax.collections:
        if isinstance(layer, ContourSet):
            inside = np.zeros(len(x), dtype=bool)
            for path in layer.get_paths():
                inside ^= path.contains_points(np.column_stack([x, y])) if len(path.vertices) else inside & False
            (colour,) = {to_hex(each) for each in layer.get_facecolor()}
            steps += inside * {BLUE: 1, ORANGE: -1}[colour]
            opacity = np.where(inside, 1 - (1 - opacity) * (1 - layer.get_alpha()), opacity)
    return steps, opacity


def test_the_colour_of_a_point_is_the_step_of_its_contribution(model):
    """Over two numbers, at points of the picture against what predictions are made with."""
    random, drawing = np.random.default_rng(1), logloss.drawing(model, "age × hours")
    step, ax = drawing.figures["step"], model.plot("age × hours")
    age, hours = random.uniform(19, 78, 400), random.uniform(12, 80, 400)
    frame = pd.DataFrame({"age": age, "hours": hours, "city": "city 01", "team": "elm"})
    effect = np.array([row["age × hours"] for row in model.contributions(frame)])
    steps, opacity = layers_at(ax, age, hours)
    # Contours are straight within a cell of 1/40 of an axis: near to one a point may lie beyond it.
    is_clear = np.abs(effect / step - np.round(effect / step)) > 0.08
    expected = np.sign(effect) * np.floor(np.abs(effect) / step)
    assert is_clear.sum() > 250
    assert len(set(expected[is_clear])) > 5
    assert steps[is_clear].tolist() == expected[is_clear].tolist()
    shown = opacities(drawing.figures["n_steps"])
    assert opacity[is_clear] == pytest.approx(shown[np.abs(expected[is_clear]).astype(int)], abs=1e-12)


def test_a_missing_number_and_levels_stand_where_their_ticks_are(model):
    """Over levels from the top and numbers, the missing number at the right."""
    ax, drawing = model.plot("city × age"), logloss.drawing(model, "city × age")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "city")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == drawing.table("first")["name"]
    assert np.all(np.diff(ax.get_yticks()) < 0)
    assert ax.get_xticklabels()[-1].get_text() == "missing"
    pair, step = model.pairs["city", "age"], drawing.figures["step"]
    kept = [pair.at_first.index(name) for name in names]
    missing = pair.effect[kept, pair.at_second.index(None)]
    expected = np.trunc(missing / step)
    at = np.full(len(names), ax.get_xticks()[-1])
    assert layers_at(ax, at, ax.get_yticks())[0].tolist() == expected.tolist()


def test_of_many_levels_those_with_the_largest_effects_are_drawn(model):
    drawing, pair = logloss.drawing(model, "city × age"), model.pairs["city", "age"]
    sizes = np.where(pair.weights > 0, np.abs(pair.effect), 0).max(axis=1)
    largest = np.argsort(-sizes)[: of_pair.MOST_LEVELS]
    assert drawing.table("first")["name"] == [pair.at_first[k] for k in sorted(largest)]
    assert "Of city the 15 of 20 levels with the largest effects are shown." in drawing.sentence


def test_places_without_training_rows_are_hatched(model):
    """The place of the team that never is in the last city, and no other; missing teams stand apart."""
    pair = model.pairs["team", "city"]
    empty = [(pair.at_first[i], pair.at_second[j]) for i, j in np.argwhere(pair.weights == 0)]
    assert empty == [("oak", "city 19")]
    drawing = logloss.drawing(model, "team × city")
    ax = model.plot("team × city")
    assert "Hatched: no training rows." in drawing.sentence
    (hatched,) = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    names = [[tick.get_text() for tick in ticks] for ticks in (ax.get_xticklabels(), ax.get_yticklabels())]
    middle = ax.get_xticks()[names[0].index("oak")], ax.get_yticks()[names[1].index("city 19")]
    box = hatched.get_path().get_extents()
    assert [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] == pytest.approx(middle)
    assert (box.width, box.height) == (1, 1)
    gaps = np.diff(ax.get_xticks())
    assert gaps[-1] > gaps[0] == 1
    place = next(row for row in drawing.numbers if row[0] == "oak")[drawing.numbers[0].index("city 19")]
    assert place == "–"


@pytest.mark.parametrize(
    ("largest", "step", "n_steps"),
    [(0.82, 0.2, 5), (0.8, 0.1, 8), (0.801, 0.2, 5), (7.9, 1.0, 8), (0.0, 0.002, 5), (1.7, 0.25, 7)],
)
def test_steps_are_round_and_end_beyond_the_largest_effect(largest, step, n_steps):
    assert of_pair.colour_scale(largest) == (pytest.approx(step), n_steps)
    assert step * n_steps >= largest > step * (n_steps - 1) or largest < of_pair.SMALLEST


def test_the_colour_bar_has_a_unit_and_the_colours_of_the_layers(model):
    figure = model.plot("age × hours").figure
    _, bar = figure.axes
    assert bar.get_ylabel() == "effect on the log-odds"
    drawing = logloss.drawing(model, "age × hours")
    end = drawing.figures["step"] * drawing.figures["n_steps"]
    assert bar.get_ylim() == pytest.approx((-end, end))


def test_a_pair_without_training_rows_has_no_picture(model):
    from dataclasses import replace

    nowhere = replace(model.pair_terms[0], weights=0 * model.pair_terms[0].weights)
    with pytest.raises(DataError, match="no training row is known to lie at any of its places"):
        nowhere.plot()
    assert repr(nowhere).count("\n") == 0


def test_pages_draw_pairs_in_their_own_colours_and_refer_to_nothing_else(model):
    shown = inline_svg(figure_of(model, ("team", "city")))
    referred = set(re.findall(r"url\(#([\w-]+)\)", shown)) | set(re.findall(r'href="#([\w-]+)"', shown))
    assert referred == set(re.findall(r'\bid="([\w-]+)"', shown))
    assert "<pattern" in shown
    colours = set(re.findall(r'(?:fill|stroke)="([^"u]+)"', shown)) - {"none", "currentColor"}
    assert all(colour.startswith("var(--") for colour in colours if colour.startswith("#")), colours
    assert len(shown) < 40_000


def test_a_page_has_pictures_of_the_most_important_pairs(model, monkeypatch):
    monkeypatch.setattr(report, "N_PAIRS", 2)
    shown = model.to_html()
    found = read(shown)
    text = " ".join(found.text)
    first, second, _ = (pair.name for pair in words.pairs_by_importance(model))
    headings = re.findall(r"<h3>(.*?)</h3>", shown)
    assert headings[4:] == [first, second, "Training, pass by pass"]
    assert "Pictures are of the 2 most important pairs." in text
    assert "Most important terms and pairs, by the share of the skill" in text
    assert "Terms and pairs" in text
    assert text.count("age × hours") > 2
    assert "4 terms and 3 pairs" in model._repr_html_()


def test_pairs_that_are_not_among_the_most_important_parts_are_named(model, monkeypatch):
    monkeypatch.setattr(report, "N_NAMED", 1)
    first, *others = words.parts_by_importance(model)
    best = next(part for part in [first, *others] if isinstance(part, logloss.PairEffect))
    sentences = " ".join(report.sentences(model))
    assert (f"Most important of the 3 pairs: {best.name} (" in sentences) is (best is not first)
    assert best.name in sentences


def test_names_from_data_are_only_ever_text(table):
    columns = {name: f"{name}{HOSTILE[0]}\u202e{'w' * 300}" for name in ("hours", "city")}
    frame = table[["hours", "city", "y"]].rename(columns=columns)
    frame[columns["city"]] = np.array(HOSTILE, dtype=object)[np.arange(len(frame)) % len(HOSTILE)]
    pairs = [tuple(columns.values())]
    model = logloss.fit(frame, "y", shapes="auto", pairs=pairs, leave_one_out=False)
    text = "".join(read(model.to_html()).text)
    assert not any(letter in text for letter in "\u202e\x00\x1b")
    assert "\u202e" not in repr(model) + repr(model.pair_terms[0])
    for part in (model._repr_html_(), model.pair_terms[0]._repr_html_()):
        assert "<script" not in part
        assert "<img" not in part


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_model_with_pairs_is_the_same_when_read(model, table, tmp_path):
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    again.save(tmp_path / "again.json")
    assert (tmp_path / "model.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    assert again.predict_logit(table).tolist() == model.predict_logit(table).tolist()
    for one, other in zip(model.pair_terms, again.pair_terms, strict=True):
        for name in ("effect", "std_error", "weights"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
        assert repr(one) == repr(other)
        assert [*map(type, one.at_first)] == [*map(type, other.at_first)]
    # Knots are floats again, too, which are written otherwise than whole numbers.
    assert list(map(repr, model.terms)) == list(map(repr, again.terms))
    assert again.to_html() == model.to_html()


def write(path, model, *changes):
    """The file of a model with other values at some places; None: without the field."""
    model.save(path)
    fields = json.loads(path.read_text())
    for where, value in changes:
        changed(fields, where, value)
    content = {name: own for name, own in fields.items() if name not in document.HEAD}
    path.write_bytes(document.document_bytes("additive", content))


PAIR = ("pair_terms", 0)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (
            ("design", "sides", 0, "knots", 1),
            -1e9,
            "whole numbers of which the last is the largest, or knots that rise",
        ),
        (("design", "sides", 0, "basis", 0, 0), None, "a row for each place, and a column for each variance"),
        (("design", "sides", 0, "variances", 0), -1.0, "none above the one before in design: sides: 1: variances"),
        (("design", "sides", 0, "column"), "hour", "a shape or the levels of a category, each column once in design"),
        (("design", "sides", 2, "places"), [0, 1], "in design: sides: 3: basis"),
        (("design", "sides", 2, "places", -1), 0, "in design: sides: 3: places"),
        (("design", "pairs", 0, "sides"), [1, 1], "two sides in design: pairs: 1: sides"),
        (("design", "pairs", 0, "sides"), [0, 9], "two of its sides each, and products of their functions in design"),
        (("design", "pairs", 1, "sides"), [1, 0], "two of its sides each|one of each, all finite"),
        (("design", "pairs", 0, "products", 0), [99, 0], "two of its sides each, and products of their functions"),
        (("design", "pairs", 0, "products", 0), [0, 1], "products, each once in design: pairs: 1: products"),
        (("design", "pairs", 0, "products", 0), [-1, 0], "a whole number of at least 0 in design: pairs: 1: products"),
        (("design", "pairs"), [], "one of each, all finite in values"),
        (("pair_terms",), [], "the effect of each pair, as it predicts with it in pair_terms"),
        ((*PAIR, "effect", 0, 0), lambda value: value + 1e-6, "as it predicts with it in pair_terms"),
        ((*PAIR, "std_error", 0, 0), -1.0, "an effect, an error and a weight at each two places in pair_terms: 1"),
        ((*PAIR, "weights", 0, 0), -1.0, "an effect, an error and a weight at each two places in pair_terms: 1"),
        ((*PAIR, "weights"), [[1.0]], "an effect, an error and a weight at each two places in pair_terms: 1"),
        ((*PAIR, "at_first", 0), -5, "the effect of each pair, as it predicts with it in pair_terms"),
        ((*PAIR, "are_levels"), [True, False], "the effect of each pair, as it predicts with it in pair_terms"),
        ((*PAIR, "columns"), ["age", "age"], "two columns in pair_terms: 1: columns"),
        ((*PAIR, "columns"), ["hours", "age"], "the effect of each pair, as it predicts with it in pair_terms"),
        ((*PAIR, "precision"), -1.0, "a finite number of at least 0 in pair_terms: 1: precision"),
        ((*PAIR, "loss_without"), None, "a number of at least 0 in pair_terms: 1: loss_without"),
    ],
)
def test_a_damaged_file_is_refused(model, tmp_path, where, value, message):
    write(tmp_path / "model.json", model, (where, value))
    with pytest.raises(DataError, match=message):
        logloss.load(tmp_path / "model.json")


def test_with_clusters_no_effect_has_an_error_in_a_file_either(table, tmp_path):
    frame = table.assign(group=np.arange(len(table)) % 50)
    model = logloss.fit(frame, "y", features=["age", "hours"], shapes="auto", pairs="auto", cluster="group",
                        missing="indicator", leave_one_out=False)  # fmt: skip
    model.save(tmp_path / "model.json")
    assert np.isnan(logloss.load(tmp_path / "model.json").pair_terms[0].std_error).all()


def test_files_of_models_without_pairs_may_lack_their_fields(table, tmp_path):
    """Those that were written before there were pairs."""
    model = logloss.fit(table, "y", shapes="auto", missing="indicator", leave_one_out=False)
    path = tmp_path / "model.json"
    model.save(path)
    fields = json.loads(path.read_text())
    del fields["pair_terms"], fields["design"]["sides"], fields["design"]["pairs"]
    content = {name: own for name, own in fields.items() if name not in document.HEAD}
    path.write_bytes(document.document_bytes("additive", content))
    again = logloss.load(path)
    assert again.pair_terms == again.design.pairs == again.design.sides == ()
    assert repr(again) == repr(model)


# --- the shell --------------------------------------------------------------------------------------------------------


def test_the_shell_fits_draws_and_predicts_pairs(run, table, tmp_path):  # noqa: F811
    csv, saved = tmp_path / "rows.csv", tmp_path / "model.json"
    table.to_csv(csv, index=False)
    words = ("fit", csv, "-y", "y", "--missing", "indicator", "--quiet", "--shapes", "auto")
    named = [word for pair in PAIRS for word in ("--pairs", ",".join(pair))]
    code, out, _ = run(*words, *named, "-o", saved, "--html", tmp_path / "page.html")
    model = logloss.load(saved)
    assert code == 0
    assert out.rstrip("\n") == repr(model)
    assert [pair.columns for pair in model.pair_terms] == PAIRS
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == model.to_html()
    for kind in ("age,hours", "hours, age", "age × hours"):
        assert run("show", saved, "--plot", tmp_path / "pair.png", "--picture", kind)[0] == 0
    code, _, err = run("show", saved, "--plot", tmp_path / "pair.png", "--picture", "age,team")
    assert code == 2
    assert 'no picture "age × team"' in err
    code, out, _ = run(*words, "--pairs", "auto", "--json")
    assert code == 0
    assert ["age", "hours"] in [pair["columns"] for pair in json.loads(out)["pairs"]]
    assert run("predict", saved, csv, "-o", tmp_path / "out.parquet")[0] == 0
    predicted = pd.read_parquet(tmp_path / "out.parquet")["y_proba"].to_numpy()
    assert predicted == pytest.approx(model.predict_proba(pd.read_csv(csv)), abs=SAME)
    code, text, _ = run("measure", csv, "-y", "y", "--model", saved, "--json")
    assert json.loads(text)["log_loss_nats"] == pytest.approx(model.log_loss, rel=SAME)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["age"], "--pairs must be auto, or two columns such as --pairs age,hours, repeated for each pair; got 'age'."),
        (["age,"], "repeated for each pair; got 'age,'."),
        (["age,age"], "repeated for each pair; got 'age,age'."),
        (["auto", "--pairs", "age,hours"], "repeated for each pair; got 'auto'."),
        (["age,hour"], '--pairs must name features; "hour" is none.'),
        (["age,hours", "--pairs", "hours,age"], "--pairs must name each pair once"),
    ],
)
def test_the_shell_says_what_is_wrong_with_pairs(run, table, tmp_path, given, message):  # noqa: F811
    table[:500].to_csv(tmp_path / "rows.csv", index=False)
    words = ("fit", tmp_path / "rows.csv", "-y", "y", "--missing", "indicator", "--shapes", "auto")
    code, _, err = run(*words, "--pairs", *given)
    # 2: words that cannot be; 3: what does not fit the data.
    assert code == (3 if "must name" in message else 2)
    assert message in " ".join(err.split())


# --- verbs and scikit-learn -------------------------------------------------------------------------------------------


def test_it_is_measured_compared_and_explained(model, table):
    assert model.measure(table, "y").log_loss == pytest.approx(model.log_loss, rel=SAME)
    alone = logloss.fit(table, "y", shapes="auto", missing="indicator", leave_one_out=False)
    found = logloss.compare(table, {"pairs": model, "alone": alone}, y_true="y")
    assert next(iter(found.ranking[0].values())) == "pairs"
    for row, logit in zip(model.contributions(table[:50]), model.predict_logit(table[:50]), strict=True):
        assert math.fsum(row.values()) == pytest.approx(logit, abs=SAME)


def unseen(table):
    """Rows beyond the knots, with strange levels, and missing values."""
    frame = table[:400].drop(columns="y").copy()
    frame.loc[:60, "city"] = "nowhere"
    frame.loc[40:99, "age"] = 200.0
    frame.loc[80:120, "hours"] = -3.0
    frame.loc[110:150, "age"] = np.nan
    frame.loc[140:200, "team"] = None
    return frame


@pytest.mark.filterwarnings("ignore:.*not see", "ignore:Found unknown categories")
def test_levels_that_training_did_not_see_add_nothing_together(model, table):
    frame = unseen(table)
    is_strange = (frame.city == "nowhere").to_numpy()
    contributions = pd.DataFrame(model.contributions(frame))
    assert (contributions.loc[is_strange, ["city × age", "team × city"]] == 0).all(axis=None)
    assert np.isfinite(model.predict_logit(frame)).all()
    # Of no row a place beyond the table is read, nor the one after it.
    side = next(side for side in model.design.sides if side.column == "city")
    lower, shares = side.found(np.arange(N_CITIES + 1))
    assert lower.tolist() == [*range(N_CITIES), N_CITIES - 1]
    assert shares.tolist() == [0.0] * N_CITIES + [1.0]
    numbers = next(side for side in model.design.sides if side.column == "hours")
    assert numbers.found(np.array([np.nan]))[0].max() < numbers.n_places


@pytest.mark.filterwarnings("ignore:.*not see", "ignore:Found unknown categories")
def test_it_becomes_a_plain_pipeline(model, table):
    plain = model.to_sklearn(classes=("no", "yes"))
    assert type(plain) is Pipeline
    for frame in (table.drop(columns="y"), unseen(table)):
        assert plain.predict_proba(frame)[:, 1] == pytest.approx(model.predict_proba(frame), abs=SAME)
    assert b"logloss" not in pickle.dumps(plain)


@pytest.mark.filterwarnings("ignore:.*not see", "ignore:Found unknown categories")
def test_so_do_levels_that_share_a_place_and_columns_with_underscores():
    table = rows(6_000, MOST_PLACES + 12, seed=3).rename(columns={"age": "a__ge"})
    table["code"] = np.arange(len(table)) % 5
    pairs = [("a__ge", "city"), ("code", "team")]
    model = logloss.fit(table, "y", shapes="auto", pairs=pairs, categories=["code"], missing="indicator",
                        leave_one_out=False)  # fmt: skip
    assert model.pairs[pairs[0]].at_second[-1] == "other levels"
    plain = model.to_sklearn()
    frame = table.drop(columns="y")
    strange = frame.assign(code=frame.code + 2, city=frame.city.where(frame.code > 1, "nowhere"))
    for given in (frame, strange):
        assert plain.predict_proba(given)[:, 1] == pytest.approx(model.predict_proba(given), abs=SAME)


def test_a_column_that_holds_one_number_or_nothing(table):
    """Also of an array, whose columns have no names."""
    X = table[["age", "hours"]].to_numpy()
    X = np.column_stack([X, np.where(np.arange(len(X)) % 3, 1.0, np.nan), np.ones(len(X))])
    pairs = [("x0", "x2"), ("x2", "x1"), ("x0", "x1")]
    classifier = AdditiveClassifier(pairs=pairs, missing="indicator").fit(X, table.y)
    plain = classifier.model_.to_sklearn()
    other = X * 1.5 + 1
    for given in (X, other):
        assert plain.predict_proba(given) == pytest.approx(classifier.predict_proba(given), abs=SAME)


def test_too_many_products_for_scikit_learn_are_refused(model, monkeypatch):
    monkeypatch.setattr(export, "MOST_PRODUCTS", 1_000)
    with pytest.raises(
        DataError, match=r"the pairs of this model need [\d,]+ products in scikit-learn, more than 1,000"
    ):
        model.to_sklearn()


def test_pairs_are_an_argument_of_the_classifier(table):
    frame, labels = table[["age", "hours", "city"]].dropna(), table.y[table.age.notna()]
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(), AdditiveClassifier()),
        {"additiveclassifier__pairs": [None, "auto", [("age", "hours")]]},
        scoring="neg_log_loss",
        cv=2,
    ).fit(frame, labels)
    assert search.best_params_["additiveclassifier__pairs"] is not None
    best = search.best_estimator_[-1]
    assert ("age", "hours") in best.model_.pairs
    assert clone(best).get_params()["pairs"] == best.pairs
    same = logloss.fit(frame.assign(y=labels), "y", shapes="auto", pairs=best.pairs, leave_one_out=False)
    assert best.predict_proba(frame)[:, 1] == pytest.approx(same.predict_proba(frame), abs=1e-9)
