"""What can be said of the page without a browser."""

import json
import pathlib
import re

import numpy as np
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "oneshot_tf" / "serving" / "page"
SCRIPTS = sorted((PAGE / "js").glob("*.js"))
HTML = (PAGE / "index.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere():
    for path in [*PAGE.glob("*.*"), *SCRIPTS]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]|@import|eval\(|innerHTML", text), path.name


def test_no_style_or_script_that_the_policy_would_block():
    assert not re.search(r"\bstyle=|\bon\w+=|<style|<script(?! type=\"module\" src=)", HTML)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_find_what_the_page_has(path):
    text = path.read_text(encoding="utf-8")
    ids = set(re.findall(r'\bfind\("([\w-]+)"\)', text))
    assert ids <= set(re.findall(r'\bid="([\w-]+)"', HTML))
    assert len(text.splitlines()) <= 300
    for other, names in re.findall(
        r'^import (?:\* as \w+|\{ ([^}]*) \}) from "\./([\w.]+)";', text, re.M
    ):
        exported = (PAGE / "js" / names).read_text(encoding="utf-8")
        for name in filter(None, other.split(", ")):
            assert re.search(
                rf"^export (?:async )?(?:function|const|class) {name}\b", exported, re.M
            ), name


def test_every_field_has_a_name():
    for tag in re.findall(r"<(?:input|select|canvas)[^>]*>", HTML):
        own = re.search(r'id="([\w-]+)"', tag)[1]
        labelled = "aria-label=" in tag or f'for="{own}"' in HTML
        assert labelled or re.search(rf"<label[^>]*>[^<]*{re.escape(tag)}", HTML), tag


def test_glyphs_to_begin_with():
    found = json.loads((PAGE / "glyphs.json").read_text())
    assert found["size"] == 200 and len(found["characters"]) == 15
    for drawings in found["characters"]:
        assert len(drawings) == 10
        for strokes in drawings:
            assert strokes and all(len(s) >= 4 and len(s) % 2 == 0 for s in strokes)
            assert (
                np.min([min(s) for s in strokes]) >= -20
                and np.max([max(s) for s in strokes]) <= 220
            )
