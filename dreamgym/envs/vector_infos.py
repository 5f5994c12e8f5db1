"""Infos of a Gymnasium vector env, one dict of arrays, as one dict per env."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Infos = list[dict[str, Any]]


def split_infos(infos: dict[str, Any] | Sequence[dict[str, Any]], num_envs: int) -> Infos:
    """Splits the infos of a vector env into one new dict per env, each with the keys that its env has a value for.

    Numbers become Python's. Infos that are dicts per env already, as ``DictInfoToList`` returns them, are copied.
    """
    if not isinstance(infos, dict):
        return [dict(info) for info in infos]
    everywhere: dict[str, Sequence[Any]] = {}
    somewhere: dict[str, Sequence[Any]] = {}
    for key, values in infos.items():
        if key.startswith("_") and key[1:] in infos:
            continue  # it says which envs have the key without the underscore
        present = infos.get(f"_{key}")
        (everywhere if present is None or present.all() else somewhere)[key] = _column(values, num_envs)
    # Building the dicts row by row is what keeps a step of a thousand envs cheap.
    keys = tuple(everywhere)
    split = [dict(zip(keys, row, strict=True)) for row in zip(*everywhere.values(), strict=True)]
    split = split or [{} for _ in range(num_envs)]
    for key, column in somewhere.items():
        for i in np.flatnonzero(infos[f"_{key}"]).tolist():
            split[i][key] = column[i]
    return split


def _column(values: Any, num_envs: int) -> Sequence[Any]:
    """The values of one key, one per env. What is no array of N values belongs to every env."""
    if isinstance(values, dict):
        return split_infos(values, num_envs)
    if not isinstance(values, np.ndarray) or values.shape[:1] != (num_envs,):
        return [values] * num_envs
    return values.tolist() if values.ndim == 1 else list(values)
