"""The examples on the page, in a real browser: their names, and the zips that they come from."""

import zipfile

import pytest

from oneshot_tf.commands import predict
from tests.serving import browsing
from tests.serving.browsing import SHAPES, by_mouse, picture, says, teach, varied

pytestmark = browsing.MARKS


def labels(page, card):
    """The labels inside the card of that label, and its own."""
    inside = f"article[aria-label='{card}'], article[aria-label='{card}'] [aria-label]"
    return page.eval_on_selector_all(inside, "all => all.map((e) => e.ariaLabel)")


def names(page):
    fields = page.locator("article.class header input")
    return [fields.nth(k).input_value() for k in range(fields.count())]


def test_a_click_right_after_a_name_is_not_lost(page):
    """The name's change comes while the mouse is down."""
    page.click("#add-class")
    page.keyboard.type("mine")
    page.locator("article.class").last.locator("button:text-is('Draw')").click()
    assert page.inner_text("#example-title") == "Draw an example of mine"
    by_mouse(page, "#example-pad", SHAPES["cross"])
    page.click("#example-add")
    assert page.locator("[aria-label='mine'] .thumb").count() == 1


def test_a_new_name_is_on_the_card_the_answer_and_kept(page):
    says(page, "pennant")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("[aria-label='Name of class 3']", " flag ")
    page.locator("[aria-label='Name of class 3']").press("Tab")
    says(page, "flag")
    assert page.locator("#bars .name").all_inner_texts().count("flag") == 1
    assert labels(page, "flag") == [
        "flag", "Name of class 3", "Remove the class flag", "Remove drawing 1 of flag",
        "Remove drawing 2 of flag", "Draw an example of flag", "Choose pictures of flag", "Pictures of flag",
    ]  # fmt: skip
    assert page.locator("[aria-label='flag'] .speaks").count() == 2
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove the class flag"
    assert not asked  # the name is nothing to the model
    page.fill("[aria-label='Name of class 1']", "")
    page.click("[aria-label='Remove drawing 1 of hook']")
    page.reload()
    page.wait_for_selector("article.class")
    assert names(page) == ["class 1", "goggles", "flag", "hook", "seven"]
    assert page.locator("[aria-label='hook'] .thumb").count() == 1


def test_zip_out_and_in(page, tmp_path):
    teach(page, {"a/b": SHAPES["circle"], "ö": SHAPES["cross"], "A_B": SHAPES["zigzag"]}, by_mouse)
    with page.expect_download() as download:
        page.click("#save")
    path = tmp_path / "examples.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a_b/1.png", "ö/1.png", "A_B 2/1.png"]
        archive.extractall(tmp_path / "own")
    classes = predict.support_files(tmp_path / "own", None)
    assert list(classes) == ["A_B 2", "a_b", "ö"]
    packed = tmp_path / "packed.zip"  # as other programs write them
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, files in classes.items():
            archive.write(files[0], f"my examples/{name}/1.png")
    for file in (path, packed):
        page.click("[aria-label^='Remove the class']")
        page.set_input_files("#open-file", file)
        page.wait_for_selector("article.class >> nth=2")
        assert sorted(names(page)) == ["A_B 2", "a_b", "ö"]
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(path.read_bytes()[:-200])
    page.set_input_files("#open-file", damaged)
    page.wait_for_selector("#trouble:text('damaged.zip')")


@pytest.fixture
def make_zip(tmp_path):
    """Makes a zip of {folder: (strokes, number of drawings)}."""

    def make(folders):
        path = tmp_path / "found.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for folder, (strokes, count) in folders.items():
                for k in range(count):
                    archive.writestr(f"{folder}/{k + 1}.png", picture(varied(strokes, 0.05 * k)))
        return path

    return make


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (
            ["Greek/character01", "Latin/character01", "Latin/character02"],
            ["Greek/character01", "Latin/character01", "character02"],
        ),
        (["b/c", "a/b/c", "c/a"], ["a/b/c", "b/c", "a"]),
        (["all/x", "all/y", "all"], ["all", "x", "y"]),
    ],
)
def test_folders_of_one_name_stay_apart(page, make_zip, folders, expected):
    drawn = [(strokes, 1) for strokes in SHAPES.values()]
    page.set_input_files("#open-file", make_zip(dict(zip(folders, drawn, strict=True))))
    page.wait_for_selector(f"article[aria-label='{expected[0]}']")
    assert names(page) == expected
    assert page.locator("article.class .thumb").count() == 3


def test_what_of_a_zip_is_left_out_is_said_until_the_next_change(page, make_zip):
    folders = {f"c{k}": (SHAPES["cross"], 1) for k in range(3, 12)}
    folders |= {"c1": (SHAPES["circle"], 6), "c2": (SHAPES["zigzag"], 5)}
    page.set_input_files("#open-file", make_zip(folders))
    page.click("#clear")
    by_mouse(page, "#pad", SHAPES["zigzag"])
    says(page, "c2")
    assert page.locator("#trouble").is_hidden()
    with page.expect_response("**/*:predict"):  # the words outlast the answer
        page.set_input_files("#open-file", make_zip(folders | {"c2": (SHAPES["zigzag"], 7)}))
    page.wait_for_selector("#verdict:not([aria-busy])")
    assert page.inner_text("#trouble") == (
        "found.zip has 11 classes, of which the first 10 are here; "
        "more than 5 drawings of c1, c2, of which the first 5 are here."
    )
    assert names(page) == [f"c{k}" for k in range(1, 11)]
    assert page.locator("article.class .thumb").count() == 18
