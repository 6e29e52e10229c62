import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import gaussian, slots, variational
from tests.numpy_reference import gaussian as reference

WIDTH = 3


def draw(random, *shape, spread=1.0):
    """Random Gaussians as a `Gaussians` of numpy arrays."""
    means = random.normal(size=(*shape, WIDTH)).astype(np.float32)
    variances = np.exp(spread * random.normal(size=(*shape, WIDTH))).astype(np.float32)
    return gaussian.Gaussians(means, variances)


def tensors(drawn):
    return gaussian.Gaussians(*map(tf.constant, drawn))


def rows(drawn, *index):
    return reference.pairs(drawn.means[index], drawn.variances[index])


@hypothesis.given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(0, 999))
@hypothesis.settings(deadline=None, max_examples=20)
def test_divergence_of_all_pairs_against_loops(groups, left, right, seed):
    random = np.random.default_rng(seed)
    p, q = draw(random, groups, left), draw(random, groups, right)
    found = gaussian.symmetric_kl(tensors(p), tensors(q)).numpy()
    for g in range(groups):
        for i in range(left):
            for j in range(right):
                expected = reference.symmetric_kl(rows(p, g, i), rows(q, g, j))
                assert found[g, i, j] == pytest.approx(expected, rel=1e-3, abs=1e-4)
    beside = gaussian.paired_symmetric_kl(
        *(gaussian.Gaussians(*(x[:, :1] for x in tensors(d))) for d in (p, q))
    )
    np.testing.assert_allclose(beside[:, 0], found[:, 0, 0], rtol=1e-3, atol=1e-4)


def test_divergence_far_from_the_origin_keeps_its_digits():
    random = np.random.default_rng(0)
    p, q = draw(random, 1, 4, spread=0.1), draw(random, 1, 4, spread=0.1)
    moved = [gaussian.Gaussians(d.means + np.float32(100.0), d.variances) for d in (p, q)]
    found = gaussian.symmetric_kl(*map(tensors, moved))
    np.testing.assert_allclose(found, gaussian.symmetric_kl(tensors(p), tensors(q)), rtol=2e-3)


def test_nothing_is_nearer_than_what_is_the_same():
    """Rounding does not make the divergence of a Gaussian from itself negative."""
    same = tensors(draw(np.random.default_rng(0), 1, 50))
    found = np.diagonal(gaussian.symmetric_kl(same, same).numpy()[0])
    assert (found >= 0.0).all()
    np.testing.assert_allclose(found, 0.0, atol=1e-4)


@pytest.mark.parametrize("log_variances", [(-200.0, 200.0), (-200.0, -200.0), (200.0, 200.0)])
def test_tiny_and_huge_variances_stay_finite_with_their_gradients(log_variances):
    means = tf.constant([[[0.0, 3.0]], [[-2.0, 1.0]]])
    logs = tf.constant([[[log_variances[0]] * 2], [[log_variances[1]] * 2]])
    with tf.GradientTape() as tape:
        tape.watch([means, logs])
        both = gaussian.from_log_variance(means, logs)
        first, second = (gaussian.Gaussians(*(x[i : i + 1] for x in both)) for i in (0, 1))
        found = gaussian.symmetric_kl(first, second)
    assert np.isfinite(found).all() and (found.numpy() >= 0).all()
    for gradient in tape.gradient(found, [means, logs]):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("log_variance", [-9.0, -7.0, 9.0])
def test_variances_beyond_the_bounds_still_learn(log_variance):
    """Towards another Gaussian, by every divergence, as those within do."""
    logs = tf.constant([[log_variance]])
    other = gaussian.from_log_variance(tf.zeros([1, 1]), tf.zeros([1, 1]))
    divergences = (gaussian.symmetric_kl, gaussian.paired_symmetric_kl)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logs)
        own = gaussian.from_log_variance(tf.zeros([1, 1]), logs)
        found = [divergence(own, other) for divergence in divergences]
        found.append(variational.kl_to_standard(own))
    for divergence in found:
        gradient = float(tape.gradient(divergence, logs))
        assert np.isfinite(gradient) and gradient * log_variance > 0.0


def test_empty_slots_do_not_blur_what_is_far_from_the_origin():
    random = np.random.default_rng(3)
    near = draw(random, 1, 2)
    far = gaussian.Gaussians(near.means + 300.0, near.variances * 0.01)
    memory = gaussian.empty(1, 400, WIDTH)
    for n in range(2):
        one = tensors(gaussian.Gaussians(*(x[:, n : n + 1] for x in far)))
        _, neighbours = ask(memory, one)
        memory = gaussian.update(memory, one, tf.constant([[n]]), neighbours)
    # so far that rounding, of what is some thousands apart from the second slot, is little beside it
    asked = gaussian.Gaussians(far.means[:, :1] + 0.02, far.variances[:, :1])
    found = gaussian.similarities(memory, tensors(asked)).numpy()[0, 0]
    for n in range(2):
        expected = -reference.symmetric_kl(rows(asked, 0, 0), rows(far, 0, n))
        assert found[memory.labels[0].numpy() == n][0] == pytest.approx(expected, rel=2e-3)


def test_merging_matches_the_moments_of_samples():
    """A slot of three pictures and a fourth: the mixture that weighs them 3 to 1."""
    random = np.random.default_rng(0)
    held, new = draw(random, 1), draw(random, 1)
    found = gaussian.merge(tensors(held), tf.constant([3]), tensors(new))
    count = 400_000
    sources = [held, held, held, new]
    samples = np.concatenate(
        [d.means + np.sqrt(d.variances) * random.normal(size=(count, WIDTH)) for d in sources]
    )
    np.testing.assert_allclose(found.means[0], samples.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found.variances[0], samples.var(axis=0), rtol=0.01)


def test_merging_with_itself_changes_nothing_and_order_does_not_count():
    random = np.random.default_rng(1)
    parts = [draw(random, 1) for _ in range(3)]
    same = gaussian.merge(tensors(parts[0]), tf.constant([5]), tensors(parts[0]))
    np.testing.assert_allclose(same.means, parts[0].means, rtol=1e-6)
    np.testing.assert_allclose(same.variances, parts[0].variances, rtol=1e-6)
    results = []
    for order in ((0, 1, 2), (2, 1, 0)):
        total = tensors(parts[order[0]])
        for k, index in enumerate(order[1:]):
            total = gaussian.merge(total, tf.constant([k + 1]), tensors(parts[index]))
        results.append(total)
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def ask(memory, asked):
    found = gaussian.similarities(memory, asked)
    return found, slots.nearest(memory.labels, found)


@hypothesis.given(st.integers(1, 2), st.integers(2, 6), st.integers(0, 9999))
@hypothesis.settings(deadline=None, max_examples=10)
def test_writing_against_loops(groups, count, seed):
    random = np.random.default_rng(seed)
    memory = gaussian.empty(groups, count, WIDTH)
    expected = [reference.Memory(count) for _ in range(groups)]
    for _ in range(10):
        asked = draw(random, groups, 1, spread=0.3)
        labels = random.integers(0, 3, (groups, 1)).astype(np.int32)
        found, neighbours = ask(memory, tensors(asked))
        memory = gaussian.update(memory, tensors(asked), tf.constant(labels), neighbours)
        for g in range(groups):
            expected[g].update(rows(asked, g, 0), int(labels[g, 0]))
            for i, slot in enumerate(expected[g].slots):
                held = [memory.labels[g, i], memory.counts[g, i], memory.ages[g, i]]
                if slot is None:
                    assert [int(x) for x in held] == [-1, 0, slots.NEVER]
                    continue
                assert [int(x) for x in held] == slot[1:]
                means, variances = zip(*slot[0], strict=True)
                np.testing.assert_allclose(memory.means[g, i], means, rtol=1e-4, atol=1e-5)
                np.testing.assert_allclose(memory.variances[g, i], variances, rtol=1e-4)


@tf.function
def memories(asked, labels, count):
    """An empty memory and what it is after each update, [steps + 1, 1, ...]."""

    def step(memory, given):
        _, neighbours = ask(memory, given[0])
        return gaussian.update(memory, *given, neighbours)

    first = gaussian.empty(1, count, WIDTH)
    after = tf.scan(step, (asked, labels), first)
    return tf.nest.map_structure(lambda one, rest: tf.concat([one[None], rest], 0), first, after)


@pytest.mark.parametrize("seed", [0, 1])
def test_ten_thousand_updates_lose_and_duplicate_no_slot(seed):
    """Every write is of one slot of its own, with age 0; all others keep what they hold."""
    count, together, steps = 12, 4, 2500
    random = np.random.default_rng(seed)
    labels = np.stack([random.permutation(20)[:together] for _ in range(steps)]).astype(np.int32)
    labels[random.random((steps, together)) < 0.2] = -1
    asked = tensors(draw(random, steps, 1, together))
    found = tf.nest.map_structure(
        lambda part: part[:, 0].numpy(), memories(asked, tf.constant(labels[:, None]), count)
    )
    before, after = ([part[at] for part in found] for at in (slice(-1), slice(1, None)))
    before, after = gaussian.GaussianMemory(*before), gaussian.GaussianMemory(*after)
    written = after.ages == 0
    for n in range(steps):
        assert sorted(after.labels[n, written[n]]) == sorted(labels[n, labels[n] >= 0])
    for now, then in zip(after[:4], before[:4], strict=True):
        np.testing.assert_array_equal(now[~written], then[~written])
    grown = after.counts[written] == before.counts[written] + 1
    assert (grown | (after.counts[written] == 1)).all()
    assert (labels >= 0).sum() > 7000 and (after.variances[-1] > 0).all()


@pytest.mark.parametrize("form", ["hinge", "paper", "log"])
def test_loss_in_both_forms(form):
    similarities = np.array([[0.9, 0.2], [0.3, 0.8], [0.5, 0.45], [1.0, 0.0]])
    there = np.array([[1, 1], [1, 1], [0, 1], [1, 0]], bool)
    logs = np.log(np.maximum(similarities, 1e-30)).astype(np.float32)
    found = gaussian.loss(*map(tf.constant, logs.T), tf.constant(there), 0.1, form)
    for n, (near, far) in enumerate(similarities * there):
        printed = max(far + (1 - near) + 0.1, 0.1) - 0.1
        assert printed == pytest.approx(far + 1 - near)  # the margin never binds
        expected = printed if form == "paper" else max(far - near + 0.1, 0.0)
        if form == "log":
            both = all(there[n])
            expected = both * max(logs[n, 1] - logs[n, 0] + 0.1, 0.0)
        assert float(found[n]) == pytest.approx(expected, abs=1e-6)


def test_wrong_shapes_are_named():
    memory = gaussian.empty(1, 3, WIDTH)
    asked = gaussian.Gaussians(tf.zeros([1, 2, WIDTH + 1]), tf.ones([1, 2, WIDTH + 1]))
    with pytest.raises(ValueError, match="`asked` must be"):
        gaussian.update(memory, asked, tf.zeros([1, 2], tf.int32), None)
