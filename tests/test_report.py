"""Reports: well-formed, self-contained, without script; true and readable for hard answers and hostile names."""

import base64
import hashlib
import json
import re
import shutil
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import logloss
from logloss import cli
from logloss.show import page

pytest.importorskip("matplotlib", reason="reports have pictures, which need matplotlib")

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
        f"Your log loss is {loss:.4f} nats ({loss / np.log(2):.4f} bits), between {loss.low:.4f} and {loss.high:.4f}. "
        f"Always saying the base rate would cost {measured.uncertainty:.4f}. {found:.4f} is miscalibration; "
        f"a calibrated forecaster would show {found.expected_if_calibrated:.2g} here: worth repairing (p < 0.005)."
    ) in text
    assert text.index("Your log loss") < text.index("Pictures") < text.index("Figures") < text.index("Groups")


def test_every_picture_has_its_sentence_and_its_numbers(measured):
    found = read(measured.to_html())
    assert found.tags.count("svg") == found.tags.count("figcaption") == found.tags.count("details") == 4
    assert found.tags.count("desc") == 4
    shown = measured.to_html()
    assert shown.count('role="img" aria-labelledby=') == 4
    for kind in ("reliability", "parts", "largest_losses", "groups"):
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
    "one row": ([1], [0.7], {}, "without an interval: one row"),
    "one class": ([1, 1, 1], [0.7, 0.8, 1.0], {}, "All labels are alike"),
    "infinite": (
        [1, 0, 1, 0],
        [0.0, 0.4, 0.9, 0.2],
        {"by": list("aabb")},
        "infinite: 1 of 4 rows was given probability 0",
    ),
    "two infinite": ([1, 1, 0], [0.0, 0.0, 0.2], {}, "2 of 3 rows were given probability 0 (first: row 0)"),
    "perfect": ([1, 0], [1.0, 0.0], {}, "Your log loss is 0.0000 nats"),
    "soft": ([0.5, 1.0, 0.1], [0.4, 0.9, 0.2], {}, "what chance alone would show is not available: soft labels."),
    "constant": ([0, 1] * 100, [0.5] * 200, {}, "no more than chance"),
    "clusters": (
        [0, 1] * 100,
        [0.3, 0.6] * 100,
        {"cluster": np.arange(200) % 20},
        "20 clusters of cluster independent",
    ),
    "weights": ([0, 1, 1], [0.3, 0.6, 0.5], {"sample_weight": [1.0, 0.5, 3.0]}, "weights sum to 4.5"),
    "worse than none": ([0, 1] * 100, [0.9, 0.1] * 100, {}, "worse than none."),
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
    assert "Clusters: their effective number, as many of equal weight; intervals count clusters, not rows." in text
    assert "No chance level of groups: rows of a cluster depend on each other." in text


def test_thousands_of_groups_make_a_page_of_ordinary_size():
    labels, proba = forecasts(12_000)
    names = np.array([f"{number} {'long name ' * 20}" for number in range(4_000)])
    found = read(logloss.measure(labels, proba, by=names[np.arange(12_000) % 4_000]).to_html())
    assert "The 200 of 4,000 groups that add most to the loss, or least." in " ".join(found.text)
    over = logloss.measure(labels, proba, by=np.arange(12_000) % 5_000)
    assert "There are more than 4,096 groups: none is kept." in " ".join(read(over.to_html()).text)


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
    assert "Intervals may be too narrow: 300 rows (below 500)." in text
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
    assert text.index(message) < text.index("What probabilities become") < text.index("Maps that were tried")
    assert message in " ".join(read(measured.to_html()).text)


def test_the_report_of_a_comparison_begins_with_who_is_better():
    labels, proba = forecasts(2_000)
    c = logloss.compare(labels, {"a": proba, HOSTILE[0]: np.full(2_000, 0.5), "c": proba**1.5}, order=range(2_000))
    text = " ".join(read(c.to_html()).text)
    assert f"c is the best of 3, better than a by {c.delta:.4f} nats per row" in text
    assert text.index("c is the best") < text.index("Pictures") < text.index("All pairs")
    assert "Log losses: c " in text
    assert "<script" not in c._repr_html_()


def test_the_report_of_a_difference_begins_with_the_move():
    names = np.array(HOSTILE, dtype=object)[np.arange(800) % len(HOSTILE)]
    old, new = (logloss.measure(*forecasts(800, seed=seed), by=names) for seed in (1, 2))
    d = logloss.diff(old, new)
    text = " ".join(read(d.to_html()).text)
    message = repr(d).splitlines()[0].removeprefix("l")
    assert f"L{message}." in text
    assert text.index(message) < text.index("What moved the loss") < text.index("Groups")
    assert "<script" not in d._repr_html_()
    apart = logloss.diff(logloss.measure([1, 0], [0.5, 0.5]), logloss.measure([1, 0], [0.0, 0.5]))
    assert "up without limit" in " ".join(read(apart.to_html()).text)


def test_the_report_of_a_plan_begins_with_the_rows():
    planned = logloss.plan(forecasts={HOSTILE[0]: [0.3, 0.6], "b": [0.4, 0.5]})
    text = " ".join(read(planned.to_html()).text)
    message = repr(planned).splitlines()[0]
    assert f"{message}." in text
    assert text.index(message) < text.index("Power and number of rows") < text.index("What the forecasts expect")
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
    assert run("merge", summary, "--html", report, "--plot", tmp_path / "f.png", "--picture", "parts")[0] == 0
    assert run("compare", csv, "-y", "y", "-p", "p", "-p", "y", "--html", report, "--plot", tmp_path / "f.pdf")[0] == 0
    assert (
        run("calibrate", summary, "--html", report, "--plot", tmp_path / "f.png", "--picture", "expected_reduction")[0]
        == 0
    )
    assert run("diff", summary, summary, "--html", report, "--plot", tmp_path / "f.svg")[0] == 0
    assert "Why the log loss moved" in report.read_text(encoding="utf-8")
    sizes = [(tmp_path / f"f.{form}").stat().st_size for form in ("pdf", "svg", "png")]
    assert min(sizes) > 1_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "f.gif"], "a picture is written to a file that ends in .pdf, .svg or .png; got f.gif."),
        (["--picture", "parts"], "--picture says what --plot FIGURE writes; name that file, too."),
        (["--plot", "f.png", "--picture", "pie"], 'a Measurement has no picture "pie".'),
        (["--html", "preds.csv"], "preds.csv would overwrite what is read. Name another file."),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_as_usage(run, csv, monkeypatch, words, message):
    monkeypatch.chdir(csv.parent)
    code, err = run("measure", "preds.csv", "-y", "y", "-p", "p", *words)
    assert code == 2
    assert message in err


def test_in_a_browser_nothing_is_loaded_refused_or_too_wide(hostile, tmp_path):
    browsers = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("NOT LOOKED AT IN A BROWSER: this test needs chromium (apt install chromium)")
    pages = []
    for kind, answer in hostile.items():
        pages.append(tmp_path / f"{kind}.html")
        answer.to_html(pages[-1])
    heard, requested = [], []
    with browsers.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
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
        browser.close()
    assert heard == []
    assert requested == 2 * [path.as_uri() for path in pages]
