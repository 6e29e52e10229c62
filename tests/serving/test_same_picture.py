"""The same picture everywhere: 100 test characters through a pad, through `predict`, and as arrays."""

import base64
import contextlib
import io
import json
import pathlib

import numpy as np
import pytest

from oneshot_tf.commands import predict
from tests.serving import browsing
from tests.serving.browsing import visit
from tests.serving.live import Live

pytest.importorskip("playwright", reason="needs Playwright for Python (pip install playwright)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browsing.CHROMIUM is None, reason="needs chromium (apt-get install chromium)"),
]  # fmt: skip
ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPORT = ROOT / "pretrained" / "matching_omniglot"
SIZE = json.loads((EXPORT / "1" / "export.json").read_text())["image_size"]
WAY, EPISODES = 5, 20  # with a question of each class
NUMBERS = """async ([all, size]) => {
    const m = await import('/js/drawing.js');
    return Promise.all(all.map((strokes) => m.numbers({ strokes }, size)));
}"""


def characters():
    """The page's own glyphs, [character][drawing][stroke] of x, y, ... up to 200."""
    path = ROOT / "oneshot_tf" / "serving" / "page" / "glyphs.json"
    return json.loads(path.read_text())["characters"]


def points(stroke):
    return [(x / 200, y / 200) for x, y in zip(stroke[::2], stroke[1::2], strict=True)]


def through_the_pad(page, strokes):
    """(the request, the answer) after a drawing was made by mouse on the emptied pad."""
    found = []
    page.click("#clear")

    def seen(response):
        if ":predict" in response.url and response.status == 200:
            found.append(response)

    page.on("response", seen)
    browsing.by_mouse(page, "#pad", [points(stroke) for stroke in strokes], steps=1)
    page.wait_for_selector("#verdict:not([aria-busy]) small")
    page.remove_listener("response", seen)
    last = found[-1]
    return json.loads(last.request.post_data)["inputs"], last.json()["outputs"]


def by_command(folder, inputs):
    """Probabilities of `python -m oneshot_tf.predict`, from the files that the page sent."""
    for k, part in enumerate(inputs["support_bytes"]):
        path = folder / "support" / str(inputs["support_labels"][k]) / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(part["b64"]))
    (folder / "query.png").write_bytes(base64.b64decode(inputs["query_bytes"][0]["b64"]))
    printed = io.StringIO()
    words = [
        f"--export={EXPORT}",
        f"--support={folder / 'support'}",
        f"--query={folder / 'query.png'}",
    ]
    with contextlib.redirect_stdout(printed):
        assert predict.main(["predict", *words, "--json"]) == 0
    given = json.loads(printed.getvalue())[0]["probabilities"]
    return [given[str(k)] for k in range(WAY)]


def test_100_characters(tmp_path, monkeypatch):
    random, glyphs, right = np.random.default_rng(0), characters(), 0
    loaded = predict.model.of_export(EXPORT / "1")
    monkeypatch.setattr(predict.model, "of_export", lambda path: loaded)  # once, not 100 times
    with (
        Live({"m": EXPORT}) as live,
        browsing.browser() as chromium,
        visit(chromium, live.port) as page,
    ):
        for episode in range(EPISODES):
            chosen = random.choice(len(glyphs), WAY, replace=False)
            own, asked = random.choice(10, 2, replace=False)
            kept = [
                {"name": str(k), "drawings": [{"strokes": glyphs[c][own]}]}
                for k, c in enumerate(chosen)
            ]
            page.evaluate(
                "s => localStorage.setItem('oneshot_tf.examples.1', s)",
                json.dumps({"classes": kept}),
            )
            page.reload()
            page.wait_for_selector("article.class >> nth=4")
            for k, c in enumerate(chosen):
                inputs, answer = through_the_pad(page, glyphs[c][asked])
                assert inputs["support_labels"] == list(range(WAY))
                from_pad = np.array(answer["probabilities"][0])
                commanded = by_command(tmp_path / f"{episode}-{k}", inputs)
                support = [glyphs[c][own] for c in chosen]
                pictures = page.evaluate(NUMBERS, [[*support, drawn_on(page)], SIZE])
                arrays = {
                    "support_images": [pictures[:-1]],
                    "support_labels": [list(range(WAY))],
                    "query_images": [pictures[-1:]],
                }
                status, found, _ = live.predict("m", "classify", **arrays)
                assert status == 200, found
                as_arrays = found["outputs"]["probabilities"][0][0]
                for other in (commanded, as_arrays):
                    assert np.argmax(other) == np.argmax(from_pad)
                    np.testing.assert_allclose(other, from_pad, atol=0.02)
                right += int(np.argmax(from_pad) == k)
    assert right >= 90


def drawn_on(page):
    """The strokes that the pad took of the last question."""
    return page.evaluate("async () => (await import('/js/few_shot.js')).question().strokes")
