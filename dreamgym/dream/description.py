"""What a program that is not dreamgym must know of a world model to dream in it, beside its arrays."""

from typing import Any

from dreamgym.world_model import WorldModel


def describe_dream(world_model: WorldModel) -> dict[str, Any]:
    """Sizes, action space and rules of a world model's dreams, as plain JSON data.

    A step pays ``price * target + step_cost``. A dream ends where M's done logit is above 0, or after ``max_steps``.
    """
    return {
        "task": world_model.task.name,
        "action_space": world_model.codec.to_json(),
        "action_size": world_model.codec.size,
        "latent_size": world_model.latent_size,
        "hidden_size": world_model.hidden_size,
        "n_mixtures": world_model.n_mixtures,
        "observes_cell": world_model.task.observes_cell,
        "temperature": world_model.temperature,
        "frame_skip": world_model.frame_skip,
        "fps": world_model.render_fps,
        "max_steps": world_model.dream_steps(),
        "price": float(world_model.task.price),
        "step_cost": float(world_model.step_cost),
    }
