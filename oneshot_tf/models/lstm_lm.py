"""A word language model of LSTMs: the oracle beside one-shot words, [MN] Vinyals et al. 2016, 4.1.3.

It learns nothing in one shot: it has read every word of the training text as often as the text has
it, and is told which words an episode's labels stand for, as no other model here is. Its accuracy is
an upper bound. The network is [Z], Zaremba, Sutskever and Vinyals: *Recurrent Neural Network
Regularization* (2014, arXiv 1409.2329), in its three configurations.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.episodes import ClozeEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.layers.stacked_lstm import StackedLSTM
from oneshot_tf.models.base import Learner, Outcome
from oneshot_tf.ops import language
from oneshot_tf.options import Options, option

BATCH = 20  # rows, in all of [Z]'s configurations
TRAINING_WORDS = 929_589  # of the treebank's training text, ends of sentences counted


class Configuration(typing.NamedTuple):
    """A network of [Z] section 4.1 and its training: SGD from a rate of 1."""

    hidden_size: int
    dropout: float
    init_range: float
    unrolled: int
    clip_norm: float
    epochs: int
    constant_epochs: int  # before the rate is divided by `decay_by` after each epoch
    decay_by: float


CONFIGURATIONS = {
    "small": Configuration(200, 0.0, 0.1, 20, 5.0, 13, 4, 2.0),
    "medium": Configuration(650, 0.5, 0.05, 35, 5.0, 39, 6, 1.2),
    "large": Configuration(1500, 0.65, 0.04, 35, 10.0, 55, 14, 1.15),
}


@dataclasses.dataclass(frozen=True)
class LanguageOptions(Options):
    """Options of the language model; what is None is as the configuration says."""

    configuration: str = option(
        "small", "network and training of Zaremba et al. (2014)", choices=tuple(CONFIGURATIONS)
    )
    layers: int = option(2, "LSTMs on top of each other", low=1)
    hidden_size: int | None = option(
        None, "units of an LSTM, and numbers a word", low=1, formerly="units"
    )
    dropout: float | None = option(
        None, "training: share left out on the way up, not in time", low=0.0, high=0.95
    )
    init_range: float | None = option(
        None, "weights and biases start uniformly between - and + this", low=0.0
    )
    unrolled: int | None = option(None, "words of a row between two updates", low=1)

    def resolved(self):
        """The `Configuration` with what these options say otherwise."""
        own = {
            name: getattr(self, name)
            for name in ("hidden_size", "dropout", "init_range", "unrolled")
        }
        said = {name: value for name, value in own.items() if value is not None}
        return CONFIGURATIONS[self.configuration]._replace(**said)


class LSTMLanguageModel(Learner):
    """An embedding, LSTMs on top of each other, and a softmax over all words."""

    Options = LanguageOptions
    episode = "text"
    answers = (ClozeEpisode,)
    reads = ("sentences",)
    one_device = True

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        if self.precision != "float32":
            raise UserError(
                f"--precision of {self.name} must be float32. Received: {self.precision}"
            )
        chosen = options.resolved()
        self.unrolled = chosen.unrolled
        words = self.vocabulary - 1  # tokens but the blank, which is never foretold
        self.table = self.add_weight("words", [words, chosen.hidden_size])
        self.lstm = StackedLSTM(options.layers, chosen.hidden_size, chosen.dropout, name="lstm")
        self.lstm.build(None)
        self.kernel = self.add_weight("softmax_kernel", [chosen.hidden_size, words])
        self.bias = self.add_weight("softmax_bias", [words])
        # of biases as well: no gate is open at the start, as in the authors' code
        for weight in self.trainable_variables:
            start = keras.initializers.RandomUniform(-chosen.init_range, chosen.init_range)
            weight.assign(start(weight.shape))  # one that is called again would repeat itself

    @classmethod
    def defaults_for(cls, options):
        """The training of the options' configuration; an epoch is a pass over the treebank."""
        chosen = options.resolved()
        epoch = TRAINING_WORDS // BATCH // chosen.unrolled * BATCH
        return {
            "dataset": "ptb",
            "batch_size": BATCH,
            "way": 5,
            "shot": 1,
            "queries": 1,
            "optimizer": "sgd",
            "momentum": 0.0,
            "learning_rate": 1.0,
            "clip_norm": chosen.clip_norm,
            "schedule": "decay",
            "decay_from": chosen.constant_epochs * epoch,
            "decay_every": epoch,
            "decay_by": chosen.decay_by,
            "episodes": chosen.epochs * epoch,
            "eval_every": epoch,
            "save_every": epoch,
            "validation_episodes": 100,
            "figures_every": 0,
        }

    def pictures_per_episode(self, train):
        return self.unrolled

    def examples(self, train):
        return f"pieces of {self.unrolled} words of running text"

    def first_state(self, batch):
        """Zeros, `StackState` of [layers, batch, units]."""
        return self.lstm.initial_state(batch)

    def read(self, inputs, state, noise=None, training=False):
        """Outputs [T, B, U] of tokens int32 [B, T], and the `StackState` after the last."""
        numbers = language.word_numbers(tf.transpose(inputs))
        # each word once: the gradient of a word that comes twice is summed before its norm is taken
        unique, places = tf.unique(tf.reshape(numbers, [-1]))
        words = tf.gather(tf.gather(self.table, unique), tf.reshape(places, tf.shape(numbers)))
        words = tf.ensure_shape(words, [*numbers.shape, self.table.shape[1]])
        return self.lstm(words, state, noise, training)

    def train_loss(self, episode, state):
        """Loss of a piece of text, read on from `state`; the gradient ends there.

        Args:
          episode: `RunningText`, [B, T].
          state: `StackState` after the piece before.

        Returns:
          `Outcome`: the loss as in `language.loss_and_right`; the state a `StackState`.
        """
        state = tf.nest.map_structure(
            lambda part: tf.where(episode.begins, tf.zeros_like(part), part), state
        )
        outputs, state = self.read(episode.inputs, state, episode.noise, training=True)
        targets = language.word_numbers(tf.transpose(episode.targets))
        logits = tf.matmul(tf.reshape(outputs, [-1, self.kernel.shape[0]]), self.kernel) + self.bias
        logits = tf.reshape(logits, [*targets.shape, -1])
        loss, right = language.loss_and_right(logits, targets)
        shown = tf.cast(tf.size(targets), tf.float32)
        return Outcome(loss, right[None], shown[None], state)

    def loss_scalars(self, loss):
        """The loss of a piece, and its perplexity."""
        return {"loss": loss, "perplexity": float(tf.exp(loss / self.unrolled))}

    def log_probabilities(self, inputs, targets, state):
        """log p of each target, given all inputs up to it.

        Args:
          inputs: int32 [B, T], tokens.
          targets: int32 [B, T], tokens.
          state: `StackState` before the first.

        Returns:
          (float32 [B, T], `StackState` after the last).
        """
        outputs, state = self.read(inputs, state)
        outputs = tf.transpose(outputs, [1, 0, 2])
        found = self._foretell(outputs, targets, tf.ones_like(targets, tf.bool))
        return tf.reshape(found, tf.shape(targets)), state

    def _foretell(self, outputs, targets, there):
        """log p [n] of the n targets [B, T] that are there, given outputs [B, T, U]."""
        numbers = language.word_numbers(tf.boolean_mask(targets, there))
        outputs = tf.boolean_mask(outputs, there)
        return language.log_probabilities(outputs, numbers, self.kernel, self.bias)

    def log_likelihoods(self, tokens):
        """[N]: log p of sentences int32 [N, L], their end included, each after an end.

        A sentence has the tokens before the first padding.
        """
        longest = tf.reduce_max(language.lengths(tokens))
        inputs, targets, there = language.foretold(tokens[:, :longest])
        count = tf.shape(tokens)[0]
        outputs, _ = self.read(inputs, self.first_state(count))
        found = self._foretell(tf.transpose(outputs, [1, 0, 2]), targets, there)
        owner = tf.cast(tf.where(there)[:, 0], tf.int32)
        return tf.math.unsorted_segment_sum(found, owner, count)

    def call(self, episode, training=False):
        """Log-likelihoods [B, Q, way] of every query with each word in its blank.

        Args:
          episode: `ClozeEpisode`; the labels have no say.
          training: not used.
        """
        del training
        sentences = language.filled(episode.query, episode.words)
        found = self.log_likelihoods(tf.reshape(sentences, [-1, tf.shape(sentences)[-1]]))
        return tf.reshape(found, tf.shape(sentences)[:3])

    def flops_per_episode(self, steps):
        """Operations of a training step for one row of `unrolled` words."""
        del steps
        products = sum(2.0 * w.shape[0] * w.shape[1] for w in self.lstm.weights if len(w.shape) > 1)
        return 3.0 * self.unrolled * (products + 2.0 * self.kernel.shape[0] * self.kernel.shape[1])


LSTMLanguageModel.defaults = LSTMLanguageModel.defaults_for(LanguageOptions())
