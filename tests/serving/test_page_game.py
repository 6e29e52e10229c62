"""The papers' game on the page, in a real browser."""

import re

from tests.serving import browsing
from tests.serving.browsing import CROSS, SHAPES, ZIGZAG, by_mouse, varied, visit

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
