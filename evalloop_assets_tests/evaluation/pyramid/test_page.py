"""The page in a real browser: it stands alone, shows what it has, can be read on a phone and used with the keyboard."""

import pytest
from playwright.sync_api import sync_playwright

from evalloop_assets.evaluation.pyramid.rendering import in_markdown, render
from evalloop_assets_tests.evaluation.pyramid.world import HOSTILE, fill_lake, history, page

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def full(lake, tmp_path):
    fill_lake(lake)
    return page(lake, history=history(f"sqlite:///{tmp_path}/ledger.sqlite"))


@pytest.fixture
def show(browser, tmp_path):
    """Opens a page; whatever it logs, fails at or asks the network for is a failure of the test."""
    faults, asked = [], []

    def opened(told, viewport=DESK, scheme="light"):
        path = tmp_path / "report.html"
        path.write_text(render(told), encoding="utf-8")
        tab = browser.new_page(viewport=viewport, color_scheme=scheme)
        tab.on("console", lambda message: faults.append(message.text))
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        return tab

    yield opened
    assert faults == []
    assert {url.partition("#")[0].rpartition("/")[2] for url in asked} == {"report.html"}


def test_names_from_data_are_text_and_nothing_is_fetched(show, full):
    tab = show(full)
    assert tab.locator("script").count() == 0
    assert HOSTILE in tab.locator("#ratings .name").all_inner_texts()
    assert tab.locator("#ratings .figures li").count() == 1
    assert "not known" not in tab.locator("main").inner_text()


def test_every_picture_is_drawn_and_says_what_it_shows(show, full):
    tab = show(full)
    pictures = tab.locator("svg[role=img]")
    assert pictures.count() > 10
    for number in range(pictures.count()):
        box = pictures.nth(number).bounding_box()
        assert box["width"] > 40
        assert box["height"] > 10
        assert pictures.nth(number).get_attribute("aria-label")
    marks = tab.locator("svg.interval circle")
    for number in range(marks.count()):
        place, around = marks.nth(number).bounding_box(), marks.nth(number).locator("..").bounding_box()
        assert around["x"] <= place["x"] + place["width"] / 2 <= around["x"] + around["width"]


def test_an_interval_begins_and_ends_where_its_figures_say(show, full):
    line = show(full).locator("#experiments svg.interval").first
    zero, bounds = line.locator(".zero").bounding_box(), line.locator(".bounds").bounding_box()
    assert bounds["x"] + bounds["width"] < zero["x"]
    whole = line.bounding_box()
    assert bounds["x"] == pytest.approx(whole["x"] + 0.03 * whole["width"], abs=1.5)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_window(show, full, viewport):
    tab = show(full, viewport)
    assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    small = tab.evaluate(
        "[...document.querySelectorAll('p, li, h2, h3, h4, span')].filter(e => e.innerText.trim() && "
        "parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.innerText)"
    )
    assert small == []


def test_the_drawn_pyramid_holds_its_words(show, full):
    tab = show(full)
    for layer in ("top", "middle", "base"):
        shape = tab.locator(f"svg.pyramid a[href='#part-{layer}']")
        words = shape.locator("text.line").bounding_box()
        sides = shape.locator("polygon").bounding_box()
        assert sides["x"] < words["x"]
        assert words["x"] + words["width"] < sides["x"] + sides["width"]


def test_every_link_is_reached_with_the_tab_key_shown_and_leads_to_a_part(show, full):
    tab = show(full)
    links = tab.locator("a").count()
    reached = set()
    for _ in range(links):
        tab.keyboard.press("Tab")
        target, outline = tab.evaluate(
            "[document.activeElement.getAttribute('href'), getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline != "none"
        assert tab.locator(f"[id='{target[1:]}']").count() == 1
        reached.add(target)
    assert {f"#part-{part.key}" for part, _ in full.parts} <= reached
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == target


CONTRAST = """
    () => {
      const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number).slice(0, 3).map(
        v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b;
      };
      const paper = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
      return Math.min(...[...document.querySelectorAll('p, li span, h1, h2, h3, h4, a, figcaption')]
        .filter(e => e.innerText && e.innerText.trim() && !e.closest('svg'))
        .map(e => { const [a, b] = [light(getComputedStyle(e).color), light(paper(e))].sort((x, y) => y - x);
          return (a + .05) / (b + .05); }));
    }
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_paper(show, full, scheme):
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    tab = show(full, scheme=scheme)
    assert tab.evaluate(CONTRAST) >= 4.5
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 27)"}[scheme]


def test_a_page_without_data_says_what_is_missing_and_draws_nothing(show, lake):
    tab = show(page(lake))
    assert tab.locator(".empty").count() == tab.locator("main section section").count()
    assert tab.locator("svg[role=img]").count() == 0
    assert "0 models, 0 experiments" in tab.locator("svg.pyramid").inner_html()


def test_findings_in_markdown_keep_their_cells():
    row = {"part": "risks", "status": "harm", "subject": "a | b", "words": "one\ntwo"}
    assert in_markdown([row]).splitlines()[-1] == "| risks | harm | a \\| b | one two |"
