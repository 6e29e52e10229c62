"""LSTM: the controller without a memory, the baseline of the MANN paper."""

from oneshot_tf.layers.plain_cell import PlainCell
from oneshot_tf.models.sequence_learner import SequenceLearner


class LSTM(SequenceLearner):
    """A plain recurrent network; `--controller=mlp` is the papers' feed-forward baseline."""

    explains = ()  # there is no memory
    defaults = {**SequenceLearner.defaults, "clip_norm": 5.0}

    def make_cell(self, options):
        return PlainCell(options.controller, options.hidden_size, name="cell")
