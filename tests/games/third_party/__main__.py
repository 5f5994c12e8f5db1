"""Runs a few minutes of the pipeline per game, and prints README's table: python -m tests.games.third_party FOLDER."""

import sys
from importlib.metadata import version
from pathlib import Path

from dreamgym.commands import main
from dreamgym.evaluation.scores import Evaluation, load_evaluations
from dreamgym.pipeline.experiment import Experiment
from dreamgym.tasks import get_task
from tests.games.third_party import GAMES

EPISODES = 20
SHORT = [
    "--rounds=0", "--workers=1", "--random.episodes=30", "--random.episode-length=300",
    "--vision.epochs=2", "--vision.batch-size=32", "--vision.learning-rate=1e-3",
    "--memory.epochs=20", "--memory.batch-size=16", "--memory.sequence-length=30",
    "--controller.generations=10", "--controller.candidates=32", "--controller.dreams=8", "--controller.horizon=100",
    "--controller.select-every=5", "--controller.select-tracks=4",
    f"--evaluation-episodes={EPISODES}", "--video-steps=50",
]  # fmt: skip
COLUMNS = ("package", "env id", "image, actions", "NLL: M (N(0, 1), persistence)", "reward correlation", "C", "random")


def row(name: str, experiment: Experiment) -> str:
    """A game's row, from its finished experiment."""
    game = GAMES[name]
    task, memory = get_task(game.task), experiment.metrics("0-memory")
    scores = {score.label: score for score in load_evaluations(experiment.scores(EPISODES)) if score.env == "real"}
    env = task.make_env("stock")
    image = env.observation_space if task.frame_key is None else env.observation_space[task.frame_key]
    seen = "x".join(map(str, image.shape[:2])) + (f" under `{task.frame_key}`" if task.frame_key else "")
    actions, nll, correlation = env.action_space, memory["nll"], memory["target_correlation"]
    env.close()
    cells = (
        f"{game.distribution} {version(game.distribution)}",
        f"`{task.env_id.rpartition(':')[2]}`",
        f"{seen}, {actions}",
        f"{nll['memory']:.2f} ({nll['unit_gaussian']:.2f}, {nll['persistence']:.2f})",
        "n/a" if correlation is None else f"{correlation:.2f}",
        _score(scores["trained in the dream"]),
        _score(scores["random"]),
    )
    return f"| {' | '.join(cells)} |"


def _score(score: Evaluation) -> str:
    return f"{score.mean:.2f} ± {score.sd:.2f}"


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    rows = []
    for name in names or GAMES:
        experiment = Experiment(Path(folder) / name)
        main("pipeline", ["--experiment", str(experiment.folder), "--task", GAMES[name].task, *SHORT])
        rows.append(row(name, experiment))
    print(f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows, sep="\n")
