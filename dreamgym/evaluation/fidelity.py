"""How well M predicts held-out episodes: its likelihood one step ahead, and its error when it runs open-loop."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.latents import LatentEpisode
from dreamgym.errors import DataError
from dreamgym.models.dynamics import LOG_SIGMA_BOUNDS, MemoryArrays, Noise, draw_posterior, lstm_step, sample
from dreamgym.running.files import write_figure
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import WorldModel

WARM_UP = 20
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Windows:
    """N stretches of episodes, each of W steps."""

    z: np.ndarray  # drawn from V's posterior, ``(N, W + 1, Z)`` float32
    actions: np.ndarray  # coded, ``(N, W, A)``
    targets: np.ndarray  # the targets of the steps, ``(N, W)``


def fidelity(
    world_model: WorldModel,
    latent_episodes: Iterable[LatentEpisode],
    *,
    horizon: int = 50,
    warm_up: int = WARM_UP,
    max_windows: int = 512,
    seed: int = 0,
) -> dict[str, Any]:
    """Measures M on windows of held-out episodes. The first ``warm_up`` steps of a window only warm M up.

    M then runs open-loop for ``horizon`` steps under the recorded actions. At most ``max_windows`` windows are used,
    spread evenly over all. A DataError says that no episode is long enough for a window.

    Returns:
        Plain JSON data: ``nll``, in nats per latent dimension and step, of M one step ahead, of a unit Gaussian and
        of the persistence forecast (a Gaussian around the latest z, as wide as z's changes are in this data);
        ``target_correlation`` of the targets summed over the horizon, dreamt and real (None where one of them
        does not vary); ``latent_error``, the mean squared error of z by steps ahead, of M and of persistence,
        and of two random frames.
    """
    rng = generator(seed, Stream.FIDELITY)
    windows = cut_windows(latent_episodes, warm_up + horizon, max_windows, rng)
    heads = one_step_heads(world_model.memory, windows)[:, warm_up:]
    now, following = windows.z[:, warm_up:-1], windows.z[:, warm_up + 1 :]
    dreamt_z, dreamt_targets = open_loop(world_model, windows.z, windows.actions, warm_up, rng)
    frames = windows.z.reshape(-1, windows.z.shape[-1])
    sums = dreamt_targets[:, warm_up:].sum(1), windows.targets[:, warm_up:].sum(1)
    return {
        "windows": len(windows.z),
        "warm_up": warm_up,
        "horizon": horizon,
        "temperature": world_model.temperature,
        "nll": {
            "memory": float(mixture_nll(heads, following, world_model.n_mixtures).mean()),
            "unit_gaussian": float(gaussian_nll(following, 0.0, 1.0).mean()),
            "persistence": float(gaussian_nll(following, now, (following - now).std(axis=(0, 1))).mean()),
        },
        "target_correlation": _correlation(*sums),
        "target_mean": {"dream": float(sums[0].mean()), "real": float(sums[1].mean())},
        "latent_error": {
            "memory": np.square(dreamt_z[:, warm_up + 1 :] - following).mean(axis=(0, 2)).tolist(),
            "persistence": np.square(now[:, :1] - following).mean(axis=(0, 2)).tolist(),
            "random": float(np.square(frames - frames[rng.permutation(len(frames))]).mean()),
        },
    }


def cut_windows(episodes: Iterable[LatentEpisode], steps: int, max_windows: int, rng: np.random.Generator) -> Windows:
    """Cuts episodes into windows of ``steps`` that do not overlap, and samples each ``z`` from V's posterior.

    The last window ends with its episode: in many games the reward comes there.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for episode in episodes:
        for start in range(len(episode.actions) % steps, len(episode.actions) - steps + 1, steps):
            frames, taken = slice(start, start + steps + 1), slice(start, start + steps)
            arrays = episode.mu[frames], episode.logvar[frames], episode.actions[taken], episode.targets[taken]
            parts.append(tuple(np.asarray(array, np.float32) for array in arrays))
    if not parts:
        raise DataError(f"no episode has {steps} steps; hold out longer ones, or ask for a shorter horizon")
    if len(parts) > max_windows:
        parts = [parts[i] for i in np.linspace(0, len(parts) - 1, max_windows).astype(int)]
    mu, logvar, actions, targets = (np.stack(column) for column in zip(*parts, strict=True))
    return Windows(draw_posterior(mu, logvar, rng), actions, targets)


def one_step_heads(memory: MemoryArrays, windows: Windows) -> np.ndarray:
    """M's head outputs ``(N, W, 3KZ + 2)``, each step fed with the real latent."""
    h = c = np.zeros((len(windows.z), memory.recurrent_kernel.shape[0]), np.float32)
    states = []
    for t in range(windows.actions.shape[1]):
        h, c = lstm_step(np, memory, windows.z[:, t], windows.actions[:, t], (h, c))
        states.append(h)
    return np.stack(states, axis=1) @ memory.head_kernel + memory.head_bias


def open_loop(
    world_model: WorldModel, z: np.ndarray, actions: np.ndarray, warm_up: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Runs M open-loop from ``z[:, warm_up]`` on, at the world model's temperature, under recorded actions.

    ``z`` are real latents ``(N, T + 1, Z)``, of which the first ``warm_up + 1`` are used; ``actions`` are coded,
    ``(N, T, A)``. Returns latents ``(N, T + 1, Z)``, real up to ``warm_up`` and dreamt after it, and predicted targets
    ``(N, T)``.
    """
    memory = world_model.memory
    h = c = np.zeros((len(z), world_model.hidden_size), np.float32)
    latents, targets = [z[:, 0]], []
    for t in range(actions.shape[1]):
        h, c = lstm_step(np, memory, latents[t], actions[:, t], (h, c))
        noise = Noise(rng.random(z[:, 0].shape, np.float32), rng.standard_normal(z[:, 0].shape, np.float32))
        step = sample(np, memory, h, noise, np.float32(world_model.temperature))
        latents.append(z[:, t + 1] if t < warm_up else step.z)
        targets.append(step.target)
    return np.stack(latents, axis=1), np.stack(targets, axis=1)


def mixture_nll(heads: np.ndarray, z: np.ndarray, n_mixtures: int) -> np.ndarray:
    """Negative log-likelihood under M's mixtures in nats, ``(..., Z)``, for head outputs ``(..., 3KZ + 2)``."""
    parts = heads[..., :-2].reshape(*z.shape[:-1], 3, n_mixtures, z.shape[-1])
    logits, mean, log_sigma = (parts[..., kind, :, :] for kind in range(3))
    log_weights = logits - _log_sum_exp(logits)[..., None, :]
    log_sigma = np.clip(log_sigma, *LOG_SIGMA_BOUNDS)
    distance = (z[..., None, :] - mean) * np.exp(-log_sigma)
    return -_log_sum_exp(log_weights - 0.5 * np.square(distance) - log_sigma - _HALF_LOG_TWO_PI)


def gaussian_nll(z: np.ndarray, mean: np.ndarray | float, sigma: np.ndarray | float) -> np.ndarray:
    """Negative log-likelihood under a Gaussian in nats, in the shape of ``z``. Sigma is at least 0.001."""
    sigma = np.maximum(sigma, 1e-3)
    return 0.5 * np.square((z - mean) / sigma) + np.log(sigma) + _HALF_LOG_TWO_PI


def plot_fidelity(result: dict[str, Any], path: str | Path) -> Path:
    """Plots the open-loop error against the horizon, with its references, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    errors = result["latent_error"]
    ahead = np.arange(1, result["horizon"] + 1)
    axes.plot(ahead, errors["memory"], label="M, dreaming alone")
    axes.plot(ahead, errors["persistence"], label="persistence")
    axes.axhline(errors["random"], color="grey", linestyle=":", label="two random frames")
    correlation = result["target_correlation"]
    shown = "n/a" if correlation is None else f"{correlation:.2f}"
    nll = result["nll"]
    axes.set_title(
        f"NLL/dim: M {nll['memory']:.2f}, persistence {nll['persistence']:.2f}, "
        f"N(0, 1) {nll['unit_gaussian']:.2f}; rewards r = {shown}",
        fontsize=10,
    )
    axes.set(xlabel="steps ahead", ylabel="mean squared error of z", ylim=(0, None))
    axes.legend()
    write_figure(Path(path), figure)
    return Path(path)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _log_sum_exp(x: np.ndarray) -> np.ndarray:
    """Over the mixtures, the last axis but one."""
    largest = x.max(axis=-2)
    return largest + np.log(np.exp(x - largest[..., None, :]).sum(axis=-2))
