"""``dreamgym evaluate``: the score of a policy, beside its baselines."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.evaluation.baselines import baselines
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evaluation.scores import evaluation_table, save_evaluations
from dreamgym.play.settings import EnvSettings
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.cluster.settings import ClusterSettings, open_executor
from dreamgym.running.jobs import default_workers
from dreamgym.storage.settings import RemoteSettings


@dataclass(frozen=True)
class Args:
    """Scores a policy on fresh episodes, beside its baselines: dreamgym evaluate POLICY.

    Reads the policy, and the world model that it observes with or dreams in. A world model beside a controller's file,
    or in its experiment, is found automatically. Writes a JSON file. Next: dreamgym record POLICY.
    """

    policy: str
    """random, smoothed, constant:0,0.3,0 (an action), a controller's .npz, a pretrained name, a .zip that an agent of
    Stable-Baselines3 or sb3-contrib saved (its VecNormalize statistics are not in it), or package.module:callable (a
    function from observation to action, an agent or a policy)."""
    env: Annotated[EnvSettings, tyro.conf.arg(name="")] = field(default_factory=EnvSettings)
    episodes: int = 100
    """Episodes."""
    seed: int = 0
    """Picks the episodes; none of them is ever trained on."""
    workers: int = field(default_factory=default_workers)
    """Processes; 0 plays in this one."""
    place: Annotated[ClusterSettings, tyro.conf.arg(name="")] = field(default_factory=ClusterSettings)
    controls: bool = True
    """Also score the baselines: the random policy, the best constant action, and the policy with an untrained M."""
    output: Path | None = None
    """JSON file; evaluation/<env>-<episodes>.json if not given."""
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)

    def __post_init__(self) -> None:
        check_settings(self, episodes=at_least(1), seed=at_least(0), workers=at_least(0))


def run(args: Args) -> None:
    """Plays, saves the scores and prints a table."""
    output = args.output or Path("evaluation") / f"{args.env.env}-{args.episodes}.json"
    needed = [args.env.world_model, *cli.policy_places(args.policy)]
    with (
        exchanging(args.storage.remote, reads=needed, writes=[output]),
        open_executor(args.workers, args.place) as executor,
    ):
        env = cli.complete(args.env, args.policy)
        result = evaluate(args.policy, env, episodes=args.episodes, seed=args.seed, workers=executor)
        rows = [result]
        if args.controls:
            rows += baselines(args.policy, env, seeds=result.seeds, seed=args.seed, workers=executor)
        save_evaluations(output, rows)
    Console().print(evaluation_table(rows))
    print(f"saved: {output}")
