"""An LSTM over whole sequences whose gradient leaves little inside the loop over steps.

Keras's loop multiplies by both kernels at every step, and adds up their gradients step by step. Here a step multiplies
by the recurrent kernel only. What concerns all steps alike is one large matrix product before the loop or after it,
which a CPU computes several times as fast as many small ones.
"""

from collections.abc import Callable
from typing import Any

from dreamgym.running.tensorflow import tf


def lstm(inputs: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    """The outputs ``h`` of all steps, ``(n, T, H)``, from a state of zeros.

    Args:
        inputs: ``(n, T, I)`` float32, as all others.
        kernel: ``(I, 4H)``. Gates are in Keras's order: input, forget, cell, output.
        recurrent_kernel: ``(H, 4H)``.
        bias: ``(4H,)``.
    """
    weights = map(tf.convert_to_tensor, (kernel, recurrent_kernel, bias))  # a variable has no place in the gradient
    outputs: Any = _lstm(tf.transpose(inputs, (1, 0, 2)), *weights)
    return tf.transpose(outputs, (1, 0, 2))


@tf.custom_gradient
def _lstm(inputs: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Steps are the first axis: inputs ``(T, n, I)`` to outputs ``(T, n, H)``, and their gradient."""
    n_steps, n, size = _shape(inputs)
    hidden = recurrent_kernel.shape[0]
    zeros = tf.zeros((n, hidden))
    admitted = tf.reshape(tf.matmul(tf.reshape(inputs, (-1, size)), kernel) + bias, (n_steps, n, 4 * hidden))

    def step(t: Any, h: Any, c: Any, *kept: Any) -> tuple[Any, ...]:
        i, f, a, o = tf.split(admitted[t] + tf.matmul(h, recurrent_kernel), 4, -1)
        i, f, a, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(a), tf.sigmoid(o)
        c = f * c + i * a
        h = o * tf.tanh(c)
        rows = tf.concat([i, f, a, o], -1), c, h
        return t + 1, h, c, *(array.write(t, row) for array, row in zip(kept, rows, strict=True))

    arrays = [tf.TensorArray(tf.float32, n_steps) for _ in range(3)]
    ended = tf.while_loop(lambda t, *_: t < n_steps, step, (0, zeros, zeros, *arrays), maximum_iterations=n_steps)
    gates, cells, outputs = (array.stack() for array in ended[3:])

    def gradient(upstream: Any) -> tuple[Any, ...]:
        cells_before, outputs_before = (tf.concat([zeros[None], x[:-1]], 0) for x in (cells, outputs))

        def step_back(count: Any, dh: Any, dc: Any, slopes: Any) -> tuple[Any, ...]:
            t = n_steps - 1 - count
            i, f, a, o = tf.split(gates[t], 4, -1)
            shown = tf.tanh(cells[t])
            dh = dh + upstream[t]
            dc = dc + dh * o * (1 - shown * shown)
            di, df = dc * a * i * (1 - i), dc * cells_before[t] * f * (1 - f)
            da, do = dc * i * (1 - a * a), dh * shown * o * (1 - o)
            slope = tf.concat([di, df, da, do], -1)
            dh = tf.matmul(slope, recurrent_kernel, transpose_b=True)
            return count + 1, dh, dc * f, slopes.write(t, slope)

        begin = (0, zeros, zeros, tf.TensorArray(tf.float32, n_steps))
        last = tf.while_loop(lambda count, *_: count < n_steps, step_back, begin, maximum_iterations=n_steps)
        slopes = tf.reshape(last[3].stack(), (-1, 4 * hidden))
        by_inputs = tf.reshape(tf.matmul(slopes, kernel, transpose_b=True), tf.shape(inputs))
        by_kernel = tf.matmul(tf.reshape(inputs, (-1, size)), slopes, transpose_a=True)
        by_recurrent = tf.matmul(tf.reshape(outputs_before, (-1, hidden)), slopes, transpose_a=True)
        return by_inputs, by_kernel, by_recurrent, tf.reduce_sum(slopes, 0)

    return outputs, gradient


def _shape(inputs: Any) -> tuple[Any, Any, int]:
    """The sizes of the three axes, as numbers where they are known: XLA needs the number of steps."""
    n_steps, n, size = inputs.shape
    shape = tf.shape(inputs)
    return shape[0] if n_steps is None else n_steps, shape[1] if n is None else n, size
