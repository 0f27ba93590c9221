"""The lesson: every figure that people read in it, and what it teaches."""

import json
import re

import pytest
from test_cli import run  # noqa: F401

import logloss
from logloss.show.explanation import ten_points


@pytest.fixture(scope="module")
def lesson():
    return ten_points.ten_points_text()


@pytest.mark.parametrize(
    "figure",
    [
        "−0.8   green        0.4695        0.4695   0.7560   ███████████████",
        "0.2   red          0.7006        0.2994   1.2058",
        "mean   0.3329   = log loss (binary cross-entropy), in nats",
        "The red point at 0.2, predicted green, has the largest.",
        "always predicting ½                                             0.6931   1.0000",
        "always predicting 0.7 (the base rate): the entropy of 7 in 10   0.6109   0.8813   baseline",
        "fitted curve                                                    0.3329   0.4803   skill score 45.5%",
        "leave-one-out: each point by a curve fitted to the others       0.4777   0.6892   estimate for new points",
        "Cross-entropy = entropy + KL divergence.",
        "Always predicting ½ where the base rate is 0.7:\n  0.693147 = 0.610864 + 0.082283.",
        "Training: 0.6931 → 0.4049 → 0.3467 → 0.3339 → 0.3329; certified within 8e-17 of the minimum\n",
        "log loss without the penalty: 0.3052)",
        "Decomposition: 0.61086 uncertainty − 0.47223 discrimination + 0.19428 miscalibration = 0.33291 log loss\n",
        "0.2459 miscalibration expected if perfectly calibrated; p = 0.753: not significant)",
    ],
)
def test_the_lesson_has(lesson, figure):
    assert figure in lesson


def test_shown_sums_add_up_as_printed(lesson):
    parts = re.search(
        r"(\d\.\d+) uncertainty − (\d\.\d+) discrimination \+ (\d\.\d+) miscalibration = (\d\.\d+)", lesson
    )
    a, b, c, total = (round(float(part) * 1e5) for part in parts.groups())
    assert a - b + c == total
    both, own, apart = re.search(r"0\.7:\n  (\d\.\d+) = (\d\.\d+) \+ (\d\.\d+)\.", lesson).groups()
    assert round(float(both) * 1e6) == round(float(own) * 1e6) + round(float(apart) * 1e6)


def test_lines_fit_a_terminal(lesson):
    assert max(len(line) for line in lesson.splitlines()) <= 110


def test_a_bar_is_as_long_as_its_loss(lesson):
    rows = re.findall(r"(\d\.\d{4})   (█+)$", lesson, re.MULTILINE)
    assert len(rows) == 9
    assert all(len(bar) == round(20 * float(loss)) for loss, bar in rows)


def test_the_null_distribution_is_exact_over_all_outcomes():
    """Reference: enumeration of the 2^10 outcomes with another program, to the digits that it printed."""
    figures = ten_points.ten_points_figures()
    assert figures["miscalibration_expected_if_calibrated_nats"] == pytest.approx(0.245865, abs=5e-7)
    assert figures["miscalibration_p_value"] == pytest.approx(0.753, abs=5e-4)
    unpenalised = ten_points.fit(ten_points.X, ten_points.IS_GREEN).predict_proba(ten_points.X)
    measured = logloss.measure(ten_points.IS_GREEN, unpenalised)
    assert measured.miscalibration.expected_if_calibrated == pytest.approx(0.208784, abs=5e-7)


POINTS = "x,colour\n1,red\n2.5,green\n3,red\n4,green\n0.5,red\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_writes_its_pictures_and_names_the_file(run, here):  # noqa: F811
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert out.endswith("\nPictures: ./logloss-demo.html     Your own points: logloss demo --help\n")
    page = (here / "logloss-demo.html").read_text(encoding="utf-8")
    assert "Log loss explained with ten points" in page
    assert run("demo", "--html", "other.html")[1].endswith(
        "Pictures: other.html     Your own points: logloss demo --help\n"
    )
    assert (here / "other.html").read_text(encoding="utf-8") == page


def test_figures_alone_leave_no_file(run, here):  # noqa: F811
    assert json.loads(run("demo", "--json")[1])["n_rows"] == 10
    assert list(here.iterdir()) == []
    assert run("demo", "--json", "--html", "page.html")[0] == 0
    assert (here / "page.html").exists()


def test_every_figure_of_the_text_is_on_the_page(run, here):  # noqa: F811
    """Every figure of the text but the unpenalised loss is on the page, too."""
    text, page = run("demo")[1], (here / "logloss-demo.html").read_text(encoding="utf-8")
    shown = set(re.findall(r"\d\.\d{4,}", text)) - {"0.3052"}
    assert sorted(figure for figure in shown if figure not in page) == []


def test_where_nothing_can_be_written_the_lesson_is_still_given(run, here, monkeypatch):  # noqa: F811
    """The default file was not requested by name: that it cannot be written is no failure; for a named file it is."""

    def refuse(path, data):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("logloss.show.page.write_atomically", refuse)
    code, out, err = run("demo")
    assert code == 0
    assert out.endswith("\nYour own points: logloss demo --help\n")
    assert err == (
        "no pictures: ./logloss-demo.html cannot be written (Permission denied). Name another file: --html PAGE\n"
    )
    assert run("demo", "--html", "page.html")[0] == 4
    assert run("demo", "--html", str(here / "no" / "page.html"))[0] == 4


def test_the_page_is_opened_on_request(run, here, monkeypatch):  # noqa: F811
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or len(opened) == 1)
    assert run("demo", "--open")[2] == ""
    assert opened == [(here / "logloss-demo.html").as_uri()]
    assert run("demo", "--open")[2] == "no browser is available here. Open ./logloss-demo.html in one.\n"


def test_own_points_get_the_same_page(run, here):  # noqa: F811
    (here / "points.csv").write_text(POINTS)
    code, out, err = run("demo", "points.csv", "-y", "colour", "-x", "x", "--pos-label", "green")
    assert (code, err) == (0, "")
    explained = logloss.explain("points.csv", "colour", feature="x", pos_label="green")
    assert out == f"{explained!r}\n\nPictures: ./logloss-demo.html\n"
    assert (here / "logloss-demo.html").read_text(encoding="utf-8") == explained.to_html()
    figures = json.loads(run("demo", "points.csv", "-y", "colour == 'green'", "-x", "x", "--l2", "2", "--json")[1])
    assert figures["log_loss_nats"] == logloss.fit([1, 2.5, 3, 4, 0.5], [0, 1, 0, 1, 0], l2=2.0).log_loss


def test_own_points_need_the_names_of_their_columns(run, here):  # noqa: F811
    (here / "points.csv").write_text(POINTS)
    assert "name the columns of FILE: -y COL for the labels, -x COL for the numbers." in run("demo", "points.csv")[2]
    assert run("demo", "points.csv")[0] == 2
    assert run("demo", "-y", "colour")[0] == 2
    assert run("demo", "points.csv", "-y", "colour", "-x", "x", "--html", "points.csv")[0] == 2
    assert run("demo", "none.csv", "-y", "colour", "-x", "x")[0] == 2
    code, _, err = run("demo", "points.csv", "-y", "colour", "-x", "x")
    assert code == 3
    assert "--pos-label" in err
