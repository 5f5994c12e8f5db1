"""Pages on a server of this machine, in headless Chromium."""

import dataclasses
import threading
from contextlib import contextmanager

import gymnasium as gym
import numpy as np
import pytest

import dreamgym
from dreamgym.policies.controller import LinearController
from dreamgym.web.serve import make_server
from dreamgym.web.site import write_site
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK

DESKTOP = {"viewport": {"width": 1100, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@contextmanager
def served(folder):
    """The address of a running server of a folder."""
    server = make_server(folder, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def car_page(tmp_path_factory):
    """The address of the shipped world model's page."""
    car = dreamgym.pretrained("car-racing")
    with served(write_site(car.world_model, tmp_path_factory.mktemp("web") / "car", car.controller)) as address:
        yield address


@pytest.fixture(scope="session")
def ending_world_model():
    """Three Discrete actions, and dreams that M ends at their first step."""
    model = random_world_model(TINY_TASK, gym.spaces.Discrete(3, seed=0), TINY_TASK.hidden_size)
    bias = model.memory.head_bias.copy()
    bias[-1] = 9.0
    return model.replace(memory=model.memory._replace(head_bias=bias), starts=model.starts)


@pytest.fixture(scope="session")
def ending_controller(ending_world_model):
    zeros = LinearController.zeros(ending_world_model)
    return LinearController(np.random.default_rng(0).normal(size=len(zeros.parameters)), zeros.task, zeros.codec)


@pytest.fixture(scope="session")
def ending_page(ending_world_model, ending_controller, tmp_path_factory):
    """The address of its page."""
    folder = write_site(ending_world_model, tmp_path_factory.mktemp("web") / "tiny", ending_controller)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="session")
def cell_controller(cell_world_model):
    """A controller that observes M's cell state, without a bias."""
    zeros = LinearController.zeros(cell_world_model)
    return dataclasses.replace(zeros, parameters=np.random.default_rng(1).normal(size=len(zeros.parameters)))


@pytest.fixture(scope="session")
def cell_page(cell_world_model, cell_controller, tmp_path_factory):
    """The address of its page."""
    folder = write_site(cell_world_model, tmp_path_factory.mktemp("web") / "cell", cell_controller)
    with served(folder) as address:
        yield address


@pytest.fixture
def visit(browser):
    """Opens a page and waits until it dreams. Errors in its console fail the test."""
    contexts, complaints = [], []

    def open_page(address, device=DESKTOP, *, ready="#dream"):
        context = browser.new_context(**device)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(address)
        page.wait_for_selector(ready)
        return page

    open_page.complaints = complaints
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
