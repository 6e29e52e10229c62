"""NTM: neural Turing machine (Graves, Wayne and Danihelka, 2014) on the one-shot task."""

import dataclasses

from oneshot_tf.errors import UserError
from oneshot_tf.layers.ntm_cell import NTMCell
from oneshot_tf.models.sequence_learner import SequenceLearner, SequenceOptions
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class NTMOptions(SequenceOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    rows: int = option(128, "rows of the memory, N (paper: 128)", low=3, search=[64, 128])
    width: int = option(40, "width of a row, M (paper: 20; MANN: 40)", low=1, search=[20, 40])
    heads: int = option(1, "read heads (paper: 1)", low=1, search=[1, 4])
    shifts: int = option(1, "how far a head may move in a step (paper: 1)", low=0, high=5)
    read_after_write: bool = option(False, "read the memory after the write of the step")


class NTM(SequenceLearner):
    """Content and location addressing."""

    Options = NTMOptions
    defaults = {**SequenceLearner.defaults, "clip_norm": 5.0}

    def make_cell(self, options):
        if 2 * options.shifts + 1 > options.rows:
            raise UserError(
                f"--rows must be at least {2 * options.shifts + 1} with --shifts={options.shifts}, as many "
                f"as a head can move to. Received: {options.rows}"
            )
        return NTMCell(
            options.controller,
            options.hidden_size,
            options.rows,
            options.width,
            options.heads,
            shifts=options.shifts,
            read_after_write=options.read_after_write,
            name="cell",
        )
