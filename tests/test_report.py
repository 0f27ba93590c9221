"""Reports: well-formed, self-contained, without script; true and readable for hard answers and hostile names."""

import base64
import hashlib
import json
import re
import shutil
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import logloss
from logloss import cli
from logloss.show import page
from logloss.show.drawings import kinds
from logloss.show.words.of_calibration import advice

VOID = {"meta", "link", "br", "input"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u202c",
    "שלום 12",
    "line\nbreak\r\t\x00\x1b[31m",
    "$\\frac{1}{",
    "&amp;<b>",
    "x" * 10_000,
    "",
    "null",
]


class Reader(HTMLParser):
    """Reads a page as a browser does, and stops at what no page of ours may hold."""

    def __init__(self, shown):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.text, self.policy = [], [], [], [], ""
        self.feed(shown)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        assert len(names) == len(attrs), f"an attribute stands twice in <{tag}>"
        assert not any(name.startswith("on") or name == "style" for name in names), names
        for name in ("href", "src", "xlink:href", "action", "srcset"):
            value = names.get(name) or "#"
            assert value.startswith("#") or value == "data:,", f"{tag} leads to {value}"
        if names.get("http-equiv") == "Content-Security-Policy":
            self.policy = names["content"]
        if "id" in names:
            self.ids.append(names["id"])
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def read(shown):
    """A page, once it is seen to be whole, alone and without script."""
    found = Reader(shown)
    assert len(set(found.ids)) == len(found.ids), "two elements have one name"
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert len(shown.encode()) < 500_000
    return found


def forecasts(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    proba = rng.random(n_rows)
    return (rng.random(n_rows) < proba**1.5).astype(int), proba


@pytest.fixture(scope="module")
def measured():
    labels, proba = forecasts(1_000)
    return logloss.measure(labels, proba, by=np.arange(1_000) % 4)


def test_a_report_begins_with_the_answer(measured):
    text = " ".join(read(measured.to_html()).text)
    loss, found = measured.log_loss, measured.miscalibration
    assert (
        f"{loss:.4f}  nats per row, log loss, 95% CI {loss.low:.4f}–{loss.high:.4f} \n "
        f"{advice(logloss.calibrate(measured), '')} \n "
        f"The baseline, always predicting the base rate {measured.base_rate:.4f}, has {measured.uncertainty:.4f} nats: "
        f"the skill score is {100 * measured.skill:.1f}% "
        f"(95% CI {100 * measured.skill.low:.1f}–{100 * measured.skill.high:.1f}%). "
        f"The miscalibration is {found:.4f}; {found.expected_if_calibrated:.2g} is expected if perfectly calibrated "
        "(significant, p < 0.005)."
    ) in text
    assert text.index("nats per row, log loss") < text.index("Pictures") < text.index("Figures") < text.index("Groups")


def test_every_picture_has_its_sentence_and_its_numbers(measured):
    found = read(measured.to_html())
    assert found.tags.count("svg") == found.tags.count("figcaption") == found.tags.count("details") == 4
    assert found.tags.count("desc") == 4
    shown = measured.to_html()
    assert shown.count('role="img" aria-labelledby=') == 4
    for kind in ("reliability", "decomposition", "concentration", "groups"):
        assert logloss.drawing(measured, kind).sentence in " ".join(found.text)


def test_the_policy_lets_in_the_style_sheet_of_the_page_and_nothing_else(measured):
    shown = measured.to_html()
    sheet = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)[1]
    own = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert read(shown).policy == (
        f"default-src 'none'; style-src 'sha256-{own}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert shown.count("<style") == 1
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_a_script_runs_only_if_the_page_was_made_with_it():
    script = "document.title = 'ran';"
    shown = page.page("t", page.paragraph("p"), script=script)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{own}'" in shown
    assert shown.count("<script>") == 1
    with pytest.raises(ValueError, match="data_for_script"):
        page.page("t", "", script="x = '</script>'")


def test_data_for_a_script_come_back_and_cannot_end_it():
    values = {"names": [*HOSTILE, "\u2028"], "numbers": [1.5, 3]}
    written = page.data_for_script(values)
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == values


def test_the_same_answer_makes_the_same_page_and_file(measured, tmp_path):
    path = tmp_path / "report.html"
    shown = measured.to_html(path)
    assert path.read_text(encoding="utf-8") == shown == measured.to_html()


@pytest.fixture(scope="module")
def hostile():
    """Answers all whose names come from somebody who wishes us ill."""
    labels, proba = forecasts(1_000)
    groups = np.array(HOSTILE, dtype=object)[np.arange(1_000) % len(HOSTILE)]
    y, p, by = (f"{name}{HOSTILE[0]}\u202e{'w' * 300}" for name in "ypg")
    table = {y: labels, p: proba, by: groups}
    return {
        "measurement": logloss.measure(table, y_true=y, y_proba=p, by=by, name=HOSTILE[0]),
        "model": logloss.fit({p: proba, by: groups, "y": labels}, "y", l2=1.0),
    }


@pytest.mark.parametrize("kind", ["measurement", "model"])
def test_what_comes_from_data_is_only_ever_text(hostile, kind):
    answer = hostile[kind]
    found = read(answer.to_html())
    text = "".join(found.text)
    assert HOSTILE[0] in text
    assert not any(letter in text for letter in "\u202e\x00\x1b")
    assert max(map(len, re.findall(r"x+|w+", text))) <= 160
    short = answer._repr_html_()
    assert "<script" not in short
    assert "<img" not in short


def test_letters_from_right_to_left_turn_only_themselves():
    assert page.paragraph("of שלום עולם, 0.5 more") == "<p>of <bdi>שלום עולם</bdi>, 0.5 more</p>"


HARD = {
    "one row": ([1], [0.7], {}, "no CI: one row"),
    "one class": ([1, 1, 1], [0.7, 0.8, 1.0], {}, "the skill score is not defined (one class: the baseline is 0)"),
    "infinite": (
        [1, 0, 1, 0],
        [0.0, 0.4, 0.9, 0.2],
        {"by": list("aabb")},
        "infinite. 1 of 4 rows has probability 0 for the observed class",
    ),
    "two infinite": (
        [1, 1, 0],
        [0.0, 0.0, 0.2],
        {},
        "2 of 3 rows have probability 0 for the observed class (the first is row 0)",
    ),
    "perfect": ([1, 0], [1.0, 0.0], {}, "Log loss: 0.0000 nats"),
    "soft": ([0.5, 1.0, 0.1], [0.4, 0.9, 0.2], {}, "its null distribution is not available: soft labels."),
    "constant": ([0, 1] * 100, [0.5] * 200, {}, "(not significant, p = "),
    "clusters": (
        [0, 1] * 100,
        [0.3, 0.6] * 100,
        {"cluster": np.arange(200) % 20},
        "independent clusters (20 of cluster, effective number 10)",
    ),
    "weights": ([0, 1, 1], [0.3, 0.6, 0.5], {"sample_weight": [1.0, 0.5, 3.0]}, "weights sum to 4.5"),
    "worse than none": ([0, 1] * 100, [0.9, 0.1] * 100, {}, "worse than the baseline."),
}


@pytest.mark.parametrize("name", HARD)
def test_the_page_of_a_hard_answer_tells_the_truth(name):
    labels, proba, options, message = HARD[name]
    found = read(logloss.measure(labels, proba, **options).to_html())
    assert message in " ".join(found.text)
    assert "nan" not in " ".join(found.text)


@pytest.mark.slow
def test_a_page_says_how_groups_with_clusters_were_counted():
    y, p = np.tile([1, 0, 1, 1, 0], 60), np.tile([0.7, 0.4, 0.6, 0.9, 0.2], 60)
    text = " ".join(read(logloss.measure(y, p, by=np.arange(300) % 2, cluster=np.arange(300) // 5).to_html()).text)
    assert "Clusters: their effective number, (Σw)² / Σw²; intervals assume independent clusters." in text
    assert "Null distribution of groups not available: rows of a cluster depend on each other." in text


def test_thousands_of_groups_make_a_page_of_ordinary_size():
    labels, proba = forecasts(12_000)
    names = np.array([f"{number} {'long name ' * 20}" for number in range(4_000)])
    found = read(logloss.measure(labels, proba, by=names[np.arange(12_000) % 4_000]).to_html())
    assert "200 of 4,000 groups, by size of contribution." in " ".join(found.text)
    over = logloss.measure(labels, proba, by=np.arange(12_000) % 5_000)
    assert "More than 4,096 groups of by: none is kept." in " ".join(read(over.to_html()).text)


@pytest.mark.filterwarnings("ignore::logloss.SeparationWarning")
def test_the_report_of_a_model_says_what_it_costs_and_whether_it_is_the_best():
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    labels = (rng.random(300) < 1 / (1 + np.exp(-x))).astype(int)
    model = logloss.fit({"x": x, "y": labels}, "y")
    text = " ".join(read(model.to_html()).text)
    assert f"Log loss {model.log_loss:.4f} nats per row" in text
    assert f"{model.out_of_sample.log_loss:.4f} leave-one-out; the baseline, always predicting the base rate" in text
    assert "The optimum is certified: the log loss is at most" in text
    assert "Caution: intervals may be too narrow: 300 rows (below 500)." in text
    apart = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    assert "The classes are separated by x: the loss falls as long as" in " ".join(read(apart.to_html()).text)


@pytest.mark.parametrize("name", HARD)
def test_the_page_of_a_hard_calibration_is_whole(name):
    labels, proba, options, _ = HARD[name]
    c = logloss.calibrate(labels, proba, **{key: value for key, value in options.items() if key != "by"})
    text = " ".join(read(c.to_html()).text)
    assert "nan" not in text
    assert "<script" not in c._repr_html_()


def test_the_report_of_a_calibration_begins_with_what_it_saves(measured):
    c = logloss.calibrate(measured)
    text = " ".join(read(c.to_html()).text)
    message = f"Recalibration is expected to reduce the log loss by {c.expected_reduction:.4f} ("
    assert message in text
    assert text.index(message) < text.index("Calibration map") < text.index("Maps that were tried")
    assert message in " ".join(read(measured.to_html()).text)


def test_the_report_of_a_comparison_begins_with_who_is_better():
    labels, proba = forecasts(2_000)
    c = logloss.compare(labels, {"a": proba, HOSTILE[0]: np.full(2_000, 0.5), "c": proba**1.5}, order=range(2_000))
    text = " ".join(read(c.to_html()).text)
    message = "Use c: its log loss is significantly lower than that of a, the second lowest of 3."
    assert message in text
    assert text.index(message) < text.index("Pictures") < text.index("All pairs")
    assert "Baseline: always predicting the base rate" in text
    assert "<script" not in c._repr_html_()


def test_the_report_of_a_difference_begins_with_the_change():
    names = np.array(HOSTILE, dtype=object)[np.arange(800) % len(HOSTILE)]
    old, new = (logloss.measure(*forecasts(800, seed=seed), by=names) for seed in (1, 2))
    d = logloss.diff(old, new)
    text = " ".join(read(d.to_html()).text)
    message = "The change in log loss is not significant: nothing to do."
    assert message in text
    assert f"Log loss {old.log_loss:.4f} → {new.log_loss:.4f} nats per row." in text
    assert text.index(message) < text.index("Decomposition of the change") < text.index("Groups")
    assert "<script" not in d._repr_html_()
    apart = logloss.diff(logloss.measure([1, 0], [0.5, 0.5]), logloss.measure([1, 0], [0.0, 0.5]))
    assert "probability 0 for their observed class first" in " ".join(read(apart.to_html()).text)
    back = logloss.diff(logloss.measure([1, 0], [0.0, 0.5]), logloss.measure([1, 0], [0.5, 0.5]))
    message = "The old log loss is infinite and the new one is finite: rows with probability 0 for the observed class"
    assert f"{message} no longer occur." in " ".join(read(back.to_html()).text)


def test_the_report_of_a_plan_begins_with_the_rows():
    planned = logloss.plan(forecasts={HOSTILE[0]: [0.3, 0.6], "b": [0.4, 0.5]})
    text = " ".join(read(planned.to_html()).text)
    message = repr(planned).splitlines()[0]
    assert message in text
    assert text.index(message) < text.index("Assumptions") < text.index("Scenarios")
    assert "<script" not in planned._repr_html_()


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stderr)."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["logloss", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, capsys.readouterr().err

    return command


@pytest.fixture
def csv(tmp_path):
    labels, proba = forecasts(60)
    path = tmp_path / "preds.csv"
    path.write_text("y,p\n" + "".join(f"{y},{p}\n" for y, p in zip(labels, proba, strict=True)))
    return path


@pytest.mark.slow
def test_the_shell_writes_reports_and_pictures(run, csv, tmp_path):
    report, summary, model = tmp_path / "r.html", tmp_path / "s.logloss", tmp_path / "m.json"
    measuring = ("measure", csv, "-y", "y", "-p", "p", "-o", summary)
    assert run(*measuring, "--html", report, "--plot", tmp_path / "f.pdf")[0] == 0
    # A summary keeps the lines of the three rows that its text shows.
    bare = [
        re.sub(r" \(line \d+\)", "", shown) for shown in (report.read_text("utf-8"), logloss.load(summary).to_html())
    ]
    assert bare[0] == bare[1]
    assert run("fit", csv, "-y", "y", "-o", model, "--html", report)[0] == 0
    assert report.read_text(encoding="utf-8") == logloss.load(model).to_html()
    assert run("show", model, "--plot", tmp_path / "f.svg", "--picture", "passes")[0] == 0
    assert run("merge", summary, "--html", report, "--plot", tmp_path / "f.png", "--picture", "decomposition")[0] == 0
    assert run("compare", csv, "-y", "y", "-p", "p", "-p", "y", "--html", report, "--plot", tmp_path / "f.pdf")[0] == 0
    assert run("calibrate", summary, "--html", report, "--plot", tmp_path / "f.png", "--picture", "reduction")[0] == 0
    assert run("diff", summary, summary, "--html", report, "--plot", tmp_path / "f.svg")[0] == 0
    assert "Change in log loss" in report.read_text(encoding="utf-8")
    sizes = [(tmp_path / f"f.{form}").stat().st_size for form in ("pdf", "svg", "png")]
    assert min(sizes) > 1_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "f.gif"], "a picture is written to a file that ends in .pdf, .svg or .png; got f.gif."),
        (["--picture", "decomposition"], "--picture needs --plot FIGURE, the file to write the picture to."),
        (["--plot", "f.png", "--picture", "pie"], 'a Measurement has no picture "pie".'),
        (["--html", "preds.csv"], "preds.csv would overwrite what is read. Name another file."),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_as_usage(run, csv, monkeypatch, words, message):
    monkeypatch.chdir(csv.parent)
    code, err = run("measure", "preds.csv", "-y", "y", "-p", "p", *words)
    assert code == 2
    assert message in err


@pytest.fixture(scope="module")
def answers(measured):
    """One of each kind, with names as long as people's are."""
    labels, proba = forecasts(1_000)
    names = np.array(["Amer-Indian-Eskimo", "Asian-Pac-Islander", "White"])[np.arange(1_000) % 3]
    shown = logloss.compare(labels, {"forecaster_of_old": proba, "b": proba**1.5}, order=range(1_000), by=names)
    return {
        "measurement": logloss.measure(labels, proba, by=names, cluster=np.arange(1_000) % 50, name="a_long_name.csv"),
        "model": logloss.fit({"origin": names, "proba": proba, "y": labels}, "y"),
        "calibration": logloss.calibrate(measured),
        "comparison": shown,
        "difference": logloss.diff(measured, logloss.measure(*forecasts(1_000, seed=2))),
        "monitoring": logloss.watch(
            [logloss.measure(*forecasts(1_000, seed=k)) for k in range(11)], within="independent"
        ),
        "plan": logloss.plan(std=0.1, difference=0.01),
        "segments": logloss.segments(
            {"origin": names, "y": np.where(names == "White", 1 - labels, labels), "p": proba}, y_true="y", y_proba="p"
        ),
    }


def test_every_page_has_one_large_number_with_its_interval(answers):
    for kind, answer in answers.items():
        (shown,) = re.findall(r'<p class="headline"><strong>(.*?)</strong> (.*?)</p>', answer.to_html())
        number, words = shown
        assert re.fullmatch(r"[+−]?[\d,.]+", number), kind
        assert ("95% CI " in words) == (kind not in ("model", "plan", "segments")), words


def test_an_interval_column_of_a_picture_holds_intervals_only(answers):
    """Low–high, or nothing; every number of a picture is in its page."""
    ends = re.compile(r"−?[\d.,e-]+–−?[\d.,e-]+|")
    found = 0
    for answer in answers.values():
        for kind in kinds(answer):
            head, *rows = logloss.drawing(answer, kind).numbers
            for place in [j for j, name in enumerate(head) if "95%" in name]:
                assert [row[place] for row in rows if not ends.fullmatch(row[place])] == [], kind
                found += 1
    assert found >= 7


@pytest.fixture(scope="module")
def browser():
    browsers = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("NOT LOOKED AT IN A BROWSER: this test needs chromium (apt install chromium)")
    with browsers.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_tables_end_at_one_edge_and_a_narrow_page_scrolls_to_their_last_column(answers, browser, tmp_path):
    read_edges = """() => [...document.querySelectorAll(".scroll")].filter(e => !e.closest("details")).map(e => {
      e.scrollLeft = 1e6;
      const cells = [...e.querySelectorAll("tr > :last-child")].map(c => c.getBoundingClientRect().right);
      return [e.getBoundingClientRect().right, Math.max(...cells)];
    })"""
    # A phone hides scroll bars: the shade at the edge stays, and is covered where the table ends.
    cue = "getComputedStyle(document.querySelector('.scroll')).backgroundAttachment"
    for kind, answer in answers.items():
        path = tmp_path / f"{kind}.html"
        answer.to_html(path)
        for width in (400, 1100):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            tab.goto(path.as_uri())
            edges = tab.evaluate(read_edges)
            assert len(edges) >= 2
            # A pixel: widths of cells are rounded.
            assert {round(frame) for frame, _ in edges} == {round(edges[0][0])}, kind
            assert max(abs(frame - cell) for frame, cell in edges) <= 1, (kind, width)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.evaluate(cue) == "local, scroll"
            tab.close()


@pytest.mark.parametrize("kind", ["difference", "plan"])
def test_a_picture_alone_fills_the_width(answers, browser, tmp_path, kind):
    answers[kind].to_html(tmp_path / "page.html")
    tab = browser.new_page(viewport={"width": 1100, "height": 800})
    tab.goto((tmp_path / "page.html").as_uri())
    box = "document.querySelector('{}').getBoundingClientRect()"
    picture, words, main = (tab.evaluate(box.format(name)) for name in ("figure svg", "figcaption", "main"))
    assert picture["width"] > 0.5 * main["width"]
    assert words["left"] > picture["right"]
    assert abs(words["right"] - main["right"]) <= 1
    tab.close()


def test_in_a_browser_nothing_is_loaded_refused_or_too_wide(hostile, browser, tmp_path):
    pages = []
    for kind, answer in hostile.items():
        pages.append(tmp_path / f"{kind}.html")
        answer.to_html(pages[-1])
    heard, requested = [], []
    for scheme in ("light", "dark"):
        tab = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme).new_page()
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("request", lambda request: requested.append(request.url))
        for path in pages:
            tab.goto(path.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 400
        assert tab.pdf().startswith(b"%PDF")
    assert heard == []
    assert requested == 2 * [path.as_uri() for path in pages]


def test_kept_columns_of_listed_rows_are_columns_of_their_table():
    frame = pd.DataFrame({"y": [1, 0, 1, 0], "p": [0.8, 0.7, 0.4, 0.2], "q": [0.6, 0.5, 0.5, 0.1]})
    frame["match id"] = ["007", None, "<b>", "x"]
    page_of_one = logloss.measure(frame, y_true="y", y_proba="p", keep="match id").to_html()
    page_of_two = logloss.compare(frame, y_true="y", y_proba=["p", "q"], keep=["match id"]).to_html()
    for html, title in ((page_of_one, "Largest losses"), (page_of_two, "Largest differences")):
        table = html[html.index(f">{title}<") :]
        table = table[: table.index("</table>")]
        heads = re.findall(r"<th[^>]*scope=\"col\"[^>]*>(.*?)</th>", table)
        assert heads[:2] == ["row", "match id"]
        assert "&lt;b&gt;" in table
        assert "match id =" not in table
