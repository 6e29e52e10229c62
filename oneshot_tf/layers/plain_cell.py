"""The controller alone: the baseline without a memory."""

import typing

from oneshot_tf.layers.memory_cell import MemoryCell


class PlainState(typing.NamedTuple):
    """Nothing but the controller's state."""

    controller: typing.Any


class PlainCell(MemoryCell):
    """An LSTM (or a feed-forward layer, which remembers nothing)."""

    def __init__(self, controller, units, **kwargs):
        super().__init__(controller, units, **kwargs)
        self.output_width = units

    def initial_state(self, batch):
        return PlainState(self.controller.initial_state(batch))

    def fed_back(self, state):
        return []

    def step(self, gates, state, heads):
        """gates [B, controller width] -> (h_t [B, U], PlainState)."""
        del heads
        controller = self.controller.step(gates, state.controller)
        return controller.hidden, PlainState(controller)
