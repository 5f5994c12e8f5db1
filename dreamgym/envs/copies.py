"""Copies of envs."""

import copy
from typing import Self


class WholeCopies:
    """An env whose ``copy.copy`` is a ``copy.deepcopy``: one that shared its state would disturb the original."""

    def __copy__(self) -> Self:
        return copy.deepcopy(self)
