"""What a cluster of some number of cores would take, and what would limit it: computed from measured costs, not run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table

from dreamgym.pipeline.estimate import COSTS, frame_skip, game_step, stage_seconds, steps_of_round
from dreamgym.pipeline.settings import PAPER, PipelineSettings
from dreamgym.running.progress import format_seconds
from dreamgym.tasks import get_task

CORES = (8, 64, 512)


@dataclass(frozen=True)
class ClusterCosts:
    """What jobs cost the driver. ``dreamgym benchmark --cluster`` measured all but the last two."""

    job_seconds: float = 0.0005  # of the driver's CPU per job whose answer is a few numbers
    job_bytes: float = 1_500  # over the driver's network for such a job
    episode_seconds: float = 0.0047  # of the driver's CPU per 1,000 steps that come back as a file and are written
    episode_bytes: float = 1_600_000  # of these
    generation_seconds: float = 0.05  # of CMA-ES between two generations; guessed
    network: float = 1.25e9  # bytes per second into the driver: 10 Gbit/s; assumed


CLUSTER_COSTS = ClusterCosts()


class Projection(NamedTuple):
    """The expected time of some work, and what takes it."""

    seconds: float
    limit: str


def collecting(
    settings: PipelineSettings,
    round_: int,
    cores: int,
    costs: ClusterCosts = CLUSTER_COSTS,
    *,
    remote: bool = False,
) -> Projection:
    """A round's collection. Its episodes come back to the driver, or workers write them to a remote.

    A remote is taken to be as fast as all workers together.
    """
    episodes = (settings.random if round_ == 0 else settings.on_policy).episodes
    length = steps_of_round(settings, round_) / episodes
    step = game_step(settings, observed=round_ > 0)
    come_back = 0.0 if remote else length / 1000
    size, files = costs.episode_bytes * come_back, costs.episode_seconds * come_back
    driver = "the driver, which sends the jobs" if remote else "the driver, which writes the files"
    return _slowest(
        {
            "the cores that play": math.ceil(episodes / cores) * length * step,
            driver: episodes * (costs.job_seconds + files),
            "the driver's network": episodes * (costs.job_bytes + size) / costs.network,
        }
    )


def searching(settings: PipelineSettings, cores: int, costs: ClusterCosts = CLUSTER_COSTS) -> Projection:
    """A search in the real game. A candidate's episodes are one job, since V and M see them as a batch."""
    search, horizon = settings.controller, get_task(settings.task).horizon
    length = min(settings.search(0).horizon, horizon)
    waves = math.ceil(search.candidates / cores)
    playing = waves * search.dreams * length * game_step(settings, observed=True)
    between = search.candidates * costs.job_seconds + costs.generation_seconds
    scores = search.generations // search.select_every
    scoring = scores * math.ceil(search.select_tracks / 4 / cores) * 4 * horizon * game_step(settings, observed=True)
    idle = (
        "the cores that play" if cores <= search.candidates else f"one job for each of {search.candidates} candidates"
    )
    limit = idle if playing > between else "the driver between generations"
    return Projection(search.generations * (playing + between) + scoring, limit)


def cluster_seconds(settings: PipelineSettings, cores: int, name: str, *, remote: bool = False) -> float:
    """The expected seconds of a stage on a cluster, with a remote or without. V and M are trained by the driver."""
    number, _, kind = name.rpartition("-")
    round_ = int(number or 0)
    if kind == "collect":
        return collecting(settings, round_, cores, remote=remote).seconds
    if kind == "controller" and settings.controller.env == "real":
        return searching(settings, cores).seconds
    if kind == "latents":  # the unit cost is that of two cores
        frames = steps_of_round(settings, round_) / frame_skip(settings)
        carried = 0.0 if remote else frames * COSTS.frame_bytes / CLUSTER_COSTS.network
        return max(frames * COSTS.encoded_frame * 2 / cores, carried)
    return stage_seconds(settings, cores, name)


def projection_table(costs: ClusterCosts = CLUSTER_COSTS, cores: Sequence[int] = CORES) -> Table:
    """The paper's own collection and search on clusters of some sizes."""
    search, random = PAPER.controller, PAPER.random
    titles = (
        f"collecting {random.episodes:,} x {random.episode_length:,} steps",
        "the same with a remote",
        f"search in the real game: {search.candidates} x {search.dreams}, {search.generations:,} generations",
    )
    table = Table("cores", *(head for title in titles for head in (title, "limited by")), title="projected, not run")
    for n in cores:
        row = collecting(PAPER, 0, n, costs), collecting(PAPER, 0, n, costs, remote=True), searching(PAPER, n, costs)
        table.add_row(f"{n}", *(text for p in row for text in (format_seconds(p.seconds), p.limit)))
    return table


def _slowest(times: dict[str, float]) -> Projection:
    limit = max(times, key=lambda name: times[name])
    return Projection(times[limit], limit)
