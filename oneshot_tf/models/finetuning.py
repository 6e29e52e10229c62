"""Fine-tuning on an episode's own support, for every model that embeds pictures, [MN] section 4.1.

Weights are tensors here: nothing is left behind, and it can be exported.
"""

import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.ops import descent, matching


class FineTuning:
    """The part of a `FewShotLearner` that answers with other weights than its own."""

    finetune_matches = ("own",)

    def flat_weights(self):
        """The embedding's weights as a list."""
        return [v for v in tf.nest.flatten(self.learned_weights()) if v is not None]

    def pack(self, values):
        """The structure of `learned_weights`, of a list as `flat_weights` gives it."""
        own, left = self.learned_weights(), iter(values)
        # a block without a bias has None in its place
        leaves = [None if v is None else next(left) for v in tf.nest.flatten(own)]
        return tf.nest.pack_sequence_as(own, leaves)

    def finetuned(self, episode, steps, rate, match="own"):
        """The answer after fine-tuning on each episode's own support, [MN] section 4.1.

        Adam moves the embedding's weights, and no others, to lower the loss of the answers
        (`episode_loss`) with the support as its own queries; running statistics stay.

        Args:
          episode: `FewShotEpisode`.
          steps: steps of Adam for each episode (the paper does not say).
          rate: its learning rate (the paper does not say).
          match: one of `finetune_matches`.

        Returns:
          logits [B, Q, K].
        """
        del match

        def tuned_answer(parts):
            one = FewShotEpisode(*(part[None] for part in parts))
            tuned = self._tune(one, steps, rate)
            support, query = self.embed_episode(one, False, tuned)
            return self.answer(support, one.support_labels, query)[0]

        return self._map_episodes(tuned_answer, episode)

    def _tune(self, one, steps, rate):
        """The embedding's weights after fine-tuning on the support of a batch of one episode."""
        known = FewShotEpisode(one.support, one.support_labels, one.support, one.support_labels)

        def loss(values):
            support, query = self.embed_episode(known, False, self.pack(values))
            logits = self.answer(support, known.support_labels, query)
            return self.episode_loss(support, query, logits, known)

        return self.pack(descent.adam(loss, self.flat_weights(), steps, rate))

    def _map_episodes(self, answer, episode):
        """`answer` of each episode by itself, with all episodes' way: [B, Q, K]."""
        way = matching.way_of(episode.support_labels)

        def padded(parts):
            found = answer(parts)
            missing = way - tf.shape(found)[1]
            return tf.pad(found, [[0, 0], [0, missing]], constant_values=matching.IMPOSSIBLE)

        spec = tf.TensorSpec([None, None], tf.float32)
        return tf.map_fn(padded, tuple(episode), fn_output_signature=spec)
