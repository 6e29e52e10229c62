"""The contract of all models. Training, evaluation and serving know nothing else of a model."""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.options import Options


class Learner(keras.Model):
    """A one-shot learner.

    Class attributes:
      Options: the frozen dataclass of the model's own options.
      episode: the kind it trains on: "sequence", "few_shot", "labelled" (single pictures), or
        "text" (`RunningText`).
      defaults: values of `DataOptions` and `TrainOptions` that are best for this model.
      papers: accuracies published for this model, {config name: {key: percent}}.
    """

    Options = Options
    episode = "few_shot"
    finetune_matches = ()  # how it answers after fine-tuning on a support set, if it can
    reads = ("pictures",)  # and "sentences", if it can
    oracle = False  # whether it is told which word each label stands for: asked by `ClozeEpisode`
    embeds_alone = False  # whether it can answer episodes of embeddings, see `FewShotLearner`
    defaults = {}

    def __init__(
        self, options, *, way, image_size, channels, vocabulary=0, precision="float32", **kwargs
    ):
        super().__init__(**kwargs)
        self.options = options
        self.way = way
        self.vocabulary = vocabulary  # how many tokens there are in sentences; 0: reads pictures
        self.image_shape = (None,) if vocabulary else (image_size, image_size, channels)
        self.precision = precision
        if vocabulary and "sentences" not in self.reads:
            raise UserError(
                f"{kwargs.get('name', 'This model')} reads pictures, no sentences; choose another "
                "--model or --dataset"
            )
        if not vocabulary and "pictures" not in self.reads:
            raise UserError(
                f"{kwargs.get('name', 'This model')} reads sentences, no pictures; choose "
                "--dataset=ptb or another --model"
            )

    @classmethod
    def defaults_for(cls, options):
        """`defaults` where the model's own options say so and so."""
        del options
        return cls.defaults

    def blank(self):
        """One picture [1, H, W, C] without ink, or one sentence [1, 1] without words."""
        if self.vocabulary:
            return tf.zeros([1, 1], tf.int32)
        return tf.zeros([1, *self.image_shape])

    @property
    def num_labels(self):
        """Labels an episode may use; more than `way` where labels are strings."""
        return self.way

    def call(self, episode, training=False):
        """Logits of an episode.

        Args:
          episode: `SequenceEpisode` or `FewShotEpisode`; labels of step t (or of queries) have no
            say in the logits of step t (or of any query).
          training: true in training.

        Returns:
          float32 [B, T, way] for a sequence, [B, Q, way] for queries.
        """
        raise NotImplementedError

    def first_state(self, batch):
        """What the first update starts from and each hands to the next: a NamedTuple of tensors.

        () where episodes stand alone, which is of all models but those of running text.
        """
        del batch
        return ()

    def train_loss(self, episode, *state):
        """Loss and what accuracy is made of, for a batch of episodes of the model's kind.

        Args:
          episode: a batch of them.
          *state: what the update before handed on, of a model that has a `first_state`.

        Returns:
          (scalar loss, {"right": [P], "shown": [P]}, *state): right answers and answers, by
          presentation; P is 1 for few-shot episodes. Then the state for the next update.
        """
        raise NotImplementedError

    def loss_scalars(self, loss):
        """{name: float}: what a mean loss says, for the logs."""
        return {"loss": loss}

    def predict_labels(self, logits):
        """int32 [B, T or Q]: the labels that logits speak for."""
        raise NotImplementedError

    def probabilities(self, logits):
        """float32 [B, T or Q, way]: what logits say of every label."""
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    def figures(self, episode):
        """What TensorBoard draws of an episode: {name: array}, see `figures/drawing.py`."""
        raise NotImplementedError

    def embed(self, images):
        """float32 [N, D] of images [N, H, W, C], or None where the model has no embedding."""
        del images
        return None

    def reconstruct(self, images):
        """Pictures [N, H, W, C] made again from what a model keeps of them, or None."""
        del images
        return None

    def finetuned(self, episode, steps, rate, match):
        """Logits after fine-tuning on each episode's support; see `FewShotLearner`."""
        raise NotImplementedError

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
