"""From what people pass (a name, a folder, a live object) to what the code works on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dreamgym.actions import ActionCodec
from dreamgym.errors import TaskError
from dreamgym.tasks import Task, get_task
from dreamgym.world_model import WorldModel, find_folder


def resolve_world_model(world_model: WorldModel | str | Path | None) -> WorldModel | None:
    """A live world model, loaded if it is named; None stays None."""
    if world_model is None or isinstance(world_model, WorldModel):
        return world_model
    return WorldModel.load(world_model)


def resolve_task(task: Task | str | None, world_model: WorldModel | None) -> tuple[Task, ActionCodec]:
    """The task of a name, or the world model's, and the codec of its actions.

    Raises:
        TaskError: There is no such task, or neither of the two was given.
    """
    known = get_task(task) if isinstance(task, str) else task
    if world_model is not None and known in (None, world_model.task):
        return world_model.task, world_model.codec
    if known is None:
        raise TaskError("which task? Pass a world model, or the name of a task")
    if world_model is not None:
        raise TaskError(
            f"the world model is one of task {world_model.task.name!r}, not of {known.name!r}; leave the task out"
        )
    env = known.make_env("stock")
    try:
        return known, ActionCodec(env.action_space)
    finally:
        env.close()


@contextmanager
def saved(world_model: WorldModel | str | Path | None) -> Iterator[Path | None]:
    """The folder of a world model: its own, or one that lasts as long as the context for a live one."""
    if world_model is None:
        yield None
    elif isinstance(world_model, WorldModel):
        with tempfile.TemporaryDirectory(prefix="dreamgym-") as folder:
            yield world_model.save(folder)
    else:
        yield find_folder(world_model)
