"""What MANN, NTM, FLMN and LSTM share: everything but the cell.

Input at step t is (x_t, y_{t-1}), zeros for the label at the first step; the answer at t is linear
in what the cell gives. The papers' task, [MANN] section 3 and [FLMN] section 3.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.episodes import (
    FewShotEpisode,
    SequenceEpisode,
    count_presentations,
    previous_labels,
)
from oneshot_tf.errors import UserError
from oneshot_tf.layers.unroll import unroll
from oneshot_tf.models import encoders
from oneshot_tf.models.base import Learner, Outcome
from oneshot_tf.ops import losses, matching, string_labels
from oneshot_tf.options import Options, option


@dataclasses.dataclass(frozen=True)
class SequenceOptions(Options):
    """Options of every sequence learner."""

    label_encoding: str = option(
        "one_hot",
        "labels as one-hot vectors, or as strings of 5 characters out of 5 (MANN)",
        choices=("one_hot", "string"),
    )
    encoder: str = option(
        "flat",
        "flat: pixels as they are (the papers); conv: a small convolutional network",
        choices=("flat", "conv"),
        search=["flat", "conv"],
    )
    filters: int = encoders.conv_filters_option(16, [8, 16, 32])
    blocks: int = encoders.conv_blocks_option(2)
    centred: bool = encoders.centred_option(False)
    controller: str = option("lstm", "lstm (papers) or mlp, feed-forward", choices=("lstm", "mlp"))
    hidden_size: int = option(200, "units of the controller", low=1, search=[100, 200, 300])
    guess_weight: float = option(
        1.0,
        "weight in the loss of first presentations, which can only be guessed (the papers: 1)",
        low=0.0,
        high=1.0,
        earlier=1.0,
    )
    execution: str = option(
        "auto",
        "while, unrolled, xla, or auto: the fastest here",
        choices=("auto", "while", "unrolled", "xla"),
    )


class SequenceLearner(Learner):
    """A recurrent cell that reads a sequence of pictures and late labels."""

    Options = SequenceOptions
    episode = "sequence"
    answers = (SequenceEpisode, FewShotEpisode)
    one_size = True
    explains = ("read_weights", "write_weights")
    defaults = {"image_size": 20, "shot": 10, "rotations": False}

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        self.strings = options.label_encoding == "string"
        outputs = string_labels.WIDTH if self.strings else self.way
        self.encoder = encoders.make_small(options, self.precision)
        self.cell = self.make_cell(options)
        self.classifier = keras.layers.Dense(outputs, name="classifier")
        self.label_width = outputs
        self._jitted = tf.function(self._loss_and_gradients, jit_compile=True, autograph=False)
        self._graph_loss = tf.function(self._compiled_loss, autograph=False)
        self.build_weights()

    def make_cell(self, options):
        """The model's `MemoryCell`."""
        raise NotImplementedError

    def build_weights(self):
        """Makes all weights now, so that the first trace finds them."""
        embedded = self.encoder(tf.zeros([1, *self.image_shape]))
        self.cell.build([None, None, embedded.shape[-1] + self.label_width])
        self.classifier.build([None, self.build_head()])

    def build_head(self):
        """Makes what is between the cell and the classifier; returns the classifier's width."""
        return self.cell.output_width

    def head(self, outputs):
        """What the classifier sees of the cell's outputs, [T, B, output width] -> [T, B, D]."""
        return outputs

    @property
    def num_labels(self):
        return string_labels.COUNT if self.strings else self.way

    @property
    def fixed_way(self):
        return self.way

    def presentations(self, train):
        return train.shot

    def pictures_per_episode(self, train):
        return train.way * train.shot

    @property
    def xla(self):
        """Whether the time loop is compiled by XLA."""
        return self.options.execution in ("xla", "auto")

    @property
    def loop(self):
        return self.options.execution != "unrolled"

    def encode_labels(self, labels):
        """int32 [...] -> float32 [..., label width]; -1 is all zeros."""
        return string_labels.encode(labels) if self.strings else tf.one_hot(labels, self.way)

    def encode_images(self, images, training):
        """float32 [B, T, H, W, C] -> [B, T, D]."""
        shape = tf.shape(images)
        flat = tf.reshape(images, [-1, *self.image_shape])
        embedded = tf.cast(self.encoder(flat, training=training), tf.float32)
        out = tf.reshape(embedded, [shape[0], shape[1], embedded.shape[-1]])
        return tf.ensure_shape(out, [*images.shape[:2], embedded.shape[-1]])

    def run(self, embedded, previous, state=None, **kwargs):
        """Runs the cell. embedded [B, T, D], previous int32 [B, T] -> (logits [B, T, K], Unrolled)."""
        inputs = tf.concat([embedded, self.encode_labels(previous)], axis=2)
        if state is None:
            state = self.cell.initial_state(inputs.shape[0] or tf.shape(inputs)[0])
        loop = self.loop or inputs.shape[1] is None  # an unknown number of steps needs a loop
        ran = unroll(self.cell, tf.transpose(inputs, [1, 0, 2]), state, loop=loop, **kwargs)
        logits = self.classifier(self.head(ran.outputs))
        return tf.transpose(logits, [1, 0, 2]), ran

    def told(self, embedded, labels, **kwargs):
        """As `run`; a picture of unknown label (-1) is answered, and leaves the state as it is."""
        mask = tf.transpose(labels >= 0)
        return self.run(embedded, previous_labels(labels), mask=mask, **kwargs)

    def call(self, episode, training=False):
        if not isinstance(episode, SequenceEpisode):
            return self.answer_queries(episode)
        embedded = self.encode_images(episode.inputs, training)
        return self.told(embedded, episode.labels, deferred=training)[0]

    def explained(self, episode):
        if not isinstance(episode, SequenceEpisode):
            return super().explained(episode)
        logits, weights = self._trace(episode)
        return logits, {name: weights[name.removesuffix("_weights")] for name in self.explains}

    def answer_queries(self, episode):
        """Logits [B, Q, way]: presents the support, then each query by itself from the same state."""
        if self.strings:
            raise UserError("A model with string labels has no few-shot protocol; use sequence")
        labels = episode.support_labels
        embedded = self.encode_images(episode.support, False)
        _, ran = self.told(embedded, labels, deferred=False)
        queries = tf.shape(episode.query)[1]
        state = tf.nest.map_structure(lambda s: tf.repeat(s, queries, axis=0), ran.state)
        # at the first query the learner sees the label of the last support picture
        ended = tf.concat([labels, -tf.ones_like(labels[:, :1])], axis=1)
        last = tf.repeat(previous_labels(ended)[:, -1:], queries, axis=0)
        query = self.encode_images(episode.query, False)
        query = tf.reshape(query, [-1, 1, query.shape[2]])
        logits, _ = self.run(query, last, state=state, deferred=False)
        logits = tf.reshape(logits, [tf.shape(labels)[0], queries, self.label_width])
        return matching.of_classes_there(logits, labels)

    def sequence_loss(self, logits, labels):
        """[MANN] Eq. 3, with `guess_weight`; for strings the sum over characters."""
        weights = None
        if self.options.guess_weight < 1.0:
            first = count_presentations(labels) == 1
            weights = tf.where(first, self.options.guess_weight, 1.0)
        loss = string_labels.cross_entropy if self.strings else losses.cross_entropy
        return loss(logits, labels, weights)

    def predict_labels(self, logits):
        return string_labels.predict(logits) if self.strings else super().predict_labels(logits)

    def probabilities(self, logits):
        """Of the labels; of strings, of each character: [B, T, LENGTH, CHARACTERS]."""
        return tf.nn.softmax(string_labels.characters(logits) if self.strings else logits)

    def train_loss(self, episode, state=()):
        embedded = self.encode_images(episode.inputs, True)
        previous = previous_labels(episode.labels)
        if self.xla:
            # an eager tape would record what is inside the compiled part a second time
            compiled = self._graph_loss if tf.executing_eagerly() else self._compiled_loss
            loss, logits = compiled(embedded, previous, episode.labels)
        else:
            logits, _ = self.run(embedded, previous)
            loss = self.sequence_loss(logits, episode.labels)
        right, shown = losses.accuracy_by_presentation(
            self.predict_labels(logits) == episode.labels,
            episode.presentations,
            episode.labels.shape[1] // self.way,
        )
        return Outcome(loss, tf.reduce_sum(right, 0), tf.reduce_sum(shown, 0))

    def figures(self, episode):
        """The first episode of a batch, step by step, for `figures/drawing.py`.

        Args:
          episode: `SequenceEpisode`.

        Returns:
          numpy arrays: "pictures" [T, H, W, C]; "labels", "predictions", "presentations" and
          "confidence" (of the answer) [T]; "probabilities" [T, way] unless labels are strings; those
          weights that the cell has: "read", "write" [T, heads, N], "usage" [T, 1, N].
        """
        first = SequenceEpisode(*(part[:1] for part in episode))
        found = {
            "pictures": first.inputs,
            "labels": first.labels,
            "presentations": first.presentations,
            **self._traced(first),
        }
        return {name: array[0].numpy() for name, array in found.items()}

    def _trace(self, episode):
        """(logits, {name: the cell's weights [B, T, rows, N]}), at every step."""
        embedded = self.encode_images(episode.inputs, False)
        logits, ran = self.told(embedded, episode.labels, trace=True)
        return logits, {name: tf.transpose(w, [1, 0, 2, 3]) for name, w in ran.trace.items()}

    @tf.function(autograph=False)
    def _traced(self, episode):
        """Answers and the cell's weights at every step, [B, T, ...]."""
        logits, found = self._trace(episode)
        found["predictions"] = self.predict_labels(logits)
        if self.strings:
            likeliest = tf.reduce_max(self.probabilities(logits), axis=-1)
            found["confidence"] = tf.reduce_prod(likeliest, axis=-1)
        else:
            found["probabilities"] = tf.nn.softmax(logits)
            found["confidence"] = tf.reduce_max(found["probabilities"], axis=-1)
        return found

    @property
    def loop_weights(self):
        """The weights inside the compiled part: the cell's and those behind it."""
        return self.cell.trainable_variables + self.classifier.trainable_variables

    def _loss_and_gradients(self, embedded, previous, labels):
        """(loss, logits, gradient of embedded, gradients of `loop_weights`), compiled as one."""
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            logits, _ = self.run(embedded, previous)
            loss = self.sequence_loss(logits, labels)
        gradients = tape.gradient(loss, [embedded, *self.loop_weights])
        return loss, logits, gradients[0], gradients[1:]

    def _compiled_loss(self, embedded, previous, labels):
        """Loss and logits from the compiled part, which makes its gradients along the way.

        Forward and backward of the time loop have to be in one XLA computation: what the loop
        keeps for its gradient cannot leave it. Around it, this looks like any differentiable
        function, so an encoder in front (convolutions are slow under XLA on a CPU) is trained too.
        """
        weights = self.loop_weights

        @tf.custom_gradient
        def run(embedded):
            loss, logits, d_embedded, d_weights = self._jitted(embedded, previous, labels)

            def gradient(d_loss, d_logits, variables=None):
                del d_logits  # logits serve the metrics only
                known = {id(w): d for w, d in zip(weights, d_weights, strict=True)}
                return d_loss * d_embedded, [d_loss * known[id(v)] for v in variables or []]

            return (loss, logits), gradient

        loss, logits = run(embedded)
        return loss, tf.stop_gradient(logits)

    def embed(self, images):
        """The conv encoder's output; None for flat pixels."""
        return self.encoder(images) if self.options.encoder == "conv" else None

    def flops_per_episode(self, steps):
        """Three times the forward pass (once forward, twice backward) of `steps` steps."""
        return 3.0 * steps * (self.encoder.flops() + self.cell.flops() + self.head_flops())

    def head_flops(self):
        """Operations behind the cell, for one step."""
        return 2.0 * self.classifier.kernel.shape.num_elements()
