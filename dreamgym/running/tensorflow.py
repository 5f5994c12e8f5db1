"""TensorFlow, its NumPy, and Keras on it, whatever the environment or a ``keras.json`` says.

Every other module takes them from here, inside functions, because the import takes seconds. ``KERAS_BACKEND`` may be
set for somebody else's networks; it is left as it was, for them and for child processes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from dreamgym.errors import TrainingError

with patch.dict(os.environ, {"KERAS_BACKEND": "tensorflow"}):
    import keras
    import tensorflow as tf
    from tensorflow.experimental import numpy as tnp

__all__ = ["keras", "standard_config", "tf", "tnp"]


@contextmanager
def standard_config() -> Iterator[None]:
    """Float32 and channels last while the context lasts: what layers take when they are made.

    Raises:
        TrainingError: Keras was imported before, on another backend.
    """
    config = keras.config
    if config.backend() != "tensorflow":
        raise TrainingError(
            f"Keras runs on {config.backend()!r} in this process, V and M need TensorFlow; "
            "set KERAS_BACKEND=tensorflow before Keras is imported, or use the command line"
        )
    before = config.floatx(), config.image_data_format(), config.dtype_policy()
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    config.set_dtype_policy("float32")
    try:
        yield
    finally:
        config.set_floatx(before[0])
        config.set_image_data_format(before[1])
        config.set_dtype_policy(before[2])
