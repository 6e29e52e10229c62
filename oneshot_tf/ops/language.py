"""A word language model as pure functions, [Z] Zaremba et al. 2014 (arXiv 1409.2329).

Dimensions: B rows, T steps, N positions, U units, V words the model tells apart, L tokens of a
sentence, K candidate words.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes

PADDING, BLANK = 0, 1  # tokens that are not words; the first also ends a sentence
BLOCK = 512  # positions whose logits are held in memory at once


def word_numbers(tokens):
    """The model's classes of tokens: 0 is the end of a sentence, and the blank is not a class."""
    return tf.maximum(tokens - 1, 0)


def lengths(tokens):
    """int32 [N]: how many tokens of sentences int32 [N, L] are not padding."""
    shapes.check(tokens=(tokens, "N L"))
    return tf.reduce_sum(tf.cast(tokens != PADDING, tf.int32), axis=1)


def dropout(values, rate, noise):
    """D of [Z] section 3.2: random zeros, the rest scaled up; unchanged values without a rate.

    Args:
      values: float32 of any shape.
      rate: share of zeros.
      noise: integers [2], the seed; None leaves all values, as in a test.
    """
    if noise is None or not rate:
        return values
    return tf.nn.experimental.stateless_dropout(values, rate, noise, rng_alg="philox")


def loss_and_right(logits, targets):
    """-log p of the targets, summed over steps and averaged over rows; and how many rank first.

    The sum over steps is what [Z]'s learning rate of 1 and its gradient norms are meant for.

    Args:
      logits: [T, B, V].
      targets: int32 [T, B].

    Returns:
      (scalar, scalar).
    """
    shapes.check(logits=(logits, "T B V"), targets=(targets, "T B"))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    own = tf.gather(tf.stop_gradient(logits), targets, batch_dims=2)
    # not an argmax, which takes longer than the loss
    first = own >= tf.reduce_max(logits, axis=2)
    mean = tf.reduce_mean(tf.reduce_sum(losses, axis=0))
    return mean, tf.reduce_sum(tf.cast(first, tf.float32))


def log_probabilities(outputs, targets, kernel, bias):
    """log p of the targets under softmax(h W + b), [N]; a block of positions at a time.

    Args:
      outputs: [N, U], h.
      targets: int32 [N].
      kernel: [U, V].
      bias: [V].
    """
    shapes.check(
        outputs=(outputs, "N U"), targets=(targets, "N"), kernel=(kernel, "U V"), bias=(bias, "V")
    )
    count = tf.shape(targets)[0]
    missing = -count % BLOCK
    outputs = tf.reshape(tf.pad(outputs, [[0, missing], [0, 0]]), [-1, BLOCK, kernel.shape[0]])
    blocks = outputs, tf.reshape(tf.pad(targets, [[0, missing]]), [-1, BLOCK])

    def block(parts):
        logits = tf.matmul(parts[0], kernel) + bias
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(parts[1], logits)

    spec = tf.TensorSpec([BLOCK], tf.float32)
    found = tf.map_fn(block, blocks, parallel_iterations=1, fn_output_signature=spec)
    return tf.reshape(found, [-1])[:count]


def filled(query, words):
    """Every query with every candidate in its blanks.

    Args:
      query: int32 [B, Q, L].
      words: int32 [B, K].

    Returns:
      int32 [B, Q, K, L].
    """
    shapes.check(query=(query, "B Q L"), words=(words, "B K"))
    query, words = query[:, :, None, :], words[:, None, :, None]
    return tf.where(query == BLANK, words, query)


def foretold(tokens):
    """Inputs and targets of sentences: every word and the end is predicted, the first from an end.

    Args:
      tokens: int32 [N, L].

    Returns:
      (inputs, targets, there) [N, L + 1]: bool `there` is false after the end.
    """
    inputs = tf.pad(tokens, [[0, 0], [1, 0]], constant_values=PADDING)
    targets = tf.pad(tokens, [[0, 0], [0, 1]], constant_values=PADDING)
    there = tf.range(tf.shape(targets)[1]) <= lengths(tokens)[:, None]
    return inputs, targets, there
