"""MANN: memory-augmented neural network (Santoro et al., 2016)."""

import dataclasses

from oneshot_tf.layers.lrua_cell import LRUACell
from oneshot_tf.models.sequence_learner import SequenceLearner, SequenceOptions
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class MANNOptions(SequenceOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    rows: int = option(128, "rows of the memory, N (paper: 128)", low=1, search=[64, 128])
    width: int = option(40, "width of a row, M (paper: 40)", low=1, search=[20, 40, 80])
    heads: int = option(
        4, "read heads; each writes too (paper: 4; FLMN's comparison: 1)", low=1, search=[1, 4]
    )
    usage_decay: float = option(0.95, "decay of usage, gamma", low=0.0, high=0.9999)
    write_gate: str = option(
        "step",
        "one gate a head and step, or one learned number a head",
        choices=("scalar", "step"),
        search=["scalar", "step"],
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
    key_strength: bool = option(
        True, "sharpen the softmax of reading by a learned strength (paper: false)"
    )
    initial_strength: float = option(
        6.0, "key strength at the start", low=1.01, search=(2.0, 16.0, "log")
    )
    read_after_write: bool = option(
        True, "read the memory after the write of the step (paper: true)"
    )


class MANN(SequenceLearner):
    """One memory with least recently used access."""

    Options = MANNOptions
    defaults = {
        **SequenceLearner.defaults,
        "rotations": True,
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "clip_norm": 5.0,
    }

    def make_cell(self, options):
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
            read_after_write=options.read_after_write,
            name="cell",
        )
