"""MANN: memory-augmented neural network (Santoro et al., 2016).

docs/papers/mann.md has what the defaults bring on validation classes, and how the heads read.
"""

import dataclasses

from oneshot_tf.errors import UserError
from oneshot_tf.layers.lrua_cell import LRUACell
from oneshot_tf.models import encoders
from oneshot_tf.models.usage_learner import UsageLearner, UsageOptions
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class MANNOptions(UsageOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    rows: int = option(128, "rows of the memory, N (paper: 128)", low=1, search=[64, 128])
    heads: int = option(
        4, "read heads; each writes too (paper: 4; FLMN's comparison: 1)", low=1, search=[1, 4]
    )
    encoder: str = option(
        "conv",
        "flat: pixels as they are (paper); conv: a small convolutional network",
        choices=("flat", "conv"),
        search=["flat", "conv"],
    )
    filters: int = encoders.conv_filters_option(32, [16, 32, 64])
    blocks: int = encoders.conv_blocks_option(3)
    centred: bool = encoders.centred_option(True)
    add_vector: str = option(
        "previous_key",
        "what is written: the key (paper), a vector of its own, or that and the key of the step before, "
        "whose picture's label has just come",
        choices=("key", "separate", "previous_key"),
        search=["key", "separate", "previous_key"],
    )
    least_norm: float = option(
        0.1,
        "rows much shorter than this count as empty in the search (paper: 0)",
        low=0.0,
        search=[0.0, 0.01, 0.1],
        earlier=0.0,
    )
    shared_rows: bool = option(
        False, "each head writes to all least used rows (paper: true), not to one"
    )


class MANN(UsageLearner):
    """One memory with least recently used access."""

    Options = MANNOptions

    def make_cell(self, options):
        if options.heads > options.rows:
            raise UserError(
                f"--heads must be at most --rows={options.rows}: each writes to a row of its own. "
                f"Received: {options.heads}"
            )
        return LRUACell(
            options.controller,
            options.hidden_size,
            options.rows,
            options.width,
            options.heads,
            usage_decay=options.usage_decay,
            write_gate=options.write_gate,
            add_vector=options.add_vector,
            shared_rows=options.shared_rows,
            key_strength=options.key_strength,
            initial_strength=options.initial_strength,
            least_norm=options.least_norm,
            read_after_write=options.read_after_write,
            name="cell",
        )
