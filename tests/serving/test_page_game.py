"""The papers' game on the page, in a real browser."""

import json
import re
import string

from tests.serving import browsing
from tests.serving.browsing import CROSS, SHAPES, ZIGZAG, by_mouse, varied, visit
from tests.serving.live import Live

pytestmark = browsing.MARKS


def test_the_game_of_ten_presentations(page_server, chromium):
    with visit(chromium, page_server.port, "#game") as page:
        for step in range(50):
            page.wait_for_selector(f"#step:text-is('{step + 1} of 50')")
            page.click("#labels button.primary:not([aria-disabled])")
        page.wait_for_selector("#step:text('the round is over')")
        counts = page.locator("#accuracy .count").all_inner_texts()
        assert [count.split("/")[1] for count in counts] == ["5"] * 10
        right = [int(count.split("/")[0]) for count in counts]
        assert right[0] <= 4 and sum(right[1:]) >= 36  # a guess first, then 4 in 5
        figures = page.locator("#memory canvas")
        assert figures.count() == 2
        assert re.search(r"Reads, 50 steps and 64 rows", figures.first.get_attribute("aria-label"))
        assert page.locator("#history li").count() == 50


def test_the_game_with_ones_own_characters(page_server, chromium):
    with visit(chromium, page_server.port, "#game") as page:
        page.wait_for_selector("#game-bars li")
        page.click("#drawn")
        for turn in range(3):
            for label, strokes in zip("ABC", SHAPES.values(), strict=True):
                by_mouse(page, "#game-pad", varied(strokes, turn=0.1 * turn))
                page.wait_for_selector("#labels button:not([aria-disabled])")
                if turn == 2:
                    assert page.inner_text("#guess strong") == label
                page.click(f"[aria-label='It is {label}']")
        assert page.locator("#history li").count() == 9


def test_a_label_waits_for_the_last_stroke(page_server, chromium):
    """What is told between a stroke and its answer would be lost, or be of half a character."""
    with visit(chromium, page_server.port, "#game") as page:
        page.wait_for_selector("#game-bars li")
        page.click("#drawn")
        open_labels = page.locator("#labels button:not([aria-disabled])")
        by_mouse(page, "#game-pad", CROSS[:1])
        open_labels.first.wait_for()
        held = []
        page.route("**/*:predict", lambda route: held.append(route))
        for stroke in (CROSS[1], ZIGZAG[0]):
            by_mouse(page, "#game-pad", [stroke])
            assert open_labels.count() == 0
        page.wait_for_timeout(500)
        assert held[-1].request.post_data_json["inputs"]["labels"] == [[-1]]
        for route in held:
            route.continue_()
        page.unroute("**/*:predict")
        open_labels.first.click()
        page.wait_for_selector("#history li")
        assert page.locator("#history li").count() == 1


def test_every_label_has_a_name(served, chromium):
    folder = served.export("flmn", way=28).path
    with (
        Live({"wide": folder}) as server,
        visit(chromium, server.port, "#game", width=360, height=640) as page,
    ):
        page.wait_for_selector("#game-bars li >> nth=27")
        expected = [*string.ascii_uppercase, "A2", "B2"]
        assert page.locator("#labels button").all_inner_texts() == expected
        assert sorted(page.locator("#game-bars .name").all_inner_texts()) == sorted(expected)
        page.click("[aria-label='It is B2']")
        page.wait_for_selector("#history li[aria-label^='Step 1: it was B2, guessed ']")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_round_that_playing_begins_is_played(page_server, chromium):
    with visit(chromium, page_server.port, "#game") as page:

        def short(route):
            found = route.fetch().json()
            found["characters"] = [drawings[:2] for drawings in found["characters"]]
            route.fulfill(body=json.dumps(found))

        page.route("**/glyphs.json", short)
        page.reload()
        for step in range(10):
            page.wait_for_selector(f"#step:text-is('{step + 1} of 10')")
            page.click("#labels button.primary:not([aria-disabled])")
        page.wait_for_selector("#step:text('the round is over')")
        page.click("#play:text-is('Play by itself')")
        page.wait_for_selector("#play[aria-pressed=true]:text-is('Stop')")
        page.wait_for_selector("#step:text-is('3 of 10')")
        page.click("#play:text-is('Stop')")
        page.wait_for_selector("#play[aria-pressed=false]:text-is('Play by itself')")
        page.wait_for_timeout(1500)
        assert page.inner_text("#step") in ("3 of 10", "4 of 10")
