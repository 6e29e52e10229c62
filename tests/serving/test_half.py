import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.serving import half, signatures
from tests.serving import exports

LEAST = 500  # numbers; the models of tests are small


@pytest.fixture
def episodes(random):
    """A request of two episodes, three classes, of pictures as large as the tests' models read."""

    def make(learner):
        shape = learner.image_shape
        return {
            "support_images": tf.constant(random.random((2, 6, *shape)), tf.float32),
            "support_labels": tf.constant([[0, 0, 1, 1, 2, 2]] * 2, tf.int64),
            "query_images": tf.constant(random.random((2, 4, *shape)), tf.float32),
        }

    return make


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mmnet", "mann"])
def test_answers_stay_and_bytes_are_halved(
    served, make_learner, episodes, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(half, "LEAST", LEAST)
    plain = served.export(name)
    request = episodes(plain.learner)
    learner = make_learner(name)
    exports.shake(learner)
    signatures.save(learner, tmp_path, in_half=True)
    loaded = tf.saved_model.load(str(tmp_path))
    answers, sizes = [], []
    for answer, path in ((plain.signatures, plain.path), (loaded.signatures, tmp_path)):
        answers.append(answer["classify"](**request)["probabilities"].numpy())
        sizes.append((path / "variables" / "variables.data-00000-of-00001").stat().st_size)
    np.testing.assert_allclose(answers[1], answers[0], atol=5e-3)
    assert np.abs(answers[1] - answers[0]).max() > 0
    assert sizes[1] < 0.75 * sizes[0]


def test_only_large_weights_and_each_once(make_learner):
    learner = make_learner("mann")
    before = learner.variables
    left = half.put_into(learner, LEAST)
    assert len(left) == len(before)
    halves = [v for v in left if v.dtype == tf.float16]
    assert halves and all(np.prod(v.shape) >= LEAST for v in halves)
    assert {v.ref() for v in left} - {v.ref() for v in halves} < {v.ref() for v in before}


def test_reads_as_what_it_was():
    values = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    stands = half.Half(tf.Variable(values))
    assert stands.shape == (3, 4) and stands.dtype == tf.float32
    read = tf.matmul(tf.eye(3), stands)
    assert read.dtype == tf.float32
    np.testing.assert_allclose(read, values, atol=2e-3)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"below 65504; those of big.* go up to 1e\+05; export"):
        half.Half(tf.Variable([1.0, 1e5], name="big"))
