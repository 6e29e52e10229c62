"""MANN: memory-augmented neural network (Santoro et al., 2016)."""

import dataclasses

from oneshot_tf.errors import UserError
from oneshot_tf.layers.lrua_cell import LRUACell
from oneshot_tf.models.usage_learner import UsageLearner, UsageOptions
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class MANNOptions(UsageOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    rows: int = option(128, "rows of the memory, N (paper: 128)", low=1, search=[64, 128])
    heads: int = option(
        4, "read heads; each writes too (paper: 4; FLMN's comparison: 1)", low=1, search=[1, 4]
    )
    add_vector: str = option(
        "separate",
        "what is written: the key (paper), or a vector of its own",
        choices=("key", "separate"),
        search=["key", "separate"],
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
