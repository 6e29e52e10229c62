"""What MANN and FLMN share: options of memories that are written where they were used least."""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.models.sequence_learner import SequenceLearner, SequenceOptions
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class UsageOptions(SequenceOptions):
    """Where a paper and the default differ, the help says which value is the paper's."""

    width: int = option(
        40, "width of a row, M (MANN: 40; FLMN's paper gives none)", low=1, search=[20, 40, 80]
    )
    usage_decay: float = option(0.95, "decay of usage, gamma", low=0.0, high=0.9999)
    write_gate: str = option(
        "step",
        "the gate of the write: one a step (MANN: and head), or one learned number (FLMN's paper)",
        choices=("scalar", "step"),
        search=["scalar", "step"],
    )
    key_strength: bool = option(
        True, "sharpen the softmax of reading by a learned strength (papers: false)"
    )
    initial_strength: float = option(
        6.0, "key strength at the start", low=1.01, search=(2.0, 16.0, "log")
    )
    least_norm: float = option(
        0.0, "rows much shorter than this count as empty in the search (papers: 0)", low=0.0
    )
    read_after_write: bool = option(
        True, "read the memory after the write of the step (papers: true)"
    )
    answer_from: str = option(
        "both",
        "the answer is made from the controller's output and what was read, or from what was read "
        "alone (FLMN's text: read)",
        choices=("both", "read"),
    )
    answer_units: int = option(
        0, "units of a hidden layer before the answer (papers: 0, none)", low=0
    )
    answer_activation: str = option(
        "leaky_relu",
        "of these units; a relu can die for good while nothing is learned yet: one run in six did",
        choices=("leaky_relu", "relu"),
        earlier="relu",
    )


class UsageLearner(SequenceLearner):
    """A sequence learner whose memory keeps count of its use."""

    Options = UsageOptions
    defaults = {
        **SequenceLearner.defaults,
        "rotations": True,
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "clip_norm": 5.0,
    }

    def build_head(self):
        width = self.cell.output_width
        if self.options.answer_from == "read":
            width = self.cell.read_width
        self.hidden = None
        if self.options.answer_units:
            self.hidden = keras.layers.Dense(
                self.options.answer_units,
                activation=getattr(tf.nn, self.options.answer_activation),
                name="hidden",
            )
            self.hidden.build([None, width])
            width = self.options.answer_units
        return width

    def head(self, outputs):
        if self.options.answer_from == "read":
            outputs = outputs[..., -self.cell.read_width :]  # r_t of [h_t, r_t]
        return outputs if self.hidden is None else self.hidden(outputs)

    @property
    def loop_weights(self):
        hidden = [] if self.hidden is None else self.hidden.trainable_variables
        return super().loop_weights + hidden

    def head_flops(self):
        hidden = 0 if self.hidden is None else 2.0 * self.hidden.kernel.shape.num_elements()
        return hidden + super().head_flops()
