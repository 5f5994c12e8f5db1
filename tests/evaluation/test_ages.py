"""What dreams pay by age."""

import numpy as np
import pytest

from dreamgym.evaluation.ages import pay_by_age
from dreamgym.policies.controller import LinearController


def test_dreams_that_only_cost_pay_their_cost_at_every_age(car_world_model):
    kernel, bias = car_world_model.memory.head_kernel.copy(), car_world_model.memory.head_bias.copy()
    kernel[:, -2:], bias[-2:] = 0, (0, -5)  # no tiles, no end
    model = car_world_model.replace(memory=car_world_model.memory._replace(head_kernel=kernel, head_bias=bias))
    zeros = LinearController.zeros(model)
    assert pay_by_age(model, zeros, n_dreams=4, ages=(3, 7)) == pytest.approx([-100, -100], rel=1e-4)
    skipping = model.replace(frame_skip=4)
    assert pay_by_age(skipping, zeros, n_dreams=4, ages=(3, 7)) == pytest.approx([-100, -100], rel=1e-4)
    bias[-1] = 5  # every dream ends with its first step
    ended = model.replace(memory=model.memory._replace(head_bias=bias))
    assert pay_by_age(ended, zeros, n_dreams=4, ages=(2, 7)) == pytest.approx([-50, 0], rel=1e-4)


def test_ages_add_up(car_world_model):
    zeros = LinearController.zeros(car_world_model)
    parts = np.array(pay_by_age(car_world_model, zeros, n_dreams=8, ages=(4, 10)))
    (whole,) = pay_by_age(car_world_model, zeros, n_dreams=8, ages=(10,))
    assert parts @ [0.4, 0.6] == pytest.approx(whole, rel=1e-4)
