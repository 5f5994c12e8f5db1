"""What dreamgym raises: each error names the file or argument at fault, what was expected and what to do."""


class DreamGymError(Exception):
    """Anything that dreamgym itself finds wrong."""


class TaskError(DreamGymError, ValueError):
    """A task is unknown, or does not fit the game it names."""


class ActionError(DreamGymError, ValueError):
    """An action is not a number, or not of the action space's shape."""


class DataError(DreamGymError, ValueError):
    """A file of episodes or latents is broken, foreign, stale or missing."""


class WorldModelError(DreamGymError, ValueError):
    """A saved world model is missing, incomplete, or its parts do not fit each other."""


class PolicyError(DreamGymError, ValueError):
    """A policy or saved controller is missing, broken, or does not fit the env."""


class TrainingError(DreamGymError, RuntimeError):
    """Training went wrong in a way that going on would not mend (NaN, no data)."""


class JobError(DreamGymError, RuntimeError):
    """Too many jobs failed for their result to be worth having."""


class ExperimentError(DreamGymError, ValueError):
    """An experiment's folder or settings do not fit what was asked of it."""


class VideoError(DreamGymError, ValueError):
    """A video cannot be written under that name, or from those frames."""


class SettingsError(DreamGymError, ValueError):
    """A setting is out of its range."""
