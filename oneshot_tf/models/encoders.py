"""What embeds the pictures or sentences of the models that compare embeddings."""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.layers import inception
from oneshot_tf.layers.backbone import Backbone
from oneshot_tf.layers.conv4 import Conv4
from oneshot_tf.layers.encoder import ConvEncoder, FlatEncoder
from oneshot_tf.layers.sentence_encoder import READERS, SentenceEncoder
from oneshot_tf.options import Options, option


@dataclasses.dataclass(frozen=True)
class EmbeddingOptions(Options):
    """Options of every model with an embedding."""

    encoder: str = option(
        "conv4",
        "pictures: conv4, inception (Inception-v3, 2,048 features; the paper's on ImageNet), or own: a "
        "network given from Python",
        choices=("conv4", "inception", "own"),
    )
    encoder_weights: str | None = option(
        None,
        "inception: weights to start from: the workdir of a run with --encoder=inception, a Keras .h5 "
        "file of InceptionV3 without its top, or imagenet (those that Keras publishes)",
    )
    freeze_encoder: bool = option(False, "inception: its weights stay as they are")
    oracle: bool = option(
        False, "take weights that have seen the test classes: no one-shot result, an upper bound"
    )
    filters: int = option(64, "filters of each convolution", low=1)
    blocks: int = option(4, "convolution blocks; each halves the picture", low=1, high=6)
    last_relu: bool = option(True, "the last block ends in a ReLU (the papers)")
    conv_bias: bool = option(False, "convolutions have a bias; batch norm takes it out again")
    bn: str = option(
        "running",
        "batch norm at test: running statistics; those of the support; or of the whole episode, "
        "queries included (batch: transductive)",
        choices=("running", "support", "batch"),
    )
    reader: str = option(
        "words",
        "sentences: the mean of their words; `near`: weighted by the distance to the blank; `places`: "
        "beside it the two words on each side of the blank, by tables of their own; the last state of "
        "an lstm; or those at the blank of a bi_lstm (words: our reading of the paper)",
        choices=READERS,
    )
    word_width: int = option(64, "sentences: numbers a word (the paper does not say)", low=1)
    reader_hidden_size: int = option(
        64, "sentences: units of a reader's LSTM", low=1, formerly="units"
    )
    word_dropout: float = option(
        0.0, "sentences, training: share of the words' numbers left out", low=0.0, high=0.9
    )


def conv_filters_option(default, search):
    """The option `filters` of the conv encoder of sequence learners."""
    help = "filters of each convolution of the conv encoder"
    return option(default, help, low=1, search=search, formerly="encoder_channels")


def conv_blocks_option(default):
    """Its option `blocks`."""
    help = "blocks of the conv encoder; each halves the picture"
    return option(default, help, low=1, high=5, search=[2, 3], formerly="encoder_blocks")


def centred_option(default):
    """Its option `centred`."""
    help = "the conv encoder's features are less what all pictures share (batch norm, no weights)"
    return option(default, help, earlier=False)


def make(options, image_shape, vocabulary, precision, make_network=None):
    """The layer that embeds pictures [n, H, W, C] or sentences [n, L]: -> float32 [n, D].

    Args:
      options: `EmbeddingOptions`.
      image_shape: (H, W, C) of pictures.
      vocabulary: how many tokens there are in sentences; 0: pictures.
      precision: "float32" or "mixed_bfloat16"; a network of one's own computes in its own.
      make_network: () -> `tf_keras.Model`, of the encoder "own"; see `network_maker`.

    Raises:
      UserError: pictures that are too small for it, or options that it does not have.
    """
    check(options, image_shape, vocabulary, make_network)
    if options.encoder == "own":
        return _own(make_network(), image_shape)
    if vocabulary:
        return SentenceEncoder(
            vocabulary,
            options.word_width,
            options.reader_hidden_size,
            options.reader,
            options.word_dropout,
            name="sentences",
        )
    if options.encoder == "inception":
        return inception.Inception(options.freeze_encoder, precision, name="inception")
    return Conv4(
        options.filters,
        options.blocks,
        options.last_relu,
        options.conv_bias,
        precision,
        name="conv4",
    )


def make_small(options, precision):
    """The encoder of a sequence learner's pictures, by its `SequenceOptions`."""
    if options.encoder == "conv":
        return ConvEncoder(options.filters, options.blocks, options.centred, precision)
    return FlatEncoder()


def _own(network, image_shape):
    try:
        layer = Backbone(network, name="backbone")
        layer(tf.zeros([1, *image_shape]))
    except ValueError as error:
        raise UserError(str(error).strip().splitlines()[0]) from None
    return layer


def network_maker(backbone):
    """() -> `tf_keras.Model`, a network of its own at every call.

    Args:
      backbone: a function that makes one; or a network, which is given once.

    Raises:
      UserError: a network where each device needs a copy, or when it is asked for twice.
    """
    if not isinstance(backbone, keras.layers.Layer):
        if not callable(backbone):
            raise UserError(
                "`backbone` must be a tf_keras.Model or a function that makes one. Received: "
                f"{type(backbone).__name__}"
            )
        return backbone
    if tf.distribute.has_strategy():
        raise UserError(
            "Several devices each need a network: give as `backbone` a function that makes it"
        )
    left = [backbone]

    def once():
        if not left:
            raise UserError(
                "The model has two networks: give as `backbone` a function that makes one"
            )
        return left.pop()

    return once


def named(options):
    """The encoder that options of any model name, or None."""
    return getattr(options, "encoder", None)


def check(options, image_shape, vocabulary, make_network=None):
    """Refuses what an encoder cannot do; arguments as of `make`."""
    if named(options) == "own":
        _check_own(options, vocabulary, make_network)
        return
    if named(options) == "inception":
        if vocabulary:
            raise UserError("--encoder=inception reads pictures, no sentences; leave it out")
        if image_shape[0] < inception.SMALLEST:
            raise UserError(
                f"--encoder=inception needs --image_size={inception.SMALLEST} or more. "
                f"Received: {image_shape[0]}"
            )
        if options.bn != "running":
            raise UserError(f"--encoder=inception needs --bn=running. Received: --bn={options.bn}")
        return
    _check_weights(options)
    if vocabulary and getattr(options, "bn", "running") != "running":
        raise UserError(
            f"--bn={options.bn} is for pictures: sentences have no batch norm; leave it out"
        )
    # `Pixels` has no blocks
    if not vocabulary and image_shape[0] >> getattr(options, "blocks", 0) == 0:
        raise UserError(
            f"--blocks={options.blocks} halves a picture to nothing; it needs --image_size="
            f"{2**options.blocks} or more. Received: {image_shape[0]}"
        )


def _check_own(options, vocabulary, make_network):
    if make_network is None:
        raise UserError(
            "--encoder=own is a network given from Python: oneshot_tf.train(..., backbone=NETWORK), and "
            "oneshot_tf.Run(WORKDIR, backbone=NETWORK) of a run that was trained so"
        )
    if vocabulary:
        raise UserError("`backbone` reads pictures, no sentences; leave it out")
    if options.bn != "running":
        raise UserError(f"`backbone` needs bn='running'. Received: bn={options.bn!r}")
    _check_weights(options)


def _check_weights(options):
    for name in ("encoder_weights", "freeze_encoder", "oracle"):
        if getattr(options, name, None):
            raise UserError(f"--{name} needs --encoder=inception; leave it out")
