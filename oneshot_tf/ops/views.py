"""An answer that looks at pictures from several sides: turned by quarter turns, and mirrored.

No paper does it, and nothing is trained for it. All pictures of an episode are turned alike, so what
is the same class stays so, and the answers' log-probabilities are averaged. Of a softmax of similarities
to one picture a class, as Matching Networks have at one shot, that is the softmax of the mean
similarity: of embeddings put side by side.
"""

import tensorflow as tf


def turned(images, view):
    """The pictures as one view shows them.

    Args:
      images: [..., S, S, C].
      view: Python int in 0..7: view % 4 quarter turns counter-clockwise, from 4 on of the mirror image.
    """
    # by transposing and reversing: tf.image.rot90 asserts in the graph, and a loop over them is noted
    flat = tf.reshape(images, tf.concat([[-1], tf.shape(images)[-3:]], axis=0))
    flat = tf.ensure_shape(flat, [None, *images.shape[-3:]])
    if view >= 4:
        flat = tf.reverse(flat, [2])
    if view % 2:
        flat = tf.transpose(flat, [0, 2, 1, 3])
    backwards = {0: [], 1: [1], 2: [1, 2], 3: [2]}[view % 4]
    if backwards:
        flat = tf.reverse(flat, backwards)
    return tf.reshape(flat, tf.shape(images))


def averaged(logits_of, count):
    """(episode) -> mean log-probabilities [B, Q, K] over views of a `FewShotEpisode`.

    Args:
      logits_of: (episode) -> logits [B, Q, K].
      count: views: 1, the pictures as they are; 4, with their quarter turns; 8, with mirror images.
    """

    def answer(episode):
        seen = (
            episode._replace(
                support=turned(episode.support, view), query=turned(episode.query, view)
            )
            for view in range(count)
        )
        return _mean(logits_of, seen, count)

    return answer


def side_by_side(features, count):
    """(pictures [N, S, S, C]) -> [N, count D], for `averaged_embedded`.

    Args:
      features: (pictures) -> [N, D], of each picture by itself.
      count: as of `averaged`.
    """
    return lambda images: tf.concat([features(turned(images, v)) for v in range(count)], axis=1)


def averaged_embedded(logits_of, count):
    """As `averaged`, of episodes that hold what `side_by_side` gives in place of pictures."""

    def answer(episode):
        parts = [tf.split(part, count, axis=2) for part in (episode.support, episode.query)]
        seen = (episode._replace(support=s, query=q) for s, q in zip(*parts, strict=True))
        return _mean(logits_of, seen, count)

    return answer


def _mean(logits_of, episodes, count):
    return tf.add_n([tf.nn.log_softmax(logits_of(episode)) for episode in episodes]) / count
