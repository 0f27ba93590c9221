"""Pages in a real browser: Debian's Chromium, without a network, as people and their machines see them.

Skipped, and reported at the end of the tests, where Chromium or Playwright is missing: apt-get install chromium.
"""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from pages import figures_of, moves_of

import logloss
from logloss.show.explanation.ten_points import ten_points_explained

playwright = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")

# Two boxes of words touch where their empty rims do: letters do not fill the height of a line.
RIM = 2.5
TEXTS_APART = """rim => {
  const wrong = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    const found = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
    for (const [words, box] of found)
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        wrong.push("outside: " + words);
    for (let i = 0; i < found.length; i++)
      for (let j = 0; j < i; j++) {
        const [a, p] = found[i], [b, q] = found[j];
        if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 0.5 &&
            Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 2 * rim * frame.width / 440) wrong.push(a + " | " + b);
      }
  }
  return wrong;
}"""
CONTRASTS = """() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const own = light(getComputedStyle(document.querySelector("rect.own")).fill);
  const pale = light(getComputedStyle(document.querySelector("path.own-pale")).fill);
  const under = { "on-own": own, "inside": pale };
  return [...document.querySelectorAll("svg text")].map(t => {
    const style = getComputedStyle(t), ground = under[t.getAttribute("class")] ?? paper;
    return [t.textContent, ratio(light(style.fill), ground)];
  }).concat([...document.querySelectorAll("p, figcaption, h1, h2, h3, summary, a, label")].map(t =>
    [t.textContent, ratio(light(getComputedStyle(t).color), paper)])).filter(([, r]) => r < 4.5);
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pages on disk, by name."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(3)
    x = rng.normal(size=200).round(2)
    p = rng.beta(2, 3, 4000).round(3)
    explained = {
        "ten": ten_points_explained(),
        "many": logloss.explain(x, (rng.random(200) < 1 / (1 + np.exp(-2 * x))).astype(int)),
        "divided": logloss.explain([1, 2, 3, 4], [0, 0, 1, 1]),
        "falling": logloss.explain([1.5, 2, 3, 4, 5], [1, 1, 0, 1, 0]),
        "pools": logloss.explain(logloss.measure((rng.random(4000) < p**1.2).astype(int), p)),
        "rare": logloss.explain(logloss.measure(([1] + [0] * 99) * 20, [0.01, 0.02] * 1000)),
        "infinite": logloss.explain(logloss.measure([1, 0, 1, 0], [0.0, 0.4, 0.9, 0.2])),
    }
    for name, each in explained.items():
        each.to_html(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in explained}


@pytest.fixture
def opened(browser, files):
    """Open a page: nothing may be written to the console, fail, pop up or leave the machine."""
    contexts, heard = [], []

    def open_page(name, *, width=1100, **options):
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: heard.append(request.url))
        url = files[name].as_uri()
        page.goto(url)
        assert heard == [url]
        heard.clear()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def message(page, name):
    """What is read aloud beside a slider."""
    return page.locator(f"#{name}-box .live").inner_text()


def assert_at_frame(page, moves, k):
    """Every moving mark is where Python put it."""
    read = """moves => moves.map(([id, name]) => {
      const element = document.getElementById(id);
      return name ? element.getAttribute(name) : element.textContent;
    })"""
    assert page.evaluate(read, [move[:2] for move in moves]) == [values[k] for _, _, values in moves]


def test_the_slider_moves_the_forecast_and_kl_is_0_at_the_base_rate(opened, files):
    page = opened("ten")
    moves = moves_of(files["ten"].read_text(encoding="utf-8"))["forecast"]
    sentences = next(values for id_, _, values in moves if id_.startswith("forecast-text"))
    slider = page.get_by_role("slider", name="Always predict the same probability p of green")
    first = int(slider.input_value())
    assert_at_frame(page, moves, first)
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert message(page, "forecast") == sentences[first + 1]
    assert_at_frame(page, moves, first + 1)
    base_rate = next(k for k, sentence in enumerate(sentences) if sentence.startswith("Always predicting 0.7 "))
    slider.fill(str(base_rate))
    assert message(page, "forecast") == (
        "Always predicting 0.7 (base rate 0.7): cross-entropy 0.6109 = 0.6109 entropy + 0.0000 KL divergence."
    )
    assert slider.get_attribute("aria-valuetext") == "p = 0.7"
    assert_at_frame(page, moves, base_rate)
    half = next(k for k, sentence in enumerate(sentences) if sentence.startswith("Always predicting 0.5 "))
    slider.fill(str(half))
    both, own = logloss.cross_entropy(0.7, 0.5), logloss.entropy(0.7)
    assert f"cross-entropy {both:.6f} = {own:.6f} entropy + {both - own:.6f} KL divergence." in message(
        page, "forecast"
    )


def test_training_is_replayed_pass_by_pass(opened, files):
    page = opened("ten")
    moves = moves_of(files["ten"].read_text(encoding="utf-8"))["pass"]
    model = ten_points_explained().lesson.model
    slider = page.get_by_role("slider", name="Replay the training")
    slider.focus()
    page.keyboard.press("Home")
    for k, each in enumerate(model.passes):
        assert f"Pass {k + 1} of {len(model.passes)}" in message(page, "pass")
        assert f"log loss {each.log_loss:.4f} nats" in message(page, "pass")
        assert_at_frame(page, moves, k)
        page.keyboard.press("ArrowRight")
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    assert message(page, "pass").startswith("Pass 1 of ")
    page.clock.run_for(60_000)
    assert message(page, "pass").startswith(f"Pass {len(model.passes)} of ")


def test_without_script_every_picture_and_number_is_there(opened, files):
    page = opened("ten", java_script_enabled=False)
    assert page.locator(".slider:visible").count() == 0
    pictures = page.locator("svg")
    assert pictures.count() == len(figures_of(files["ten"].read_text(encoding="utf-8")))
    assert all(pictures.nth(k).bounding_box()["height"] > 80 for k in range(pictures.count()))
    page.locator("summary").first.click()
    assert page.get_by_role("cell", name="green").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(opened, scheme):
    """4.5 is what WCAG 2.2 asks of text (success criterion 1.4.3)."""
    page = opened("ten", color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
    assert page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("name", ["ten", "many", "divided", "falling", "pools", "rare", "infinite"])
def test_words_collide_nowhere_and_nothing_is_wider_than_the_page(opened, name):
    """Narrow and wide, and wherever the sliders are: the first, a middle and the last frame."""
    page = opened(name)
    for width in (400, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        for place in (0, 0.5, 1):
            page.evaluate(
                """share => document.querySelectorAll("input").forEach(slider => {
                  slider.value = Math.round(share * slider.max);
                  slider.dispatchEvent(new Event("input"));
                })""",
                place,
            )
            assert page.evaluate(TEXTS_APART, RIM) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_pictures_have_names_and_descriptions(opened, files):
    page = opened("ten")
    for title, figure in figures_of(files["ten"].read_text(encoding="utf-8")).items():
        picture = page.get_by_role("img", name=title, exact=True)
        assert picture.count() == 1
        assert picture.locator("desc").first.text_content() == figure.sentence


def test_the_page_prints(opened):
    page = opened("ten", color_scheme="dark")
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 4
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".slider:visible").count() == 0


def test_names_from_data_are_never_run(opened, files, tmp_path):
    name = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    table = {name: [1.0, 2.0, 3.0, 4.0], "y": [name, "no", name, "no"]}
    files["hostile"] = tmp_path / "hostile.html"
    logloss.explain(table, "y", feature=name, pos_label=name).to_html(files["hostile"])
    page = opened("hostile", width=400)
    assert page.locator("img[src]").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
