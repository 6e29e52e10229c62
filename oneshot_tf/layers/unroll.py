"""The only time loop: runs a `MemoryCell` over a sequence, unrolled or in a `while_loop`.

The gradient of the recurrent kernel is one product after the loop instead of T small ones inside:
dW = sum_t u_{t-1}^T d_t, where u is the recurrent input and d the gradient of the gates, which the
gradient of the hoisted projection already is.
"""

import typing

import tensorflow as tf


class Unrolled(typing.NamedTuple):
    """What a run over T steps gives.

    Attributes:
      outputs: [T, B, output width].
      state: the state after the last step.
      trace: {name: [T, B, rows, N]}, empty unless asked for.
    """

    outputs: tf.Tensor
    state: typing.Any
    trace: dict


def unroll(cell, inputs, state, *, mask=None, loop=True, trace=False, deferred=True, weights=None):
    """Runs `cell` over `inputs` from `state`.

    Args:
      cell: a built `MemoryCell`.
      inputs: [T, B, D].
      state: the cell's state, as `cell.initial_state(B)` gives it.
      mask: bool [T, B] or None; where false, the step leaves the state as it is.
      loop: one `while_loop` (small graph) if true, else T copies of the step.
      trace: also collect `cell.trace` of every step, as it would leave the state without the mask; not
        differentiable.
      deferred: the recurrent kernel's gradient is one product after the loop. False is slower in
        training; without training it keeps the custom gradient out of an exported graph.
      weights: `CellWeights` to use in place of the cell's own; a cell with heads has more weights,
        which stay its own.

    Returns:
      `Unrolled`.
    """
    weights = weights or cell.gate_weights
    projected = tf.tensordot(inputs, weights.kernel, 1) + weights.bias  # of all steps at once
    if weights.recurrent_kernel is None:
        outputs, _, final, traced = _scan(cell, projected, None, state, mask, loop, trace)
        return Unrolled(outputs, final, traced)
    kernel = tf.convert_to_tensor(weights.recurrent_kernel)
    if trace or not deferred:
        outputs, _, final, traced = _scan(cell, projected, kernel, state, mask, loop, trace)
        return Unrolled(outputs, final, traced)
    outputs, final = _with_deferred_gradient(cell, projected, kernel, state, mask, loop)
    return Unrolled(outputs, final, {})


def _with_deferred_gradient(cell, projected, kernel, state, mask, loop):
    """`_scan` with the recurrent kernel's gradient as one product."""
    flat_state = tf.nest.flatten(state)

    @tf.custom_gradient
    def run(projected, kernel, *flat):
        with tf.GradientTape() as tape:
            tape.watch([projected, *flat])
            packed = tf.nest.pack_sequence_as(state, flat)
            outputs, recurrent, final, _ = _scan(
                cell, projected, tf.stop_gradient(kernel), packed, mask, loop, False
            )
            results = [outputs, *tf.nest.flatten(final)]

        def gradient(*upstream, variables=None):
            variables = list(variables or [])
            sources = [projected, *flat, *variables]
            found = tape.gradient(results, sources, list(upstream), unconnected_gradients="zero")
            d_projected, d_state = found[0], found[1 : 1 + len(flat)]
            d_kernel = tf.matmul(
                tf.reshape(recurrent, [-1, kernel.shape[0]]),
                tf.reshape(d_projected, [-1, kernel.shape[1]]),
                transpose_a=True,
            )
            return (d_projected, d_kernel, *d_state), found[1 + len(flat) :]

        return results, gradient

    outputs, *final = run(projected, kernel, *flat_state)
    return outputs, tf.nest.pack_sequence_as(state, final)


def _step(cell, projected, kernel, heads, state, mask, trace):
    """One step; returns (output, recurrent input, new state, {name: trace})."""
    if kernel is None:
        recurrent, gates = tf.zeros([tf.shape(projected)[0], 0]), projected
    else:
        recurrent = cell.recurrent_inputs(state)
        gates = projected + tf.matmul(recurrent, kernel)
    output, new = cell.step(gates, state, heads)
    shown = cell.trace(new) if trace else {}
    if mask is not None:
        new = tf.nest.map_structure(lambda n, o: tf.where(_like(mask, n), n, o), new, state)
    return output, recurrent, new, shown


def _like(mask, tensor):
    """bool [B] -> [B, 1, ...], of the rank of `tensor`."""
    return tf.reshape(mask, [-1] + [1] * (tensor.shape.rank - 1))


def _scan(cell, projected, kernel, state, mask, loop, trace):
    """(outputs [T, B, O], recurrent inputs [T, B, R], final state, trace)."""
    run = _while if loop else _copies
    return run(cell, projected, kernel, cell.read_heads(), state, mask, trace)


def _copies(cell, projected, kernel, heads, state, mask, trace):
    steps = projected.shape[0]
    if steps is None:
        raise ValueError("Unrolling needs a static number of steps; use execution while or xla")
    outputs, recurrents, traces = [], [], []
    for t in range(steps):
        now = None if mask is None else mask[t]
        output, recurrent, state, shown = _step(
            cell, projected[t], kernel, heads, state, now, trace
        )
        outputs.append(output)
        recurrents.append(recurrent)
        traces.append(shown)
    stacked = tf.nest.map_structure(lambda *rows: tf.stack(rows), *traces) if trace else {}
    return tf.stack(outputs), tf.stack(recurrents), state, stacked


def _while(cell, projected, kernel, heads, state, mask, trace):
    steps = projected.shape[0] or tf.shape(projected)[0]
    size = projected.shape[0]
    # reading through a TensorArray: the gradient of indexing would be a full [T, B, .] per step
    source = tf.TensorArray(tf.float32, steps, element_shape=projected.shape[1:]).unstack(projected)

    def array(width, kind=tf.float32):
        return tf.TensorArray(kind, steps, element_shape=[projected.shape[1], width])

    rows = 0 if kernel is None else kernel.shape[0]
    names = sorted(cell.trace(state)) if trace else []
    # no gradient is asked of the recurrent inputs; as whole numbers they get none, which would be
    # all of them again at every step, copied
    arrays = (array(cell.output_width), array(rows, tf.int32))
    traces = tuple(tf.TensorArray(tf.float32, steps) for _ in names)

    def body(t, state, arrays, traces):
        now = None if mask is None else mask[t]
        output, recurrent, state, shown = _step(
            cell, source.read(t), kernel, heads, state, now, trace
        )
        kept = tf.bitcast(recurrent, tf.int32)
        arrays = (arrays[0].write(t, output), arrays[1].write(t, kept))
        traces = tuple(a.write(t, shown[n]) for a, n in zip(traces, names, strict=True))
        return t + 1, state, arrays, traces

    _, state, arrays, traces = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (tf.constant(0), state, arrays, traces),
        maximum_iterations=size,
    )
    outputs, recurrents = (a.stack() for a in arrays)
    recurrents = tf.bitcast(recurrents, tf.float32)
    return outputs, recurrents, state, {n: a.stack() for n, a in zip(names, traces, strict=True)}
