"""What the tests in a browser share: hands that draw, and eyes on what must not happen."""

import contextlib
import importlib.util
import io
import math
import shutil
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)  # fmt: skip
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None,
        reason="needs Playwright for Python (pip install playwright)",
    ),
]

CIRCLE = [
    [(0.5 + 0.3 * math.cos(a / 12 * math.tau), 0.5 + 0.3 * math.sin(a / 12 * math.tau)) for a in range(13)]
]  # fmt: skip
CROSS = [[(0.2, 0.5), (0.8, 0.5)], [(0.5, 0.15), (0.5, 0.85)]]
ZIGZAG = [[(0.2, 0.2), (0.75, 0.25), (0.3, 0.55), (0.8, 0.6), (0.3, 0.9)]]
SHAPES = {"circle": CIRCLE, "cross": CROSS, "zigzag": ZIGZAG}


def varied(strokes, turn=0.12, scale=0.85, shift=0.05):
    """The strokes as another hand would draw them."""
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    return [
        [
            (0.5 + shift + c * (x - 0.5) - s * (y - 0.5), 0.5 - shift + s * (x - 0.5) + c * (y - 0.5))
            for x, y in stroke
        ]
        for stroke in strokes
    ]  # fmt: skip


@contextlib.contextmanager
def browser():
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container's root may not make a sandbox
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextlib.contextmanager
def visit(chromium, port, view="", width=1280, height=860, **options):
    """A page that must load nothing from elsewhere and report no error."""
    context = chromium.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(30_000)
    page, wrong = context.new_page(), []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = f"127.0.0.1:{port}"
    context.on(
        "request",
        lambda r: wrong.append(r.url) if urlsplit(r.url).netloc not in (own, "") else None,
    )
    page.goto(f"http://{own}/{view}")
    yield page
    context.close()
    assert not wrong, wrong


def place(page, selector):
    """(left, top, side) of a pad on the screen."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    return box["x"], box["y"], box["width"]


def by_mouse(page, selector, strokes, steps=3):
    left, top, side = place(page, selector)
    for stroke in strokes:
        for k, (x, y) in enumerate(stroke):
            page.mouse.move(left + x * side, top + y * side, steps=1 if k == 0 else steps)
            if k == 0:
                page.mouse.down()
        page.mouse.up()


def by_touch(page, selector, strokes):
    left, top, side = place(page, selector)
    touch = page.context.new_cdp_session(page)
    for stroke in strokes:
        for k, (x, y) in enumerate(stroke):
            point = {"x": left + x * side, "y": top + y * side}
            kind = "touchStart" if k == 0 else "touchMove"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def teach(page, shapes, hand):
    """Puts one drawn example of each shape in the place of all examples."""
    while page.locator("[aria-label^='Remove the class']").count():
        page.locator("[aria-label^='Remove the class']").first.click()
    for name, strokes in shapes.items():
        page.click("#add-class")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.click(f"[aria-label='Draw an example of {name}']")
        hand(page, "#example-pad", strokes)
        page.click("#example-add")


def says(page, name):
    """Waits until the page says so."""
    page.wait_for_selector(f"#verdict strong:text-is('{name}')")


def picture(strokes, size=300, format="PNG"):
    """The bytes of a picture file."""
    image = Image.new("L", (size, size), 250)
    for stroke in strokes:
        points = [(x * size, y * size) for x, y in stroke]
        ImageDraw.Draw(image).line(points, fill=10, width=size // 20, joint="curve")
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()
