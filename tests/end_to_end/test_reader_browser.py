"""The reader page in a real browser, from the file to the score."""

import json
import re
import shutil
from pathlib import Path

import pytest

from augsearch.controller.finished_runs.reader import make_reader_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        if installed is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("there is no Chromium on this machine")
        with started.chromium.launch(executable_path=installed, args=["--no-sandbox"]) as browser:
            yield browser


@pytest.fixture(scope="module")
def made(tiny_run):
    """(run, page, key) of a page of 12 real and 8 synthetic images."""
    run = tiny_run[0].folder / "runs" / "tiny"
    files = make_reader_page(run, 12, 8)
    return run, files.page, json.loads(files.key.read_text())


@pytest.fixture
def tab(browser, made):
    """A tab of a fresh profile that shows the page; it fails on errors and network requests."""
    requests, errors = [], []
    with browser.new_context(accept_downloads=True) as context:
        context.on("request", lambda request: requests.append(request.url))
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda message: errors.append(message.text))
        tab = context.new_page()
        tab.goto(made[1].as_uri())
        yield tab
    assert errors == []
    assert made[1].as_uri() in requests
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)


def begin(tab, reader="Anna"):
    tab.get_by_label("Your name or initials").fill(reader)
    tab.get_by_role("button", name="Start").click()


def place(tab):
    return tab.locator("#place").inner_text()


def by_keyboard(tab, said_class, origin):
    tab.keyboard.press({"clear": "1", "fluid": "2"}[said_class])
    tab.keyboard.press(origin[0])


def by_mouse(tab, said_class, origin):
    tab.get_by_role("button", name=origin, exact=True).click()
    tab.get_by_role("button", name=said_class, exact=True).click()


def save(tab, folder):
    with tab.expect_download() as download:
        tab.get_by_role("button", name=re.compile("^Save answers")).click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def test_a_reader_answers_and_is_scored(call, tab, made, tmp_path):
    run, _, key = made
    truths = list(key["images"].values())
    begin(tab, "Anna Müller")
    # The class is right but on every 4th image, the origin but on every 5th.
    for number, truth in enumerate(truths):
        assert place(tab) == f"Image {number + 1} of 20"
        wrong_class = {"clear": "fluid", "fluid": "clear"}[truth["class"]]
        wrong_origin = {"real": "synthetic", "synthetic": "real"}[truth["origin"]]
        said = truth["class"] if number % 4 else wrong_class
        origin = truth["origin"] if number % 5 else wrong_origin
        (by_mouse if number % 3 else by_keyboard)(tab, said, origin)
        if number == 9:
            tab.reload()
            assert tab.locator("#answered").inner_text() == "10 answered"
            assert tab.locator("#progress").evaluate("bar => bar.value / bar.max") == 0.5
    assert "All 20 images answered" in tab.locator("#end").inner_text()
    file = save(tab, tmp_path)
    assert file.name == "answers-Anna-Müller.json"
    assert list(json.loads(file.read_text())["answers"]) == list(key["images"])

    code, out, err = call("reader", "score", run, file, "--json")
    assert (code, err) == (0, "")
    (score,) = json.loads(out)["readers"]
    assert (score["reader"], score["finished"]) == ("Anna Müller", 20)
    for task, every in (("class", 4), ("origin", 5)):
        for kind in ("real", "synthetic"):
            hits = [n % every > 0 for n, truth in enumerate(truths) if truth["origin"] == kind]
            accuracy = score["accuracy"][task][kind]
            assert (accuracy["right"], accuracy["answered"]) == (sum(hits), len(hits))
    tab.reload()
    assert "All 20 images answered" in tab.locator("#end").inner_text()


def test_the_page_does_not_say_what_the_images_are(tab, made):
    _, page, key = made
    begin(tab)
    texts = page.read_text(), tab.content(), tab.locator("body").inner_text()
    for truth in key["images"].values():
        assert not any(truth["place"] in text for text in texts)
    assert not any("key.json" in text or "acgan" in text for text in texts)
    shown = tab.locator("#image")
    assert (shown.get_attribute("alt"), shown.get_attribute("title")) == (
        "Image 1, to be judged",
        None,
    )
    assert shown.bounding_box()["width"] > 10 * shown.evaluate("image => image.naturalWidth")


def test_going_back_changes_an_answer(tab, made, tmp_path):
    names = list(made[2]["images"])
    begin(tab)
    by_keyboard(tab, "clear", "real")
    by_keyboard(tab, "clear", "real")
    assert "Image 2: clear, real" in tab.locator("#last").inner_text()
    tab.keyboard.press("ArrowLeft")
    assert place(tab) == "Image 2 of 20"
    chosen = tab.locator("[aria-pressed=true]")
    assert chosen.locator("span").all_inner_texts() == ["clear", "real"]
    tab.keyboard.press("2")
    assert place(tab) == "Image 2 of 20"  # a changed answer waits for "next"
    tab.get_by_role("button", name="Next").click()
    assert place(tab) == "Image 3 of 20"
    assert tab.get_by_role("button", name="Next").is_disabled()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Control+1")
    tab.keyboard.press("x")
    assert place(tab) == "Image 3 of 20"
    tab.keyboard.press("s")
    answers = json.loads(save(tab, tmp_path).read_text())["answers"]
    assert answers == {
        names[0]: {"class": "clear", "origin": "real"},
        names[1]: {"class": "fluid", "origin": "real"},
        names[2]: {"origin": "synthetic"},
    }


def test_an_incomplete_file_is_scored_as_far_as_it_goes(call, tab, made, tmp_path):
    begin(tab)
    truths = list(made[2]["images"].values())
    by_keyboard(tab, truths[0]["class"], truths[0]["origin"])
    tab.keyboard.press("r")
    file = save(tab, tmp_path)
    code, out, _ = call("reader", "score", made[0], file)
    assert code == 0
    assert "Anna finished 1 of 20 images; only what was answered counts." in out
    assert "1/20" in out
    assert "2/20" in out


def test_readers_at_one_computer_are_kept_apart(tab, made, tmp_path):
    begin(tab, "Anna")
    by_keyboard(tab, "fluid", "synthetic")
    tab.get_by_role("button", name="Other reader").click()
    assert "Anna" in tab.locator("#known").inner_text()
    begin(tab, "Ben")
    assert place(tab) == "Image 1 of 20"
    by_mouse(tab, "clear", "real")
    (ben,) = json.loads(save(tab, tmp_path).read_text())["answers"].values()
    tab.get_by_role("button", name="Other reader").click()
    begin(tab, "Anna")
    assert place(tab) == "Image 2 of 20"
    (anna,) = json.loads(save(tab, tmp_path).read_text())["answers"].values()
    assert (anna["class"], ben["class"]) == ("fluid", "clear")


def test_nobody_starts_without_a_name(tab):
    for name in ("", "   "):
        begin(tab, name)
        assert tab.locator("#question").is_hidden()


def test_the_page_works_where_the_browser_keeps_nothing(browser, made, tmp_path):
    with browser.new_context(accept_downloads=True) as context:
        context.add_init_script(
            "Object.defineProperty(window, 'localStorage', {get() { throw new Error('off') }})"
        )
        tab = context.new_page()
        tab.goto(made[1].as_uri())
        assert "keeps no progress" in tab.locator("#start").inner_text()
        begin(tab)
        by_keyboard(tab, "clear", "real")
        assert place(tab) == "Image 2 of 20"
        assert len(json.loads(save(tab, tmp_path).read_text())["answers"]) == 1
