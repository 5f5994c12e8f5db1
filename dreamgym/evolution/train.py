"""Training of a controller as the pipeline does it: a search whose mean is scored in the real game."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dreamgym.envs.loading import load_world_model
from dreamgym.errors import SettingsError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evolution.curves import Report
from dreamgym.evolution.evolve import Beginning, Trained, head_name, train_in_dream, train_in_real
from dreamgym.evolution.population import population_returns
from dreamgym.evolution.settings import SearchSettings
from dreamgym.models.arrays import load_memory
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import Executor, as_executor
from dreamgym.running.progress import format_score
from dreamgym.running.seeding import selection_seeds
from dreamgym.tasks import get_task


def train_controller(
    env: EnvSettings,
    folder: str | Path,
    settings: SearchSettings = SearchSettings(),
    *,
    seed: int = 0,
    selection_seed: int = 0,
    initial: str | Path | None = None,
    members: Sequence[Path] = (),
    workers: int | Executor | None = None,
) -> Trained:
    """Trains C in the dream or in the real game, and prints how it goes.

    Args:
        env: The world model, its task if that must be imported, and the real game's renderer (fast if None).
        folder: For the search, ``best.npz`` (the checkpoint with the best score) and ``latest.npz`` (the last mean).
        settings: How. ``settings.env`` says where candidates are scored, ``settings.method`` by what C learns.
        seed: Of the search.
        selection_seed: Of the real episodes that checkpoints are scored on.
        initial: A saved controller to begin with.
        members: The ``memory.npz`` of each M of the ensemble, if ``settings.members`` is 2 or more.
        workers: Processes that play the real game, or an executor; all cores if None.

    Raises:
        SettingsError: There is no world model, or not one M for each member.
        ExperimentError: The folder holds another search, or the initial controller does not fit the head.
        TrainingError: A return or a gradient is not finite.
        JobError: A candidate or a selection episode could not be played.
    """
    if env.world_model is None:
        raise SettingsError("a controller is trained with a world model; name its folder")
    if settings.members > 1 and len(members) != settings.members:
        raise SettingsError(f"members is {settings.members}, but {len(members)} Ms were given")
    if env.task is not None:
        get_task(env.task)
    folder, world_model = Path(folder).expanduser(), load_world_model(env.world_model)
    first = None if initial is None else LinearController.load(initial)
    zeros = LinearController.zeros(world_model, head_name(world_model, settings.head, first))
    game = replace(env, env="real", renderer=env.renderer or "fast", temperature=None)
    seeds = selection_seeds(selection_seed, settings.select_tracks)

    with as_executor(workers) as executor:

        def score(parameters: np.ndarray) -> Sequence[float]:
            return evaluate(replace(zeros, parameters=parameters), game, seeds=seeds, workers=executor).returns

        beginning = Beginning(seed, first, score, _print_report)
        if settings.env == "real":
            played = replace(game, max_steps=min(settings.horizon, world_model.task.horizon))
            returns = population_returns(played, zeros.head, episodes=settings.dreams, executor=executor)
            trained = train_in_real(world_model, folder, returns, settings, beginning)
        else:
            ensemble = [load_memory(path) for path in members] if settings.members > 1 else []
            machines = executor.whole_machines
            trained = train_in_dream(world_model, folder, settings, beginning, ensemble, machines=machines)
    replace(zeros, parameters=trained.mean).save(folder / "latest.npz")
    return trained


def _print_report(report: Report) -> None:
    real = "" if report.score is None else f", the mean in the real game {format_score(report.score)}"
    if report.score is not None or report.generation % 5 == 0:
        fitness = f"{format_score(report.mean)} ± {format_score(report.sd)}"
        print(f"generation {report.generation}: {fitness}{real}", flush=True)
