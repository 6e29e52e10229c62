"""What every registered model has to keep; a new model is tested by being registered."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode, count_presentations
from oneshot_tf.evaluation import protocols
from oneshot_tf.run_config import TrainOptions
from oneshot_tf.sampling import few_shot, labelled, sequence
from oneshot_tf.training import loop, optimizers

WAY, SHOT, QUERIES, BATCH = 3, 4, 2, 2
# of the tiny task at most: thrice the usual, as a last bit moves the moment of finding out by hundreds
UPDATES = {"flmn": 450, "mann": 1350, "ntm": 2700, "lstm": 1650}
TINY = {
    # codes of six numbers are too few to look up by
    "flmn": {"width": 24},
    # episodes of a batch in one memory must have no class in common; of 12 classes they would
    "rare_events": {"share_memory": False},
    "gaussian_memory": {"share_memory": False},
}
# variants that are models of their own: name -> (model, options)
VARIANTS = {
    "matching-fce": ("matching", {"fce": True, "fce_width": 6, "steps": 2}),
    "matching-separate": ("matching", {"shared": False}),
    "matching-bilinear": ("matching", {"kernel": "bilinear"}),
    "matching-l1": ("matching", {"kernel": "l1"}),
    "classifier-linear": ("classifier", {"head": "linear"}),
    "mmnet-separate": ("mmnet", {"share_trunk": False, "predicted_norm": "picture"}),
    "mmnet-printed": ("mmnet", {"similarity": "dot", "loss_of": "sample", "vote": "nearest"}),
    "prototypical-support": ("prototypical", {"bn": "support"}),
    "maml-shared": ("maml", {"shared_head": True}),
}
FEW = {"reptile": {"test_steps": 3}}  # what every small model of a name has
# of pictures; the language model reads none, and is held to these in models/test_lstm_lm.py
PICTURES = [name for name in models.MODELS if "pictures" in models.find(name).reads]
ALL = [*PICTURES, *VARIANTS]
# the slow ones learn for minutes of a machine's time; they train as `mann`, `mmnet` and `matching` do
LONG = {"ntm", "mann", "mmnet", "mmnet-separate", "mmnet-printed", "matching-fce", "matching-l1"}
# variants have the code of their model, which is tested quickly, but for a line or two
# learners that adapt take tasks one by one as `maml` does, which is tested quickly
SLOW = {*VARIANTS, "anil", "meta_sgd", "reptile", "meta_lstm", "meta_networks"}
CASES = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ALL]
LEARNING = [pytest.param(n, marks=pytest.mark.slow) if n in (*LONG, *SLOW) else n for n in ALL]
SEQUENCE = [name for name in models.MODELS if models.find(name).episode == "sequence"]


def make_case(make_learner, name, way=WAY, **options):
    """A small model of a name in `ALL`."""
    model, chosen = VARIANTS.get(name, (name, {}))
    return make_learner(model, way, **{**FEW.get(name, {}), **chosen, **options})


@pytest.fixture(scope="module", params=CASES)
def learner(request, make_learner):
    return make_case(make_learner, request.param)


@pytest.fixture(scope="module", params=SEQUENCE)
def sequence_learner(request, make_learner):
    return make_learner(request.param, WAY)


def sample_sequences(population, batch=BATCH, way=WAY):
    return sequence.sampler(
        population, seed=0, stream="train", batch=batch, way=way, per_class=SHOT
    )


def sample_few_shot(population, batch=BATCH, way=WAY, shot=SHOT):
    return few_shot.sampler(
        population, seed=0, stream="train", batch=batch, way=way, shot=shot, queries=QUERIES
    )


def sampler_for(learner, population, **sizes):
    """Samples of the kind of episode that the model trains on."""
    if learner.episode == "labelled":
        return labelled.sampler(population, seed=0, stream="train", batch=sizes.get("batch", BATCH))
    return (sample_sequences if learner.episode == "sequence" else sample_few_shot)(
        population, **sizes
    )


@pytest.fixture(scope="module")
def population(make_source, distinct_dataset):
    return make_source(distinct_dataset)


@pytest.fixture(scope="module")
def sequences(population):
    return sample_sequences(population)(tf.constant(0))


@pytest.fixture(scope="module")
def few_shots(population):
    return sample_few_shot(population)(tf.constant(0))


def presented(images, labels):
    """A `SequenceEpisode` of pictures and labels."""
    return SequenceEpisode(images, labels, count_presentations(labels))


def test_class_attributes(learner):
    assert learner.episode in ("sequence", "few_shot", "labelled")
    assert models.find(learner.name) is type(learner)
    assert isinstance(learner.options, type(learner).Options)


@pytest.mark.parametrize("name", CASES)
def test_a_training_step_has_a_finite_loss_and_reaches_every_weight(name, make_learner, population):
    learner = make_case(make_learner, name)
    for i, weight in enumerate(learner.trainable_variables):
        if (
            not weight.numpy().any()
        ):  # what starts at zero may keep gradients from what is before it
            weight.assign(0.1 * tf.random.stateless_normal(weight.shape, [0, i]))
    episode = sampler_for(learner, population)(tf.constant(0))
    with tf.GradientTape() as tape:
        loss, right, shown, _ = learner.train_loss(episode)
    weights = learner.trainable_variables
    gradients = tape.gradient(loss, weights)
    assert loss.shape == () and np.isfinite(loss)
    answers = episode.query_labels if learner.episode == "few_shot" else episode.labels
    assert float(tf.reduce_sum(shown)) == answers.shape.num_elements()
    assert (right <= shown).numpy().all()
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, f"{weight.name} has no gradient"
        assert np.isfinite(gradient).all(), weight.name
        assert np.abs(gradient).max() > 0, f"the gradient of {weight.name} is zero"


@pytest.mark.parametrize("name", LEARNING)
def test_learns_a_tiny_task(name, make_learner, population):
    """12 classes that no noise can confuse, two a time; who only counts labels is right two times in three."""
    wide = {**({"hidden_size": 40} if name in SEQUENCE else {}), **TINY.get(name, {})}
    learner = make_case(make_learner, name, way=2, **wide)
    options = TrainOptions(way=2, shot=SHOT, batch_size=16, learning_rate=1e-2, clip_norm=5.0)
    optimizer = optimizers.make(options)
    optimizer.build(learner.trainable_variables)
    sample = sampler_for(learner, population, batch=16, way=2)
    strategy = tf.distribute.get_strategy()
    train_steps = loop.make_train_steps(learner, optimizer, sample, options, strategy)
    for start in range(0, UPDATES.get(name, 300), 50):
        last = train_steps(tf.constant(start, tf.int64), tf.constant(50, tf.int64))
        known = (last["right"] / last["shown"]).numpy()[:2][-1]
        if known > 0.8:
            break
    assert known > 0.8


def test_shapes_and_predictions_of_few_shot_episodes(learner, few_shots):
    logits = learner(few_shots)
    assert logits.shape == (BATCH, WAY * QUERIES, WAY) and logits.dtype == tf.float32
    labels = learner.predict_labels(logits)
    assert labels.dtype == tf.int32
    np.testing.assert_array_equal(labels, np.argmax(logits, axis=2))


def test_query_labels_never_matter(learner, few_shots):
    others = few_shots._replace(query_labels=(few_shots.query_labels + 1) % WAY)
    np.testing.assert_array_equal(learner(few_shots), learner(others))


def test_queries_do_not_see_each_other(learner, few_shots):
    together = learner(few_shots)
    for q in range(WAY * QUERIES):
        one = few_shots._replace(
            query=few_shots.query[:, q : q + 1], query_labels=few_shots.query_labels[:, q : q + 1]
        )
        np.testing.assert_allclose(learner(one)[:, 0], together[:, q], rtol=1e-5, atol=1e-5)


def test_support_labels_matter(learner, few_shots):
    others = few_shots._replace(support_labels=(few_shots.support_labels + 1) % WAY)
    assert np.abs(learner(few_shots) - learner(others)).max() > 1e-4


@pytest.mark.parametrize("place", ["end", "middle"])
def test_padded_support_equals_leaving_it_out(learner, few_shots, place):
    at = WAY * SHOT if place == "end" else 5
    junk = tf.random.stateless_uniform([BATCH, 2, *few_shots.support.shape[2:]], [1, 2])
    parts = tf.split(few_shots.support, [at, WAY * SHOT - at], axis=1)
    labels = tf.split(few_shots.support_labels, [at, WAY * SHOT - at], axis=1)
    padded = few_shots._replace(
        support=tf.concat([parts[0], junk, parts[1]], axis=1),
        support_labels=tf.concat([labels[0], -tf.ones([BATCH, 2], tf.int32), labels[1]], axis=1),
    )
    np.testing.assert_allclose(learner(padded), learner(few_shots), rtol=1e-5, atol=1e-5)


def test_episodes_of_a_batch_do_not_see_each_other(learner, few_shots):
    together = learner(few_shots)
    for b in range(BATCH):
        alone = learner(FewShotEpisode(*(part[b : b + 1] for part in few_shots)))
        np.testing.assert_allclose(alone[0], together[b], rtol=1e-5, atol=1e-5)


def test_one_compiled_function_takes_other_shots_and_queries(learner, population, few_shots):
    traces = []

    @tf.function(reduce_retracing=True, autograph=False)
    def answer(support, support_labels, query):
        traces.append(1)
        labels = tf.zeros(tf.shape(query)[:2], tf.int32)
        return learner(FewShotEpisode(support, support_labels, query, labels))

    fewer = sample_few_shot(population, batch=1, shot=2)(tf.constant(7))
    fewest = sample_few_shot(population, batch=3, shot=1)(tf.constant(8))
    for episode in (few_shots, fewer, fewest):
        np.testing.assert_allclose(answer(*episode[:3]), learner(episode), rtol=1e-5, atol=1e-5)
    assert len(traces) <= 2  # the second one is for every shape


def test_changing_a_label_changes_no_logits_up_to_its_step(sequence_learner, sequences):
    before = sequence_learner(sequences)
    for t in (0, 5, WAY * SHOT - 1):
        labels = sequences.labels.numpy()
        labels[:, t] = (labels[:, t] + 1) % WAY
        after = sequence_learner(presented(sequences.inputs, tf.constant(labels)))
        np.testing.assert_array_equal(after[:, : t + 1], before[:, : t + 1])
        if t + 1 < WAY * SHOT:
            assert np.abs(after[:, t + 1] - before[:, t + 1]).max() > 1e-5


def test_later_pictures_do_not_matter(sequence_learner, sequences):
    before = sequence_learner(sequences)
    changed = tf.concat([sequences.inputs[:, :5], 1.0 - sequences.inputs[:, 5:]], axis=1)
    after = sequence_learner(sequences._replace(inputs=changed))
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert np.abs(after[:, 5] - before[:, 5]).max() > 1e-5


def test_presentations_are_no_input(sequence_learner, sequences):
    others = sequences._replace(presentations=sequences.presentations * 0 + 1)
    np.testing.assert_array_equal(sequence_learner(sequences), sequence_learner(others))


def test_few_shot_answer_equals_presenting_the_sequence(sequence_learner, few_shots):
    found = sequence_learner(few_shots)
    for q in range(WAY * QUERIES):
        images = tf.concat([few_shots.support, few_shots.query[:, q : q + 1]], axis=1)
        labels = tf.concat([few_shots.support_labels, tf.zeros([BATCH, 1], tf.int32)], axis=1)
        logits = sequence_learner(presented(images, labels))
        np.testing.assert_allclose(found[:, q], logits[:, -1], rtol=1e-5, atol=1e-5)


def test_figures(sequence_learner, sequences):
    found = sequence_learner.figures(sequences)
    logits = sequence_learner(sequences)[0]
    np.testing.assert_array_equal(found["pictures"], sequences.inputs[0])
    np.testing.assert_array_equal(found["labels"], sequences.labels[0])
    np.testing.assert_array_equal(found["predictions"], np.argmax(logits, axis=1))
    np.testing.assert_allclose(found["probabilities"], tf.nn.softmax(logits), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["confidence"], found["probabilities"].max(axis=1))
    for name in {"read", "write"} & set(found):
        np.testing.assert_allclose(found[name].sum(axis=2), 1.0, rtol=1e-4)


def test_flops_grow_with_the_steps(sequence_learner):
    weights = sum(
        w.shape.num_elements() for w in sequence_learner.trainable_variables if w.shape.rank == 2
    )
    found = sequence_learner.flops_per_episode(10)
    assert found >= 3 * 2 * 10 * 0.9 * weights
    assert sequence_learner.flops_per_episode(20) == pytest.approx(2 * found)


@pytest.mark.parametrize("name", CASES)
def test_weights_of_zero_score_chance(name, make_learner, population):
    """Every label has as many pictures, so one constant answer is right one time in `way`."""
    learner = make_case(make_learner, name)
    for weight in learner.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    sample = sample_few_shot(population, protocols.BATCH)
    if not learner.trainable_variables:  # what has no weights to be zero is shown blank pictures
        sample = blank(sample)
    found = protocols.few_shot(learner, sample, 20)
    assert found["mean"] == pytest.approx(100 / WAY, abs=1e-2) and found["ci95"] < 1e-3
    if learner.episode == "sequence":
        sample = sample_sequences(population, protocols.BATCH)
        found = protocols.sequence(learner, sample, 20, SHOT)
        means = [value["mean"] for value in found.values()]
        assert np.mean(means) == pytest.approx(100 / WAY, abs=1e-2)


def blank(sample):
    """The same episodes with pictures that are all alike."""

    def sample_blank(first):
        episode = sample(first)
        support, query = tf.ones_like(episode.support), tf.ones_like(episode.query)
        return episode._replace(support=support, query=query)

    return sample_blank
