# SPDX-License-Identifier: Apache-2.0
"""report.html in headless Chromium: no error, no request, and every control does its work."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.exploring import Here, make_plan
from tests.run_folders import FIXED, fixed_states, has, needs_plotly, write_equivalence, write_run
from tests.states import make_run
from vio.explore.explore import explore
from vio.report.html import write

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    needs_plotly,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER and has("selenium")),
        reason="needs Chromium and selenium: apt-get install chromium chromium-driver, "
        "pip install -e '.[dev]'",
    ),
]
WAIT_S = 60.0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--window-size=1280,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(WAIT_S)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the runs `rendered`, `recorded`, `<b>longer` and `fixed`."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "rendered")
    write_run(folder / "recorded", rendered=False)
    write_run(folder / "<b>longer", make_run(60))
    write_run(folder / "fixed", fixed_states(), config=FIXED)
    return folder


def until(act: Callable[[], Any]) -> Any:
    """Return what `act` returns as soon as that is true."""
    end = time.monotonic() + WAIT_S
    while not (value := act()):
        assert time.monotonic() < end, "the page does not do it"
        time.sleep(0.1)
    return value


def show(browser: Any, folders: Path, *names: str) -> None:
    """Write a page of runs, open it and draw all figures that are not behind a choice."""
    page = folders / "page.html"
    write.write_report([folders / name for name in names], page)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(page.as_uri())
    until(lambda: browser.execute_script("return document.documentElement.dataset.ready"))
    for figure in browser.find_elements("css selector", ".plot"):
        if figure.is_displayed():
            draw(browser, figure)


def draw(browser: Any, figure: Any) -> None:
    browser.execute_script("arguments[0].scrollIntoView()", figure)
    until(lambda: figure.get_attribute("data-drawn"))


def faults(browser: Any) -> list[str]:
    """Return errors of the console, and every request that went elsewhere than to a file."""
    found = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            # Chromium's own first tab loads its parts while the page is being opened.
            if not url.startswith(("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")):
                found.append(url)
    return found


def click(browser: Any, element: Any) -> None:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


@pytest.mark.parametrize("names", [("rendered",), ("recorded",), ("rendered", "<b>longer")])
def test_a_page_opens_without_an_error_or_a_request(
    browser: Any, folders: Path, names: tuple[str, ...]
) -> None:
    show(browser, folders, *names)
    assert faults(browser) == []
    assert browser.find_elements("css selector", ".failed") == []
    images = browser.find_elements("css selector", ".stage img")
    for image in images:
        until(lambda image=image: image.get_property("naturalWidth") == 80)
    assert len(images) == len(names)
    assert browser.find_elements("css selector", "[data-title*=hare]") == []  # uploads


def test_an_error_of_the_page_and_a_request_are_seen(browser: Any, folders: Path) -> None:
    page = folders / "broken.html"
    write.write_report([folders / "rendered"], page)
    text = page.read_text()
    page.write_text(text.replace('all(".stepper").forEach(stepper);', "nowhere();"))
    browser.get(page.as_uri())
    assert any("nowhere" in fault for fault in faults(browser))
    page.write_text(text.replace("<main>", '<main><img src="http://127.0.0.1:9/x.png">'))
    browser.get(page.as_uri())
    assert any("127.0.0.1:9" in fault for fault in faults(browser))  # the policy refuses it


def test_the_views_in_space_turn_the_camera(browser: Any, folders: Path) -> None:
    show(browser, folders, "rendered")
    eyes = set()
    for button in browser.find_elements("css selector", "button[data-camera]"):
        click(browser, button)
        until(
            lambda button=button: (
                browser.execute_script("return document.getElementById('space').dataset.view")
                == button.text
            )
        )
        eyes.add(
            browser.execute_script(
                "return JSON.stringify(document.getElementById('space').layout.scene.camera.eye)"
            )
        )
    assert len(eyes) == 3
    assert faults(browser) == []


def test_features_step_by_buttons_slide_keys_and_time(browser: Any, folders: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    show(browser, folders, "rendered")
    stepper = browser.find_element("css selector", ".stepper")
    find = lambda selector: stepper.find_element("css selector", selector)  # noqa: E731
    shown = lambda: int(stepper.get_attribute("data-shown"))  # noqa: E731
    count = int(find(".slide").get_attribute("max")) + 1
    assert (shown(), count) == (0, 10)
    first = find("img").get_attribute("src")
    click(browser, find(".next"))
    assert shown() == 1
    assert find("img").get_attribute("src") != first
    assert "frame 5, 0.25 s, tracking, keyframe; 12 tracks, 12 with stereo" in find(".caption").text
    click(browser, find(".prev"))
    click(browser, find(".prev"))
    assert shown() == count - 1
    find(".slide").send_keys(Keys.HOME)
    assert shown() == 0
    stepper.send_keys(Keys.ARROW_RIGHT)
    assert shown() == 1
    click(browser, find(".play"))
    until(lambda: shown() >= 3)
    click(browser, find(".play"))
    until(lambda: find(".play").text == "play")
    browser.execute_script(
        "document.getElementById('timeline-0').emit('plotly_click', {points: [{x: 1.49}]})"
    )
    assert "1.50 s" in find(".caption").text
    line = browser.execute_script(
        "return document.getElementById('timeline-0').layout.shapes[0].x0"
    )
    assert line == pytest.approx(1.5)
    assert faults(browser) == []


def test_features_hide_their_paths_and_those_without_stereo(browser: Any, folders: Path) -> None:
    show(browser, folders, "rendered")
    stepper = browser.find_element("css selector", ".stepper")
    count = lambda tag: len(stepper.find_elements("css selector", f"svg {tag}"))  # noqa: E731
    for _ in range(4):  # to a change of status between keyframes, where no track has stereo
        click(browser, stepper.find_element("css selector", ".next"))
    assert "12 tracks, 0 with stereo" in stepper.find_element("css selector", ".caption").text
    assert (count("circle"), count("polyline")) == (12, 12)
    click(browser, stepper.find_element("css selector", ".trails"))
    assert (count("circle"), count("polyline")) == (12, 0)
    click(browser, stepper.find_element("css selector", ".mono"))
    assert (count("circle"), count("polyline")) == (0, 0)
    assert faults(browser) == []


def test_an_image_that_is_gone_is_said_to_be(browser: Any, folders: Path) -> None:
    show(browser, folders, "recorded")
    stepper = browser.find_element("css selector", ".stepper")
    absent = stepper.find_element("css selector", ".absent")
    assert not absent.is_displayed()
    (folders / "recorded" / "features" / "000005.jpg").unlink()
    click(browser, stepper.find_element("css selector", ".next"))
    until(absent.is_displayed)


def test_a_choice_shows_the_other_run(browser: Any, folders: Path) -> None:
    from selenium.webdriver.support.ui import Select

    show(browser, folders, "rendered", "<b>longer")
    one, other = (browser.find_element("id", f"timeline-{k}") for k in range(2))
    assert (one.is_displayed(), other.is_displayed()) == (True, False)
    select = Select(browser.find_element("css selector", "select[data-tabs]"))
    select.select_by_visible_text("<b>longer")
    assert (one.is_displayed(), other.is_displayed()) == (False, True)
    draw(browser, other)
    assert faults(browser) == []


def test_a_choice_shows_each_frames_blocks(browser: Any, folders: Path) -> None:
    from selenium.webdriver.support.ui import Select

    show(browser, folders, "fixed")
    figures = browser.find_elements("css selector", "[id^=hardware-0-frame]")
    select = Select(browser.find_element("css selector", "select[data-tabs=hardware-0]"))
    assert len(figures) == len(select.options) == 4
    for k, figure in enumerate(figures):
        select.select_by_index(k)
        assert [f.is_displayed() for f in figures] == [i == k for i in range(4)]
        draw(browser, figure)
    assert faults(browser) == []


def test_a_legend_hides_a_curve(browser: Any, folders: Path) -> None:
    show(browser, folders, "rendered")
    entry = browser.find_element("css selector", "#stages .legendtoggle")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", entry)
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).move_to_element(entry).click().perform()
    hidden = "return document.getElementById('stages').data[0].visible"
    until(lambda: browser.execute_script(hidden) == "legendonly")


def test_the_page_of_a_co_simulation_draws_every_figure(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    write_equivalence(folder, "<b>clip")
    show(browser, tmp_path, "out")
    drawn = browser.find_elements("css selector", ".plot")
    assert len(drawn) == 5
    for plot in drawn:
        draw(browser, plot)
    assert faults(browser) == []


def test_the_page_of_an_exploration_draws_each_cost(browser: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    explore(make_plan(tmp_path, budget=8), out, lambda: nullcontext(Here()))
    show(browser, tmp_path, "out")
    assert faults(browser) == []
    plots = browser.find_elements("css selector", ".plot")
    assert [p.get_attribute("id") for p in plots] == ["kib", "mean_uw", "cycles_worst"]
    for plot in plots:
        assert plot.find_elements("css selector", ".scatterlayer .points path")
