"""What the tests of serving share: one small export a model, loaded once; the page and a browser."""

import base64
import pathlib
import typing

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.serving import signatures
from tests.serving import browsing, exports
from tests.serving.live import Live

PRETRAINED = pathlib.Path(__file__).resolve().parents[2] / "pretrained"


class Export(typing.NamedTuple):
    """An exported model.

    Attributes:
      learner: the model itself.
      signatures: of the loaded export.
      loaded: whose weights live as long as it does.
      path: its folder.
      names: what `signatures.save` gave.
    """

    learner: typing.Any
    signatures: typing.Any
    loaded: typing.Any
    path: typing.Any
    names: list


class Served:
    """Small models, exported and loaded when they are first asked for.

    Calling it with (name, **options) gives (learner, signatures).
    """

    def __init__(self, make_learner, make_folder):
        self._make_learner, self._make_folder = make_learner, make_folder
        self._made = {}

    def __call__(self, name, **options):
        return self.export(name, **options)[:2]

    def export(self, name, **options):
        """The `Export`."""
        key = (name, *sorted(options.items()))
        if key not in self._made:
            learner = self._make_learner(name, **options)
            exports.shake(learner)
            path = self._make_folder("export") / name
            names = signatures.save(learner, path)
            loaded = tf.saved_model.load(str(path))
            self._made[key] = Export(learner, loaded.signatures, loaded, path, names)
        return self._made[key]

    def forget(self, name):
        """Lets go of an export without options, and of its memory."""
        self._made.pop((name,), None)


@pytest.fixture(scope="module")
def served(make_learner, tmp_path_factory):
    """`Served`, of one module."""
    return Served(make_learner, tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def folders(served):
    """{name: folder} of one small export."""
    return {"matching": served.export("matching").path}


@pytest.fixture(scope="module")
def encoded(encode):
    """Arguments of `classify_encoded`: six drawings of three classes, and two to name."""
    random = np.random.default_rng(0)
    drawings = [encode(exports.drawing(random, 30, 20 + 3 * k, 1)) for k in range(8)]
    texts = [{"b64": base64.b64encode(content).decode()} for content in drawings]
    return {
        "support_bytes": texts[:6],
        "support_labels": [0, 1, 2, 0, 1, 2],
        "query_bytes": texts[6:],
    }


@pytest.fixture(scope="module")
def page_server():
    """A server of a few-shot model and of one that plays the game."""
    names = ("matching_omniglot", "flmn_omniglot_1")
    with Live({name: PRETRAINED / name for name in names}) as server:
        yield server


@pytest.fixture(scope="module")
def chromium():
    with browsing.browser() as found:
        yield found


@pytest.fixture
def page(page_server, chromium):
    with browsing.visit(chromium, page_server.port) as found:
        found.wait_for_selector("#bars li")
        yield found
