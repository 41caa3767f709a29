"""A page in a real browser: it draws, answers, and asks for nothing."""

import json
import shutil
import tempfile
import time

import numpy as np
import pytest

from .conftest import EVIL, embedded

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.extras,
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or its driver is not installed"),
]

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    downloads = tmp_path_factory.mktemp("downloads")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = selenium.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = selenium.Chrome(options=options, service=Service(DRIVER))
        driver.downloads = downloads
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
        yield driver
        driver.quit()


@pytest.fixture
def show(browser, everything):
    """Open the page, at a width and with a preference."""

    def opened(width: int = 1200, height: int = 900, scheme: str = "light"):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(everything.as_uri())
        return browser

    return opened


def figure(browser, identity, selector=""):
    return browser.find_elements("css selector", f'[data-figure="{identity}"] {selector}')


def drawn(browser, identity):
    return browser.execute_script(
        'return [...document.querySelectorAll(`[data-figure="${arguments[0]}"] .plot path.mark`)]'
        ".map((each) => each.getAttribute('d'))",
        identity,
    )


def places(browser, identity):
    """Centres of all markers, in pixels of the page."""
    return np.array(
        browser.execute_script(
            'return [...document.querySelectorAll(`[data-figure="${arguments[0]}"] .plot path.mark`)].map((each) => {'
            "const box = each.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })",
            identity,
        )
    )


def choose(browser, identity, scale):
    [radio] = figure(browser, identity, f'input[value="{scale}"]')
    browser.execute_script("arguments[0].click()", radio)


def test_no_complaints_and_no_requests(show, everything):
    browser = show()
    # The page itself, and its icon, which is empty and inside it.
    assert len(browser.find_elements("css selector", ".chart svg")) >= len(embedded(everything)["figures"])
    assert browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)") in (
        [],
        ["data:,"],
    )
    assert [each["message"] for each in browser.get_log("browser")] == []
    events = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [everything.as_uri()]


def test_a_script_that_gets_in_does_not_run_and_fetches_nothing(show):
    browser = show()
    browser.execute_script(
        "const made = document.createElement('div');"
        'made.innerHTML = \'<img src="https://example.org/a.png" onerror="document.title = 1">\';'
        "document.body.append(made);"
    )
    time.sleep(0.2)
    assert browser.title != "1"
    refused = " ".join(each["message"] for each in browser.get_log("browser"))
    assert "Content Security Policy" in refused


def test_markup_in_names_is_text(show):
    browser = show()
    assert browser.find_elements("tag name", "img") == []
    assert "owned" not in browser.title.replace(EVIL, "")
    labels = browser.execute_script(
        "return [...document.querySelectorAll('.legend label')].map((each) => each.textContent)"
    )
    assert EVIL in labels


def ticks(browser, identity):
    """Pixels and numbers of the ticks of both axes, as they are labelled: shape (n, 2) each."""
    found = browser.execute_script(
        'const plot = document.querySelector(`[data-figure="${arguments[0]}"] .plot`);'
        "const of = (selector, side) => [...plot.querySelectorAll(selector)].map((each) => {"
        "const box = each.getBoundingClientRect();"
        "return [side ? box.y + box.height / 2 : box.x + box.width / 2, each.nextElementSibling.textContent]; });"
        "return [of('path.axis[d$=v5]', 0), of('path.grid', 1)]",
        identity,
    )
    return [np.array([[pixel, as_number(label)] for pixel, label in axis]) for axis in found]


def as_number(label: str) -> float:
    """The number that a tick is labelled with: 1,000 or 10⁻³."""
    raised = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    plain = label.replace(",", "").replace("\u2212", "-")
    is_power = plain.startswith("10") and len(plain) > 2 and plain[2] in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
    return 10.0 ** int(plain[2:].translate(raised)) if is_power else float(plain)


def test_every_point_is_drawn_where_the_axes_say(show, everything):
    browser = show()
    spec = embedded(everything)["figures"]["curves-1"]
    points = [each for each in spec["series"] if each["kind"] == "points"]
    expected = np.array([pair for each in points for pair in zip(each["x"], each["y"], strict=True)])
    found = places(browser, "curves-1")
    assert len(found) == len(expected)
    above = expected[:, 1] > spec["bottom"]
    for axis, marked in enumerate(ticks(browser, "curves-1")):
        assert len(marked) >= 2
        slope, start = np.polyfit(np.log10(marked[:, 1]), marked[:, 0], 1)
        pixels = slope * np.log10(expected[above, axis]) + start
        np.testing.assert_allclose(found[above, axis], pixels, atol=1.0)
    edge = found[~above, 1]
    assert len(edge) > 0
    assert np.ptp(edge) < 1
    assert edge.min() > found[above, 1].max()
    hollow = figure(browser, "curves-1", ".plot path.mark.hollow")
    sure = np.concatenate([each["sure"] for each in points])
    assert len(hollow) == np.count_nonzero(~above | ~sure)


def test_axes_can_be_changed(show, everything):
    browser = show()
    before = drawn(browser, "curves-1")
    choose(browser, "curves-1", "lin-log")
    spec = embedded(everything)["figures"]["curves-1"]
    assert drawn(browser, "curves-1") != before
    found = places(browser, "curves-1")
    shown = [x for each in spec["series"] if each["kind"] == "points" for x in each["x"] if x <= spec["near"]]
    assert len(found) == len(shown)
    marked = ticks(browser, "curves-1")[0]
    slope, start = np.polyfit(marked[:, 1], marked[:, 0], 1)
    np.testing.assert_allclose(found[:, 0], slope * np.array(shown) + start, atol=1.0)
    choose(browser, "curves-1", "log-log")
    assert drawn(browser, "curves-1") == before


def test_curves_can_be_hidden_with_what_belongs_to_them(show, chain):
    browser = show()
    before = len(drawn(browser, "curves-1"))
    lines = len(figure(browser, "curves-1", ".plot path.curve-line"))
    box = browser.execute_script(
        "return [...document.querySelectorAll('[data-figure=\"curves-1\"] .legend label')]"
        ".find((each) => each.textContent === 'a chain').querySelector('input')"
    )
    browser.execute_script("arguments[0].click()", box)
    assert len(drawn(browser, "curves-1")) == before - len(chain)
    assert len(figure(browser, "curves-1", ".plot path.curve-line")) == lines - 1
    browser.execute_script("arguments[0].click()", box)
    assert len(drawn(browser, "curves-1")) == before


def test_pointing_at_a_value_tells_it(show, chain):
    from selenium.webdriver import ActionChains

    browser = show()
    [plot] = figure(browser, "curves-1", ".plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    x, y = places(browser, "curves-1")[3]
    box = plot.rect
    offset = browser.execute_script("return [scrollX, scrollY]")
    middle = box["x"] - offset[0] + box["width"] / 2, box["y"] - offset[1] + box["height"] / 2
    ActionChains(browser).move_to_element_with_offset(plot, int(x - middle[0]), int(y - middle[1])).perform()
    [tip] = figure(browser, "curves-1", ".tip")
    assert tip.is_displayed()
    low, high = chain.interval(excess=True)
    for part in ("a chain", "lag", str(chain.lags[3]), f"{chain.excess[3]:.4g}", f"{low[3]:.3g} to {high[3]:.3g}"):
        assert part in tip.text


def test_zoom_by_buttons_by_dragging_and_back(show):
    from selenium.webdriver import ActionChains

    browser = show()
    [plot] = figure(browser, "curves-1", ".plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    before = drawn(browser, "curves-1")
    *_, show_all = figure(browser, "curves-1", ".zoom button")
    assert not show_all.is_enabled()
    actions = ActionChains(browser).move_to_element_with_offset(plot, -150, -60)
    actions.click_and_hold().move_by_offset(220, 120).release().perform()
    assert show_all.is_enabled()
    assert 0 < len(drawn(browser, "curves-1")) < len(before)
    show_all.click()
    assert drawn(browser, "curves-1") == before
    closer, farther, _ = figure(browser, "curves-1", ".zoom button")
    closer.click()
    assert drawn(browser, "curves-1") != before
    farther.click()
    assert drawn(browser, "curves-1") == before
    assert not show_all.is_enabled()


def test_the_keyboard_reads_points_aloud(show, chain):
    from selenium.webdriver.common.keys import Keys

    browser = show()
    [plot] = figure(browser, "curves-1", ".plot")
    plot.send_keys(Keys.ARROW_RIGHT)
    announcer = browser.find_element("id", "announcer")
    assert announcer.get_attribute("textContent").startswith(
        f"a chain: lag {chain.lags[0]}, value {chain.excess[0]:.4g}"
    )
    plot.send_keys(Keys.ARROW_RIGHT)
    assert announcer.get_attribute("textContent").startswith(f"a chain: lag {chain.lags[1]},")
    plot.send_keys(Keys.ARROW_DOWN)
    assert announcer.get_attribute("textContent").startswith("another chain: lag 2,")
    outline = browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", plot)
    assert outline == "solid"
    [cells] = figure(browser, "parts-1-map", ".plot")
    cells.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert announcer.get_attribute("textContent").startswith("valid: lag 2")


def test_all_that_can_be_used_has_a_name_and_is_reached_by_keyboard(show):
    browser = show()
    nameless = browser.execute_script(
        "return [...document.querySelectorAll('button, input, a, [tabindex]')].filter((each) => !("
        "each.getAttribute('aria-label') || each.textContent.trim() || (each.labels && each.labels.length)))"
        ".map((each) => each.outerHTML)"
    )
    assert nameless == []
    assert browser.execute_script("return document.querySelectorAll('[tabindex=\"-1\"]').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_paper(show, scheme):
    browser = show(scheme=scheme)
    colours = browser.execute_script(
        "const of = (selector, key) => getComputedStyle(document.querySelector(selector))[key];"
        "return [of('body', 'backgroundColor'), of('body', 'color'), of('.about', 'color'), of('.verdict', 'color'),"
        "of('figcaption p', 'color')]"
    )
    paper, *inks = (luminance(each) for each in colours)
    assert (paper > 0.9) if scheme == "light" else (paper < 0.05)
    for ink in inks:
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Of WCAG 2, from rgb(r, g, b)."""
    parts = np.array([float(each) for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_light_and_dark_by_button(show):
    browser = show()
    theme = browser.find_element("id", "theme")
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(paper)
    assert theme.get_attribute("aria-pressed") == "false"
    theme.click()
    assert theme.get_attribute("aria-pressed") == "true"
    assert luminance(browser.execute_script(paper)) < 0.05 < luminance(light)
    theme.click()
    assert browser.execute_script(paper) == light


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_has_no_sideways_scroll(show, width):
    browser = show(width, 844)
    wide = browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true;"
        "return [document.documentElement.scrollWidth, innerWidth]"
    )
    assert wide[0] <= width == wide[1]
    assert len(drawn(browser, "curves-1")) > 20


def test_numbers_are_saved(show, chain):
    browser = show()
    for selector in ('[data-csv="curves-1-numbers"]', '[data-json="0"]'):
        browser.execute_script("arguments[0].click()", browser.find_element("css selector", selector))
    table, whole = browser.downloads / "curves-1-numbers.csv", browser.downloads / "a-chain-curve.json"
    for _ in range(100):
        if table.exists() and whole.exists():
            break
        time.sleep(0.05)
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert rows[0] == ["curve", "lag", "value", "low", "high", "q"]
    own = [row for row in rows if row[0] == "a chain"]
    assert [float(row[2]) for row in own] == chain.excess.tolist()
    from miscope.curve import MICurve

    assert MICurve.load(whole).mi.tolist() == chain.mi.tolist()


def test_paper_has_no_buttons_and_dark_ink(show):
    browser = show(scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    seen = browser.execute_script(
        "return [getComputedStyle(document.body).color, ...[...document.querySelectorAll('button, nav')]"
        ".filter((each) => each.offsetParent).map((each) => each.outerHTML)]"
    )
    assert luminance(seen[0]) < 0.05
    assert seen[1:] == []
    assert len(drawn(browser, "curves-1")) > 20
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
