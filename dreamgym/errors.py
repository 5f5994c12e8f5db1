"""Errors. Each message names the file or argument at fault, what was expected, and what to do."""


class DreamGymError(Exception):
    """The base class of dreamgym's errors."""


class TaskError(DreamGymError, ValueError):
    """A task is unknown, or does not fit its game."""


class ActionError(DreamGymError, ValueError):
    """An action is not numeric, holds NaN, has another shape than the action space, or is not in a Discrete one."""


class DataError(DreamGymError, ValueError):
    """A file of episodes or latents is broken, foreign, stale or missing."""


class WorldModelError(DreamGymError, ValueError):
    """A saved world model is missing, incomplete, or its parts do not fit each other."""


class PolicyError(DreamGymError, ValueError):
    """A policy or saved controller is missing, broken, or does not fit the env."""


class TrainingError(DreamGymError, RuntimeError):
    """Training cannot continue: there is no data, the loss is NaN, or a file cannot be written."""


class JobError(DreamGymError, RuntimeError):
    """Jobs failed, or workers cannot be started."""


class ExperimentError(DreamGymError, ValueError):
    """An experiment's folder or settings do not fit the command."""


class VideoError(DreamGymError, ValueError):
    """A video cannot be written: a wrong suffix, or frames of a wrong kind."""


class WebError(DreamGymError, ValueError):
    """A page cannot be written or served: its folder holds something else, or it is too large."""


class MissingPackageError(DreamGymError, ImportError):
    """A package of an extra is not installed; the message says which extra brings it."""


class WindowError(DreamGymError, RuntimeError):
    """A window cannot be opened, or does not know the keys of a game."""


class RemoteError(DreamGymError, RuntimeError):
    """A remote cannot be reached, refuses a request, or what it holds is damaged or differs from what is here."""


class SettingsError(DreamGymError, ValueError):
    """A setting is out of its range."""


def describe(error: BaseException) -> str:
    """Another's error: its kind and what it says."""
    return f"{type(error).__name__}: {error}"


def tells_of(description: str, kind: type[BaseException]) -> bool:
    """Whether :func:`describe` made a description of an error of a kind, or of one that is derived from it."""
    return description.partition(":")[0] in {kind.__name__, *(derived.__name__ for derived in kind.__subclasses__())}
