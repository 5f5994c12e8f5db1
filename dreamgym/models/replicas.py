"""V and M on several devices of one machine: every device has a copy, and a part of each batch.

A step on several devices is the step of one: the loss is that of the whole batch, and so is the noise, of which each
device takes its part.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from dreamgym.running.tensorflow import keras, tf


def training_devices(batch_size: int) -> list[str]:
    """The devices to train on: all GPUs, or all logical CPU devices where there is none; only one as a rule.

    The batch has to be divisible: there are fewer devices where it is not.
    """
    kinds = (tf.config.list_logical_devices(kind) for kind in ("GPU", "CPU"))
    devices = [device.name for device in next(filter(None, kinds))]
    count = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return devices[:count]


@contextmanager
def on_all_devices(batch_size: int) -> Iterator[int]:
    """A model that is made and fitted in this context is trained on several devices, if there are. Yields how many."""
    devices = training_devices(batch_size)
    with _strategy(tuple(devices)).scope() if len(devices) > 1 else contextlib.nullcontext():
        yield len(devices)


@lru_cache
def _strategy(devices: tuple[str, ...]) -> Any:
    """One for the whole process: TensorFlow takes the sums of a second one for those of the first."""
    return tf.distribute.MirroredStrategy(devices)


def replicas() -> int:
    """How many copies of the model are at work on the present batch."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def sum_over_replicas(value: Any) -> Any:
    """The sum of a value over the copies of the model."""
    if replicas() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def normal_like(values: Any, seed: Any) -> Any:
    """Standard normal numbers of the shape of ``values`` ``(n, ...)``: this device's part of the whole batch's."""
    shape, count = keras.ops.shape(values), replicas()
    if count == 1:
        return keras.random.normal(shape, seed=seed)
    whole = keras.random.normal((shape[0] * count, *shape[1:]), seed=seed)
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * shape[0]
    return whole[first : first + shape[0]]
