"""Checks of numeric settings, so that a bad value is refused where it is read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

from dreamgym.errors import SettingsError


@dataclass(frozen=True)
class Range:
    """What a number may be."""

    accepts: Callable[[float], bool]  # whether a finite number is in the range
    text: str  # the range for people


def at_least(low: float) -> Range:
    """Numbers of ``low`` and more."""
    return Range(lambda value: value >= low, f"{low:g} or more")


def above(low: float) -> Range:
    """Numbers greater than ``low``."""
    return Range(lambda value: value > low, f"more than {low:g}")


def between(low: float, high: float) -> Range:
    """Numbers from ``low`` to ``high``."""
    return Range(lambda value: low <= value <= high, f"{low:g} to {high:g}")


def inside(low: float, high: float) -> Range:
    """Numbers greater than ``low`` and smaller than ``high``."""
    return Range(lambda value: low < value < high, f"between {low:g} and {high:g}")


def check_settings(settings: Any, **ranges: Range) -> None:
    """Checks fields of a settings dataclass. None is accepted where a field may be None.

    A SettingsError names a field that is not a finite number of its range and type.
    """
    types = {field.name: str(getattr(field.type, "__name__", field.type)) for field in fields(settings)}
    for name, allowed in ranges.items():
        value = getattr(settings, name)
        if value is None and "None" in types[name]:
            continue
        whole = types[name].startswith("int")
        if not is_finite(value) or not allowed.accepts(value) or (whole and int(value) != value):
            kind = "a whole number, " if whole else ""
            flag = name.replace("_", "-")
            raise SettingsError(f"{flag} is {value!r}, expected {kind}{allowed.text} ({type(settings).__name__})")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raises a SettingsError if a value is none of two or more choices."""
    if value not in choices:
        *first, last = map(repr, choices)
        raise SettingsError(f"{name} is {value!r}, expected {', '.join(first)} or {last}")


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number that fits a float; bools are no numbers."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))
    except OverflowError:
        return False
