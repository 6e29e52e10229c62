"""The page, in a real browser, as people use it."""

import re
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.serving import decoding
from tests.serving import browsing
from tests.serving.browsing import SHAPES, by_mouse, by_touch, picture, says, teach, varied, visit

pytestmark = browsing.MARKS


def test_the_first_visit_is_answered_at_once(page):
    says(page, "pennant")
    assert page.locator("#bars li").count() == 5
    assert page.locator("article.class").count() == 5
    shares = page.locator(".spoke").all_inner_texts()
    assert len(shares) == 10 and all(re.fullmatch(r"[\d.]+ %", share) for share in shares)


def test_draw_name_ask_by_mouse(page):
    teach(page, SHAPES, by_mouse)
    for name, strokes in SHAPES.items():
        page.click("#clear")
        by_mouse(page, "#pad", varied(strokes))
        says(page, name)
    spoke = [float(text.split()[0]) for text in page.locator(".spoke").all_inner_texts()]
    assert np.argmax(spoke) == 2 and abs(sum(spoke) - 100) < 1


def test_draw_name_ask_by_touch_on_a_phone(page_server, chromium):
    with visit(
        chromium, page_server.port, width=360, height=740, has_touch=True, is_mobile=True
    ) as page:
        page.wait_for_selector("#bars li")
        teach(page, SHAPES, by_touch)
        for name, strokes in SHAPES.items():
            page.click("#clear")
            by_touch(page, "#pad", varied(strokes))
            says(page, name)


def test_undo_and_reload(page):
    teach(page, SHAPES, by_mouse)
    page.click("#clear")
    by_mouse(page, "#pad", SHAPES["cross"])
    says(page, "cross")
    page.click("#undo")  # a bar alone is left
    page.click("#undo")
    page.wait_for_selector("#verdict:text('Draw something')")
    by_mouse(page, "#pad", SHAPES["circle"])
    says(page, "circle")
    page.click("#clear")
    page.click("#undo")  # brings back what was cleared
    says(page, "circle")
    page.reload()
    names = page.locator("article.class header input")
    page.wait_for_selector("article.class")
    assert [names.nth(k).input_value() for k in range(3)] == list(SHAPES)
    assert page.locator("article.class .thumb").count() == 3


def test_a_threshold_says_none_of_these(page):
    teach(page, dict(list(SHAPES.items())[:2]), by_mouse)
    page.locator("#threshold").fill("100")
    page.click("#clear")
    by_mouse(page, "#pad", [[(0.2, 0.2), (0.8, 0.3), (0.5, 0.8)]])
    page.wait_for_selector("#verdict:text('None of these')")
    page.locator("#threshold").fill("0")
    page.wait_for_selector("#verdict:text('It is')")


def test_by_keyboard_alone(page):
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    wanted = {
        "model",
        "undo",
        "clear",
        "choose",
        "borrow",
        "threshold",
        "add-class",
        "save",
        "open",
    }
    wanted |= {"Name of class 1", "Draw an example of hook", "Choose pictures of hook", "Remove the class hook"}  # fmt: skip
    assert wanted <= reached, wanted - reached
    page.locator("#clear").press("Enter")
    page.wait_for_selector("#verdict:text('Draw something')")
    page.locator("#borrow").press("Enter")
    page.wait_for_selector("#verdict strong")
    page.locator("[aria-label='Draw an example of hook']").press("Enter")
    page.locator("#example-borrow").press("Enter")
    page.locator("#example-add").press("Enter")
    assert page.locator("[aria-label='hook'] .thumb").count() == 3


DROP = """([element, files]) => {
    const data = new DataTransfer();
    for (const [name, type, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    element.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def drop(page, selector, *files):
    page.evaluate(DROP, [page.locator(selector).element_handle(), list(files)])


def test_files_are_dropped(page):
    teach(page, {"circle": SHAPES["circle"], "cross": SHAPES["cross"]}, by_mouse)
    circle = list(picture(varied(SHAPES["circle"]), 1500, "JPEG"))
    drop(page, "[aria-label='cross']", ["c.png", "image/png", list(picture(SHAPES["cross"]))])
    page.wait_for_selector("[aria-label='cross'] .thumb >> nth=1")
    drop(page, "#question-drop", ["photo.jpg", "image/jpeg", circle])
    says(page, "circle")
    drop(page, "#question-drop", ["notes.txt", "text/plain", [1, 2]])
    page.wait_for_selector("#trouble:text('notes.txt: A picture must be PNG or JPEG')")
    drop(page, "#question-drop", ["broken.png", "image/png", [137, 80, 78, 71]])
    page.wait_for_selector("#trouble:text('broken.png')")


def every_view(page):
    """Opens each view of the page in turn, and a model's card in the last; gives the view's name."""
    for view, there in (("draw", "#bars li"), ("game", "#game-bars li"), ("models", "summary")):
        page.click(f"nav a[href='#{view}']")
        page.wait_for_selector(there)
        if view == "models":
            page.locator("summary").first.click()
            page.wait_for_selector(".text table")
        yield view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_never_scrolls_sideways(page_server, chromium, scheme):
    with visit(chromium, page_server.port, width=360, height=640, color_scheme=scheme) as page:
        for _ in every_view(page):
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, from npm."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run(["npm", "pack", "axe-core@4.10.3"], cwd=folder, check=True, capture_output=True, timeout=120)  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"needs axe-core from npm: {error}")
    subprocess.run(["tar", "xzf", next(folder.glob("*.tgz")).name], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(page_server, chromium, axe, scheme):
    with visit(chromium, page_server.port, color_scheme=scheme) as page:
        for _ in every_view(page):
            page.evaluate(axe)
            found = page.evaluate("axe.run()")["violations"]
            serious = [v for v in found if v["impact"] in ("serious", "critical")]
            assert not serious, [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious]


def test_numbers_are_those_of_the_graph(page):
    """What the page shrinks itself, for signatures that take no files."""
    import_it = "const m = await import('/js/drawing.js');"
    for size in (20, 28):
        for strokes in SHAPES.values():
            flat = [
                [round(200 * v) for point in stroke for v in point] for stroke in varied(strokes)
            ]
            url = page.evaluate(
                f"async (s) => {{ {import_it} return m.pictureOf({{ strokes: s }}); }}", flat
            )
            own = page.evaluate(
                f"async ([s, n]) => {{ {import_it} return m.numbers({{ strokes: s }}, n); }}",
                [flat, size],
            )
            content = tf.io.decode_base64(
                url.split(",")[1].translate(str.maketrans("+/", "-_")).rstrip("=")
            )
            graph = decoding.decode_all(content[None], (size, size, 1), "auto")[0].numpy()
            assert np.abs(np.array(own) - graph).max() <= 2.01 / 255
            assert graph.max() > 0.5
