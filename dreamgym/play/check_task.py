"""A check of a whole task, so that a mistake in it is found before hours of work and not after."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import DreamGymError, TaskError, describe
from dreamgym.frame_skip import FrameSkip
from dreamgym.policies.exploration import SmoothNoise
from dreamgym.running.checks import is_finite
from dreamgym.tasks import Renderer, Task


def check_task(
    task: Task, renderers: Sequence[Renderer] = ("fast", "stock"), head: str | None = None, *, compiled: bool = False
) -> None:
    """Plays one step of a task, and tries its frame, target, exploration and action head.

    Args:
        task: The task.
        renderers: Whose envs are played.
        head: The action head of the controllers to come; the task's default if None.
        compiled: Also try the head as part of a TensorFlow program, as dreams of a population run it.

    Raises:
        TaskError: A part of the task does not fit its game; the message names the part.
    """
    spaces = {}
    for env_id, renderer in {task.played_env_id(renderer): renderer for renderer in renderers}.items():
        env = task.make_env(renderer)
        try:
            _play_a_step(task, env)
            spaces[env_id] = env.action_space
        finally:
            env.close()
    if len(set(map(str, spaces.values()))) > 1:
        raise TaskError(f"task {task.name!r}: its envs have different actions: {spaces}")
    codec = ActionCodec(next(iter(spaces.values())))
    _attempt(task, "exploration", lambda: SmoothNoise(codec, task.exploration, 0))
    _check_head(task, codec, head, compiled)


def _play_a_step(task: Task, env: FrameSkip) -> None:
    env.action_space.seed(0)
    options = None if task.start_options is None else dict(task.start_options)
    observation, _ = _attempt(task, "start_options", lambda: env.reset(seed=0, options=options))
    frame = _attempt(task, "frame_rows", lambda: task.frame(observation))
    if task.frame_rows is not None:
        low, high = task.frame_rows
        rows = (observation if task.frame_key is None else observation[task.frame_key]).shape[0]
        if not 0 <= low < high <= rows:
            raise TaskError(f"task {task.name!r}: frame_rows are {task.frame_rows}, the image has {rows} rows")
    assert frame.shape == (64, 64, 3)
    _, reward, terminated, _, _ = env.env.step(env.action_space.sample())
    target = _attempt(task, "target", lambda: task.target(env.env, float(reward), bool(terminated)))
    if not is_finite(target):
        raise TaskError(f"task {task.name!r}: target returned {target!r}, expected a finite number")


def _check_head(task: Task, codec: ActionCodec, name: str | None, compiled: bool) -> None:
    head, label = task.head(codec, name), f"action head {name or task.default_head_name!r}"
    for shape in ((), (2, 3)):
        outputs = np.linspace(-1, 1, int(np.prod((*shape, head.n_outputs))), dtype=np.float32)
        outputs = outputs.reshape(*shape, head.n_outputs)
        codes = _attempt(task, label, partial(head.function, np, outputs))
        if np.shape(codes) != (*shape, codec.size) or not np.isfinite(codes).all():
            raise TaskError(
                f"task {task.name!r}: {label} makes codes of shape {np.shape(codes)} from outputs of shape "
                f"{outputs.shape}, expected finite ones of shape {(*shape, codec.size)} for {codec.space}"
            )
    if compiled:
        from dreamgym.running.tensorflow import tf, tnp

        outputs = tf.TensorSpec((2, 3, head.n_outputs), tf.float32)
        program = tf.function(lambda x: head.function(tnp, x), autograph=False)
        _attempt(task, f"{label} in TensorFlow", lambda: program.get_concrete_function(outputs))


def _attempt(task: Task, part: str, function: Any) -> Any:
    try:
        return function()
    except DreamGymError as error:
        raise TaskError(f"task {task.name!r}: {part}: {error}") from error
    except Exception as error:  # the user's own code may raise anything
        raise TaskError(f"task {task.name!r}: {part} raised {describe(error)}") from error
