"""The contract of all models. Training, evaluation and serving know nothing else of a model."""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.options import Options, span_words


class Outcome(typing.NamedTuple):
    """What an update is made of; P is 1 but for sequences.

    Attributes:
      loss: scalar.
      right: float32 [P], right answers by presentation.
      shown: float32 [P], answers.
      state: for the next update, in the structure of `Learner.first_state`.
    """

    loss: tf.Tensor
    right: tf.Tensor
    shown: tf.Tensor
    state: typing.Any = ()


class Learner(keras.Model):
    """A one-shot learner.

    Class attributes:
      Options: the frozen dataclass of the model's own options.
      episode: the kind it trains on: "sequence", "few_shot", "labelled" (pictures), "text" (running).
      answers: the types of episodes that it answers.
      reads: "pictures", "sentences" or both.
      defaults: values of `DataOptions` and `TrainOptions` that are best for this model.
      one_size: whether all training episodes must have one way and one shot.
      one_device: whether an update goes on from the one before, so that one device trains.
      halves: values of its options with which half precision was measured to train as well.
      test_options: names of its options that a test may change, since no weight depends on them.
      finetune_matches: how it can answer after fine-tuning on a support set; () where it cannot.
      explains: the names of what `explained` gives beside logits.
      compares: whether `compared` gives embeddings.
      adds_up: whether all examples of a class add up in its answer (by default; an option may change it).
      takes_backbone: whether a network given from Python can be its encoder, see `FewShotLearner`.
    """

    Options = Options
    episode = "few_shot"
    answers = (FewShotEpisode,)
    reads = ("pictures",)
    defaults = {}
    one_size = False
    one_device = False
    halves = {}
    test_options = ()
    finetune_matches = ()
    explains = ()
    compares = False
    adds_up = False
    takes_backbone = False

    def __init__(
        self,
        options,
        *,
        way,
        image_size,
        channels,
        vocabulary=0,
        precision="float32",
        backbone=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if backbone is not None and not self.takes_backbone:
            raise UserError(f"{self.name} takes no `backbone`; choose another model")
        self.options = options
        self.way = way
        self.vocabulary = vocabulary  # how many tokens there are in sentences; 0: reads pictures
        self.image_shape = (None,) if vocabulary else (image_size, image_size, channels)
        self.precision = precision
        self.check_reads(kwargs.get("name", "This model"), vocabulary)

    @classmethod
    def check_reads(cls, name, vocabulary):
        """Refuses sentences (a `vocabulary` of some tokens) or pictures (of none) that it cannot read.

        Raises:
          UserError: which it reads.
        """
        if vocabulary and "sentences" not in cls.reads:
            raise UserError(
                f"{name} reads pictures, no sentences; choose another --model or --dataset"
            )
        if not vocabulary and "pictures" not in cls.reads:
            raise UserError(
                f"{name} reads sentences, no pictures; choose --dataset=ptb or another --model"
            )

    @classmethod
    def defaults_for(cls, options):
        """`defaults`, where they depend on the model's own options."""
        del options
        return cls.defaults

    @classmethod
    def options_for(cls, options, train_classes):
        """The options for training on so many classes, turned ones included."""
        del train_classes
        return options

    def blank(self):
        """One picture [1, H, W, C] without ink, or one sentence [1, 1] without words."""
        if self.vocabulary:
            return tf.zeros([1, 1], tf.int32)
        return tf.zeros([1, *self.image_shape])

    # --- what it is shown -------------------------------------------------------------------

    @property
    def num_labels(self):
        """Labels an episode may use; more than `way` where labels are strings."""
        return self.way

    @property
    def fixed_way(self):
        """The most classes that an answer can tell apart; None where any number will do."""
        return None

    def presentations(self, train):
        """P of `Outcome`, for episodes of `TrainOptions`."""
        del train
        return 1

    def pictures_per_episode(self, train):
        """Pictures, or words of running text, of one training episode of `TrainOptions`."""
        return train.way * (train.shot + train.queries)

    def examples(self, train):
        """What an episode of `TrainOptions` is, in words and in the plural."""
        way = span_words(train.way, train.way_from)
        shot = span_words(train.shot, train.shot_from)
        return f"episodes of {way} classes with {shot} pictures each"

    # --- training ---------------------------------------------------------------------------

    def first_state(self, batch):
        """What the first update starts from and each hands to the next: a NamedTuple of tensors.

        () where episodes stand alone, as they do for all models but those of running text.
        """
        del batch
        return ()

    def train_loss(self, episode, state=()):
        """Loss and answers for a batch of episodes of the model's kind.

        Args:
          episode: a batch of them.
          state: what the update before handed on, in the structure of `first_state`.

        Returns:
          `Outcome`.
        """
        raise NotImplementedError

    def loss_scalars(self, loss):
        """{name: float}: what a mean loss says, for the logs."""
        return {"loss": loss}

    # --- answering --------------------------------------------------------------------------

    def call(self, episode, training=False):
        """Logits of an episode.

        Args:
          episode: of a type in `answers`; labels of step t (or of queries) have no say in the
            logits of step t (or of any query).
          training: true in training.

        Returns:
          float32 [B, T, way] for a sequence, [B, Q, way] for queries.
        """
        raise NotImplementedError

    def explained(self, episode):
        """Logits, and what can be said of how they came about.

        Args:
          episode: of a type in `answers`.

        Returns:
          (logits as of `call`, {name of `explains`: tensor}): "attention" [B, Q, S], how much each support
          picture spoke for each answer; "read_weights", "write_weights" [B, T, heads, N] of a memory.
        """
        return self(episode), {}

    def predict_labels(self, logits):
        """int32 [B, T or Q]: the labels that logits speak for."""
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def probabilities(self, logits):
        """float32 [B, T or Q, way]: what logits say of every label."""
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    def finetuned(self, episode, steps, rate, match):
        """Logits after fine-tuning on each episode's support, where `finetune_matches` has any.

        Args:
          episode: `FewShotEpisode`.
          steps: steps of Adam for each episode.
          rate: its learning rate.
          match: one of `finetune_matches`.

        Returns:
          logits [B, Q, way].
        """
        raise NotImplementedError

    @property
    def embeds_alone(self):
        """Whether `features` of each picture by itself are all that an answer needs of it.

        A test then embeds every picture once. Only a model that is sure of it says so: one that
        adapts to its episode would be tested unadapted.
        """
        return False

    def features(self, images):
        """[N, D]: what `answer_embedded` needs of pictures [N, H, W, C], where `embeds_alone`."""
        raise NotImplementedError

    def answer_embedded(self, episode):
        """Logits [B, Q, way] of a `FewShotEpisode` of `features`, [B, S, D] and [B, Q, D]."""
        raise NotImplementedError

    def test_conditions(self):
        """{name: value}: what records say of how answers are made, beside the protocol."""
        return {"bn": "running"}

    # --- running text -----------------------------------------------------------------------

    def log_probabilities(self, inputs, targets, state):
        """log p of each target, for models of running text.

        Args:
          inputs: int32 [B, T], tokens.
          targets: int32 [B, T], the token after each.
          state: before the first, in the structure of `first_state`.

        Returns:
          (float32 [B, T], the state after the last).
        """
        raise NotImplementedError

    # --- looking into it --------------------------------------------------------------------

    def figures(self, episode):
        """What `figures/drawing.py` draws of an episode, {name: array}; None: nothing."""
        del episode
        return None

    def compared(self, episode):
        """What an answer compares, where `compares`.

        Args:
          episode: `FewShotEpisode`.

        Returns:
          (support [B, S, E], query [B, Q, E], logits [B, Q, way]).
        """
        raise NotImplementedError

    def embed(self, images):
        """float32 [N, D] of images [N, H, W, C], or None where the model has no embedding."""
        del images
        return None

    def reconstruct(self, images):
        """Pictures [N, H, W, C] made again from what a model keeps of them, or None."""
        del images
        return None

    def timed_parts(self, episode):
        """Parts of a training step that are worth a time of their own, for the benchmark.

        Args:
          episode: a batch of the kind of episode it trains on.

        Returns:
          {name: (noise) -> scalar}: the part with its gradient, at inputs moved by a scalar.
        """
        del episode
        return {}

    def flops_per_episode(self, steps):
        """Multiplications and additions of a training step for one episode, in floating-point ops."""
        raise NotImplementedError
