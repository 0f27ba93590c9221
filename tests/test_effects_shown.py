"""What one sees of an additive model: its text, its pictures by the numbers they draw, its page, its contributions."""

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from test_cli import run  # noqa: F401
from test_report import HOSTILE, read

import logloss
from logloss.errors import DataError
from logloss.show.drawings import kinds, of_additive
from logloss.show.plot import figure_of, save
from logloss.show.plot.of_additive import LEAST_TICK
from logloss.show.plot.style import MM, WIDTH_MM
from logloss.show.report import of_additive as report
from logloss.show.words import of_additive as words
from logloss.text import p_value
from logloss.training.term_effects import TermEffect

# Sums of a handful of numbers of order one.
ROUNDING = 1e-11
N_ROWS, N_CITIES = 1_500, 40


@pytest.fixture(autouse=True)
def _figures_closed():
    pyplot.close("all")
    yield
    pyplot.close("all")


def rows(n_rows=N_ROWS, seed=0):
    """A wave over x, a line over age that one row in nine lacks, noise, cities, and a steep rare tail of gain."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.uniform(0, 6, n_rows), "age": random.integers(18, 80, n_rows).astype(float)})
    frame["noise"] = random.normal(size=n_rows)
    cities = random.integers(0, N_CITIES, n_rows)
    frame["city"] = [f"city {number:02d}" for number in cities]
    frame["gain"] = np.where(random.random(n_rows) < 0.02, random.uniform(50, 100, n_rows), 0.0)
    logits = (
        1.5 * np.sin(frame.x) + 0.03 * (frame.age - 49) + random.normal(size=N_CITIES)[cities] + (frame.gain > 0) * 9
    )
    frame["y"] = (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int)
    frame.loc[random.random(n_rows) < 1 / 9, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def table():
    return rows()


@pytest.fixture(scope="module")
def model(table):
    return logloss.fit(table, "y", shapes="auto", missing="indicator")


@pytest.fixture(scope="module")
def lines(table):
    """A model whose numbers are plain lines, and whose levels are pooled."""
    return logloss.fit(table.drop(columns=["x", "gain"]), "y", pooled="city", missing="indicator", leave_one_out=False)


def panels_of(model, kind=None):
    """The axes of a picture, by what stands above them or below."""
    figure = model.plot(kind).figure
    return {ax.get_title(loc="left") or ax.get_xlabel(): ax for ax in figure.axes if ax.axison}


def test_the_text_has_a_line_for_each_term_the_most_important_first(model):
    head, _, names, *lines, _ = repr(model).split("\n\nlog loss")[0].splitlines() + [""]
    edf = model.effective_degrees_of_freedom
    assert head == (
        f"AdditiveModel: P(y = 1), 5 terms, {N_ROWS:,} rows ({model.n_positive} positive), {edf:.1f} effective degrees "
        "of freedom"
    )
    assert re.split(r"\s{2,}", names.strip()) == [
        "share of skill",
        "range (log-odds)",
        "effective df",
        "p",
        "levels",
        "kind",
    ]
    shown = [re.split(r"\s{2,}", line) for line in lines]
    by_loss = sorted(model.terms, key=lambda term: -term.loss_without)
    assert [line[0] for line in shown] == [term.column for term in by_loss]
    for (name, share, size, edf, p, *kind), term in zip(shown, by_loss, strict=True):
        assert p == p_value(term.p_value)
        assert kind == (["40", "pooled"] if name == "city" else ["smooth"])
        assert float(edf) == pytest.approx(term.effective_degrees_of_freedom, abs=0.051)
        assert float(size) == pytest.approx(np.ptp(term.effect), abs=0.0051)
        baseline = logloss.entropy(model.base_rate)
        part = 100 * (term.loss_without - model.log_loss) / (baseline - model.log_loss)
        assert float(share.rstrip("%").replace("−", "-")) == pytest.approx(part, abs=0.051)


def test_the_lines_below_are_those_of_any_fit(model):
    text = repr(model)
    skill = 100 * (1 - model.log_loss / logloss.entropy(model.base_rate))
    assert (
        f"log loss   {model.log_loss:.4f} in sample, {model.out_of_sample.log_loss:.4f} leave-one-out; baseline "
        f"{logloss.entropy(model.base_rate):.4f}; skill {skill:.1f}%\n"
    ) in text
    size = f"{model.certificate.nats_per_row:.0e}"
    passes = f"{len(model.passes)} passes"
    assert (
        f"optimum    certified: at most {size} nats per row above the minimum at the chosen precisions; {passes}"
        in text
    )


def test_a_p_value_has_a_column_where_terms_have_one(model):
    known = {"x": 1e-9, "noise": 0.25}
    terms = tuple(replace(term, p_value=known.get(term.column, math.nan)) for term in model.terms)
    shown = words.term_rows(replace(model, terms=terms))[0]
    place = shown[0].index("p")
    assert {row[0]: row[place] for row in shown[1:]} == {
        "x": "<0.001",
        "noise": "0.250",
        "age": "",
        "city": "",
        "gain": "",
    }
    assert "p < 0.001" in words.term_text(terms[0])
    assert "p < 0.001" in of_additive.one_term(terms[0]).sentence
    none = tuple(replace(term, p_value=math.nan) for term in model.terms)
    assert "p" not in words.term_rows(replace(model, terms=none))[0][0]


def test_of_many_terms_the_first_are_shown(model, monkeypatch):
    monkeypatch.setattr(words, "IN_TEXT", 2)
    assert words.left_out(model, 2) == ["… and 3 more, of less importance: model.terms"]
    assert len(words.term_rows(model, 2)[0]) == 3


def test_with_an_offset_no_share_of_the_skill_is_shown(table):
    model = logloss.fit(table, "y", features=["x", "city"], shapes="auto", offset="noise", leave_one_out=False)
    assert "share of skill" not in repr(model)
    assert "skill" not in repr(model)
    assert math.isnan(model.share_of_skill("x"))
    assert json.loads(json.dumps(model.to_dict(), allow_nan=False))["terms"][0]["share_of_skill"] is None
    assert "Most important terms" not in "".join(read(model.to_html()).text)


@pytest.mark.parametrize("name", ["model", "lines"])
def test_the_loss_without_a_term_is_that_of_predictions_without_its_contribution(name, table, request):
    model = request.getfixturevalue(name)
    logits = model.predict_logit(table)
    added = model.contributions(table)
    for term in model.terms:
        own = np.array([each[term.column] for each in added])
        # Where a missing value has an effect, the average is that of the rows that hold a value.
        assert term.loss_without == pytest.approx(logloss.log_loss(table.y, y_logit=logits - own), rel=1e-10)


@pytest.mark.parametrize("name", ["model", "lines"])
def test_contributions_add_up_to_the_logit_and_a_strange_level_adds_nothing(name, table, request):
    model = request.getfixturevalue(name)
    new = rows(40, seed=1)
    new.loc[3, "age"] = np.nan
    new.loc[[5, 6], "city"] = "Atlantis"
    # Beyond all knots.
    new.loc[7, ["x", "gain"]] = [99.0, -5.0]
    strange = '"city" has levels that training did not see, in 2 rows; they are treated as average ones.'
    with pytest.warns(UserWarning, match=re.escape(strange)):
        logits = model.predict_logit(new)
    with pytest.warns(UserWarning, match=re.escape(strange)):
        added = model.contributions(new)
    assert [sum(each.values()) for each in added] == pytest.approx(logits.tolist(), abs=ROUNDING)
    assert added[5]["city"] == added[6]["city"] == 0
    assert model.contributions(table.iloc[:1])[0].keys() == {"intercept", *model.shapes}


@pytest.mark.parametrize("name", ["model", "lines"])
def test_an_effect_is_the_contribution_of_its_place(name, table, request):
    model = request.getfixturevalue(name)
    for term in model.terms:
        frame = pd.DataFrame([table.drop(columns="y").iloc[0].to_dict()] * len(term.at))
        frame[term.column] = pd.Series(term.at, dtype=object if term.column == "city" else float)
        own = [each[term.column] for each in model.contributions(frame)]
        assert term.effect.tolist() == pytest.approx(own, abs=ROUNDING)


def test_a_line_has_its_ends_its_mean_and_what_is_missing(lines, table):
    term = lines.shapes["age"]
    assert term.at == (table.age.min(), pytest.approx(table.age.mean(), rel=1e-12), table.age.max(), None)
    low, _, high, _ = term.effect
    assert low < 0 < high
    assert term.std_error[1] == 0
    distances = [table.age.mean() - table.age.min(), table.age.max() - table.age.mean()]
    assert term.std_error[0] / distances[0] == pytest.approx(term.std_error[2] / distances[1], rel=1e-9)
    # A slope and the coefficient of what is missing, but for the roundings of a product of 2 × 2.
    assert term.effective_degrees_of_freedom == pytest.approx(2, abs=1e-14)
    assert term.range == pytest.approx(high - low)
    assert "line, no penalty" in repr(term)
    assert re.search(r"\nage .* line\n", repr(lines))


def test_a_term_is_a_table(model, lines):
    term = model.shapes["x"]
    frame = term.to_pandas()
    assert list(frame.columns) == list(term.table.column_names) == ["x", "effect", "std_error", "low", "high", "weight"]
    assert frame.effect.tolist() == term.effect.tolist()
    assert (frame.high - frame.low).tolist() == pytest.approx((2 * 1.959963984540054 * frame.std_error).tolist())
    head = repr(term).splitlines()[0]
    assert head == (
        f"TermEffect x: smooth, {term.effective_degrees_of_freedom:.1f} effective degrees of freedom, p < 0.001, range "
        f"{np.ptp(term.effect):.2f} in log-odds"
    )
    assert "<table" in term._repr_html_()
    for each in (model, lines):
        figures = json.loads(json.dumps(each.to_dict(), allow_nan=False))
        assert [own["column"] for own in figures["terms"]] == [term.column for term in each.terms]
        assert figures["terms"][0]["effects"][0]["effect"] == each.terms[0].effect[0]


def test_all_terms_are_drawn_on_one_scale_the_most_important_first(model):
    drawing = logloss.drawing(model)
    assert drawing.kind == "effects"
    assert drawing.table("panels")["column"] == [term.column for term in words.by_importance(model)]
    shown = panels_of(model)
    assert list(shown) == drawing.table("panels")["column"]
    assert len({ax.get_ylim() for ax in shown.values()}) == 1
    term = model.shapes["x"]
    (line,) = [line for line in shown["x"].lines if len(line.get_xdata()) == len(term.at)]
    assert line.get_ydata().tolist() == term.effect.tolist()
    # The zero line.
    assert any(set(line.get_ydata()) == {0} for line in shown["x"].lines)
    (band,) = [each for each in shown["x"].collections if len(each.get_paths()[0].vertices) > len(term.at)]
    low, high = band.get_paths()[0].get_extents().get_points()[:, 1]
    assert (low, high) == pytest.approx((term.low.min(), term.high.max()))
    assert drawing.figures["y_low"] < term.effect.min() < term.effect.max() < drawing.figures["y_high"]


def test_a_rare_tail_does_not_set_the_scale_and_says_how_far_it_reaches(model):
    term, drawing = model.shapes["gain"], logloss.drawing(model, "gain")
    top = term.effect.max()
    others = max(np.abs(each.effect).max() for each in model.terms if each.column != "gain")
    assert top > 1.5 * others
    assert drawing.figures["y_high"] < top
    assert f"Triangles: effects beyond the frame, which reach {top:.1f}." in drawing.sentence
    ax = model.plot("gain")
    (mark,) = [line for line in ax.lines if line.get_marker() == "^"]
    end = ax.get_ylim()[1]
    for x, y in mark.get_xydata():
        assert y == end == pytest.approx(np.interp(x, term.at, term.effect))
    own = term.plot()
    assert own.get_ylim()[0] < term.effect.min() < top < own.get_ylim()[1]
    assert not any(line.get_marker() == "^" for line in own.lines)


def test_the_scale_has_a_limit():
    """Half of the rows may have an effect that is practically certainty."""
    term = TermEffect(
        *("x", "smooth", (0.0, 1.0), np.array([-30.0, 30.0]), np.array([1.0, 1.0]), np.ones(2), (1.0,), 2.0, 0.5)
    )
    low, high = of_additive.common_scale([term])
    assert -low == high
    assert of_additive.LARGEST < high < 1.5 * of_additive.LARGEST + 2


def test_pooled_levels_are_sorted_and_the_largest_shown(model):
    term = model.shapes["city"]
    table = logloss.drawing(model, "city").table("effects")
    assert table["effect"] == sorted(table["effect"], reverse=True)
    largest = np.sort(np.abs(term.effect))[::-1][: of_additive.MOST_LEVELS]
    assert sorted(map(abs, table["effect"]), reverse=True) == largest.tolist()
    ax = model.plot("city")
    names = [label.get_text() for label in ax.get_xticklabels()]
    n_above = sum(effect > 0 for effect in table["effect"])
    assert names[n_above] == "25 more"
    assert [name for name in names if name != "25 more"] == table["name"]
    drawn = {line.get_xydata()[0][0]: line.get_xydata()[0][1] for line in ax.lines if line.get_marker() == "o"}
    assert [drawn[place] for place in sorted(drawn)] == table["effect"]
    assert n_above not in drawn
    assert "Shown are the 15 of 40 levels with the largest effects." in logloss.drawing(model, "city").sentence


def test_levels_without_a_penalty_keep_their_order_and_missing_ones_stand_last(table):
    frame = table.assign(size=pd.Categorical(np.where(table.x < 2, "small", "large"), ["small", "large"], ordered=True))
    frame.loc[::7, "size"] = None
    model = logloss.fit(frame, "y", features=["size", "city"], pooled="city", missing="indicator", leave_one_out=False)
    rows = logloss.drawing(model, "size").table("effects")
    assert rows["name"] == ["small", "large", "missing"]
    assert rows["is_missing"] == [False, False, True]
    hollow = [line for line in model.plot("size").lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in hollow] == [2]
    assert "Hollow: rows in which the value is missing." in logloss.drawing(model, "size").sentence


def test_a_missing_value_stands_beside_the_curve(model):
    term, ax = model.shapes["age"], model.plot("age")
    (mark,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert mark.get_ydata()[0] == term.effect[-1]
    assert mark.get_xdata()[0] > term.at[-2]
    assert ax.get_xticklabels()[-1].get_text() == "missing"
    assert ax.get_xticks()[-1] == mark.get_xdata()[0]


def test_ticks_at_the_bottom_are_the_shares_of_the_rows(model):
    term, ax = model.shapes["gain"], model.plot("gain")
    (rug,) = [line.get_xydata() for line in ax.lines if np.isnan(line.get_ydata()).any()]
    heights = np.diff(rug[:, 1])[::3]
    assert rug[::3, 0].tolist() == [x for x, weight in zip(term.at, term.weights, strict=True) if weight > 0]
    shares = term.weights[term.weights > 0] / term.weights.max()
    assert heights / heights.max() == pytest.approx(np.maximum(shares, LEAST_TICK))


def test_the_pictures_of_a_model_are_named_and_others_refused(model):
    assert kinds(model) == ["effects", *(term.column for term in words.by_importance(model)), "passes"]
    with pytest.raises(DataError, match=r'an AdditiveModel has no picture "income"\. It has: effects, .*x.*, passes\.'):
        model.plot("income")
    assert logloss.drawing(model, "passes").table("passes")["log_loss_nats"] == [each.log_loss for each in model.passes]
    assert "It has no bound while precisions are chosen." in logloss.drawing(model, "passes").sentence


def test_a_column_with_the_name_of_a_picture_is_drawn_by_its_term(table):
    frame = table[["x", "y"]].rename(columns={"x": "passes"})
    model = logloss.fit(frame, "y", shapes="auto", leave_one_out=False)
    assert kinds(model) == ["effects", "passes"]
    assert model.plot("passes").get_xlabel() == "pass over the rows"
    assert model.shapes["passes"].plot().get_xlabel() == "passes"


def test_a_grid_takes_the_place_of_given_axes_and_is_as_wide_as_a_page(model):
    figure, ax = pyplot.subplots()
    assert model.plot(ax=ax) is ax
    assert not ax.axison
    assert len(figure.axes) == 1 + len(model.terms)
    assert pyplot.gca() is ax
    own = model.plot().figure
    assert own.get_figwidth() > 2 * WIDTH_MM * MM
    assert model.plot("x").figure.get_figwidth() == pytest.approx(WIDTH_MM * MM)
    with pytest.raises(DataError, match=r'"effects" is a grid: pass `ax` of plt\.subplots\(\), or draw one column'):
        model.plot(ax=pyplot.figure().add_axes([0, 0, 1, 1]))


def test_the_layout_of_a_grid_holds(model, lines):
    """A warning of Matplotlib, that axes collapse, would fail here."""
    for each in (model, lines):
        figure = figure_of(each, "effects")
        figure.savefig(io.BytesIO(), format="png")
        frames = [ax.get_window_extent() for ax in figure.axes if ax.axison]
        assert min(min(frame.width, frame.height) for frame in frames) > 0.08 * max(figure.bbox.size)
        boxes = [ax.get_tightbbox() for ax in figure.axes if ax.axison]
        assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_pictures_are_written_to_files(model, form, tmp_path):
    for kind in ("effects", "x", "city"):
        save(model, tmp_path / f"{kind}.{form}", kind)
        assert (tmp_path / f"{kind}.{form}").stat().st_size > 1_000


def test_the_page_begins_with_the_answer_and_has_a_picture_of_each_term(model):
    shown = model.to_html()
    found = read(shown)
    text = " ".join(found.text)
    new = model.out_of_sample.log_loss
    assert f"{new:.4f}  nats per row, leave-one-out log loss" in text
    assert "Most important terms, by the share of the skill that is lost without them: " in text
    headings = re.findall(r"<h3>(.*?)</h3>", shown)
    assert headings == [*(term.column for term in words.by_importance(model)), "Training, pass by pass"]
    assert found.tags.count("svg") == found.tags.count("details") == len(model.terms) + 1
    assert text.index("leave-one-out log loss") < text.index("Pictures") < text.index("Terms") < text.index("Methods")
    assert "nan" not in text
    short = model._repr_html_()
    assert "share of skill" in short
    assert "<script" not in short


def test_names_from_data_are_only_ever_text_on_the_page(table):
    columns = {name: f"{name}{HOSTILE[0]}\u202e{'w' * 300}" for name in ("x", "city")}
    frame = table[["x", "city", "y"]].rename(columns=columns)
    frame[columns["city"]] = np.array(HOSTILE, dtype=object)[np.arange(len(frame)) % len(HOSTILE)]
    model = logloss.fit(frame, "y", shapes="auto", leave_one_out=False)
    text = "".join(read(model.to_html()).text)
    assert HOSTILE[0] in text
    assert not any(letter in text for letter in "\u202e\x00\x1b")
    assert "\u202e" not in repr(model)
    for part in (model._repr_html_(), model.terms[0]._repr_html_()):
        assert "<script" not in part
        assert "<img" not in part


def test_a_page_of_many_terms_has_pictures_of_the_first(table, monkeypatch):
    monkeypatch.setattr(report, "N_PICTURES", 2)
    model = logloss.fit(table.drop(columns="age"), "y", shapes="auto", leave_one_out=False)
    found = read(model.to_html())
    assert found.tags.count("svg") == 3
    assert "Pictures are of the 2 most important terms." in " ".join(found.text)


def test_a_grid_has_room_for_so_many_panels(model, monkeypatch):
    monkeypatch.setattr(of_additive, "MOST_PANELS", 3)
    drawing = logloss.drawing(model)
    assert len(drawing.table("panels")) == 3
    assert "Shown are 3 of 5 terms." in drawing.sentence


@pytest.fixture
def csv(table, tmp_path):
    table.assign(team=np.arange(N_ROWS) % 30).to_csv(tmp_path / "rows.csv", index=False)
    return str(tmp_path / "rows.csv")


def test_the_shell_fits_shapes(run, csv, tmp_path):  # noqa: F811
    words = ("fit", csv, "-y", "y", "--missing", "indicator", "--quiet")
    files = ("--html", tmp_path / "page.html", "-o", tmp_path / "model.json")
    code, out, _ = run(*words, "--shapes", "auto", *files)
    model = logloss.fit(csv, "y", shapes="auto", missing="indicator")
    assert code == 0
    assert out.rstrip("\n") == repr(model) == repr(logloss.load(tmp_path / "model.json"))
    assert run("show", tmp_path / "model.json")[1] == out
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == model.to_html()
    code, out, _ = run(*words, "--shapes", "age=linear,x=cyclic", "--pooled", "city,team", "--json")
    assert code == 0
    found = {term["column"]: term["kind"] for term in json.loads(out)["terms"]}
    kinds = {"age": "linear", "x": "cyclic", "noise": "smooth", "gain": "smooth"}
    assert found == kinds | {"city": "pooled levels", "team": "pooled levels"}


def test_the_shell_pools_levels_in_a_model_of_lines(run, csv, tmp_path):  # noqa: F811
    words = ("-y", "y", "--missing", "indicator", "--pooled", "team", "--json", "--quiet")
    code, _, err = run("fit", csv, *words)
    assert code == 3
    # Rows with a gain are of one class.
    assert "the classes are separated by gain, which has no penalty" in err
    pd.read_csv(csv).assign(city=lambda table: table["team"] < 15).to_csv(tmp_path / "halves.csv", index=False)
    code, out, _ = run("fit", tmp_path / "halves.csv", *words, "--exclude", "gain")
    assert code == 0
    found = {term["column"]: term["kind"] for term in json.loads(out)["terms"]}
    assert (found["team"], found["city"], found["x"]) == ("pooled levels", "levels", "number")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shapes", "age"], "--shapes must be auto, or read like age=smooth,hour=cyclic; got 'age'."),
        (["--shapes", "auto", "--per", "sd"], "--per is for coefficients"),
    ],
)
def test_the_shell_refuses_what_makes_no_sense_before_it_reads(run, csv, options, message):  # noqa: F811
    code, _, err = run("fit", csv, "-y", "y", *options)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": {"city": "smooth"}}, '`shapes` must name columns of numbers; "city" is a category.'),
        ({"shapes": {"x": "bent"}}, 'the shape of "x" must be one of "smooth", "linear", "cyclic"; got "bent".'),
        ({"shapes": {"income": "smooth"}}, '`shapes` must name features; "income" is none.'),
        ({"pooled": ["income"]}, '`pooled` must name features; "income" is none.'),
        ({"shapes": "auto", "penalty": "firth"}, "`penalty` is not used with `shapes` and `pooled`"),
        ({"shapes": "auto", "l2_path": True}, "`l2_path` is not used with `shapes` and `pooled`"),
        ({"pooled": "city", "covariance": "HC3"}, "`covariance` is not used with `shapes` and `pooled`"),
        ({"pooled": "city", "interval": "profile"}, "`interval` is not used with `shapes` and `pooled`"),
    ],
)
def test_options_that_only_other_fits_have_are_refused(table, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        logloss.fit(table, "y", missing="indicator", **options)


def test_the_example_of_the_docs_runs(capsys):
    page = (Path(__file__).parents[1] / "docs" / "shapes.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    names: dict = {}
    for example in examples:
        exec(example, names)
    assert capsys.readouterr().out.startswith("AdditiveModel: P(clicked = 1), 3 terms, 4,000 rows (")
    hour = names["model"].shapes["hour"]
    assert hour.kind == "cyclic"
    assert hour.effect[0] == pytest.approx(hour.effect[-1], abs=ROUNDING)
    table_of_pair = names["fixed"].pairs["hour", "age"].effect
    # A cyclic column is so in its pairs, too.
    np.testing.assert_allclose(table_of_pair[0], table_of_pair[-1], atol=ROUNDING)


def test_effects_of_clustered_rows_have_no_intervals(table, tmp_path):
    frame = table.assign(team=np.arange(N_ROWS) % 30)
    model = logloss.fit(frame, "y", features=["x"], shapes="auto", cluster="team", leave_one_out=False)
    assert "note       no intervals of the effects: the rows of a cluster depend on each other" in repr(model)
    assert np.isnan(model.shapes["x"].low).all()
    assert "intervals" not in logloss.drawing(model, "x").sentence
    model.save(tmp_path / "model.json")
    assert np.isnan(logloss.load(tmp_path / "model.json").shapes["x"].high).all()


def test_few_rows_have_a_caution(table):
    few, enough = (
        logloss.fit(table.iloc[:n], "y", features=["x"], shapes="auto", leave_one_out=False) for n in (499, 500)
    )
    assert few.cautions == ("intervals may be too narrow: 499 rows (below 500)",)
    assert f"caution    {few.cautions[0]}" in repr(few)
    assert enough.cautions == ()
