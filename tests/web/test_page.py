"""The page in a real browser: what it shows, what hands and keys do, and its numbers against Python's."""

import os
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import dreamgym
from dreamgym.dream.noise import NOISE_BLOCK, DreamNoise
from dreamgym.envs.dream import DreamEnv
from tests.web.conftest import PHONE

# Replaces the page's random numbers by given ones. They are drawn in Python's order: start, then uniform and normal.
TAPE = """([tape, temperature]) => {
  const { page, dream } = window.dreamgym;
  page.pause(true);
  const rows = tape.map((row) => Float32Array.from(row));
  dream.noise = { uniform: () => rows.shift(), normal: () => rows.shift() };
  dream.temperature = temperature;
}"""
DRIVE = """async ([start, steps]) => {
  const { controllerCode } = await import("./driver.js");
  const { dream } = window.dreamgym;
  dream.begin(start);
  const picture = Array.from(dream.picture());
  const results = [];
  for (let i = 0; i < steps; i++) {
    const code = controllerCode(dream);
    const result = dream.step(code);
    results.push({ ...result, code: Array.from(code), z: Array.from(dream.z), h: Array.from(dream.h) });
  }
  return { picture, results };
}"""
SAME_NOISE = """async () => {
  const { Noise } = await import("./noise.js");
  window.dreamgym.page.pause(true);
  window.dreamgym.dream.noise = new Noise(1);
  window.dreamgym.page.choose(3);
}"""
# Whether a column of a plot has bright pixels of one channel.
COLUMNS = """([id, channel]) => {
  const canvas = document.getElementById(id);
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: width }, (_, x) =>
    Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + channel]).some((value) => value > 150));
}"""
PIXELS = "() => Array.from(window.dreamgym.dream.picture())"


def test_it_loads_quietly_and_dreams_without_a_network(visit, car_page):
    page = visit(car_page)
    later = []
    page.on("request", lambda request: later.append(request.url))
    assert page.title() == "The dream of car racing"
    before = page.evaluate("window.dreamgym.page.nFrames")
    while page.evaluate("window.dreamgym.page.nFrames") <= before + 20:  # or the test's time limit ends it
        page.wait_for_timeout(100)
    assert page.locator("#driver").inner_text() == "The controller drives."
    assert float(page.locator("#return").inner_text()) != 0
    for plot, channel in (("reward", 0), ("entropy", 2)):  # an orange line and a blue one
        assert np.count_nonzero(page.evaluate(COLUMNS, [f"{plot}-plot", channel])) > 3
    assert later == []


@pytest.mark.parametrize(("start", "temperature"), [(0, 1.0), (7, 0.5), (23, 1.5)])
def test_its_numbers_are_those_of_python(visit, car_page, start, temperature):
    car = dreamgym.pretrained("car-racing")
    page = visit(car_page)
    kept = page.evaluate("window.dreamgym.dream.description.starts")
    assert len(kept) == 24 < len(car.world_model.starts)
    env = DreamEnv("car-racing", temperature)
    assert compare_with(page, env, car.controller, (start, kept[start]), 50) == 50


def test_starts_with_m_s_state_and_other_sizes_are_those_of_python(
    visit, ending_page, ending_world_model, ending_controller, tmp_path
):
    env = DreamEnv(ending_world_model.save(tmp_path / "model"))
    assert ending_world_model.starts.h is not None
    assert compare_with(visit(ending_page), env, ending_controller, (4, 4), 25) == 25


def test_a_controller_that_observes_the_cell_state_is_that_of_python(
    visit, cell_page, cell_world_model, cell_controller, tmp_path
):
    env = DreamEnv(cell_world_model.save(tmp_path / "model"))
    assert compare_with(visit(cell_page), env, cell_controller, (2, 2), 12) == 12


def compare_with(page, env, controller, start, steps):
    """Drives a dream in the page and one in Python with the same noise, and returns the number of equal steps.

    ``start`` is the start's index in the page and in Python.
    """
    seed, model = 3, env.world_model
    observation, _ = env.reset(seed=seed, options={"start": start[1]})
    noise = DreamNoise([gym.utils.seeding.np_random(seed)[0]], model.latent_size)
    _, normal = noise.draw_start(0, len(model.starts), model.starts.mu.shape[1])
    noise.draw_block(0)
    assert steps <= NOISE_BLOCK
    rows = [normal.reshape(-1)] + [row for i in range(steps) for row in noise.at(0, i)]
    page.evaluate(TAPE, [[row.tolist() for row in rows], env.temperature])
    shown = page.evaluate(DRIVE, [start[0], steps])
    frame = np.array(shown["picture"]).reshape(64, 64, 4)[..., :3]
    assert np.abs(frame - model.decode(observation[: model.latent_size]).astype(int)).max() <= 1
    for result in shown["results"]:
        action = controller(observation)
        np.testing.assert_allclose(result["code"], model.codec.encode(action), atol=1e-3)
        observation, reward, terminated, truncated, info = env.step(action)
        z_and_h = observation[: model.latent_size + model.hidden_size]
        np.testing.assert_allclose(np.concatenate([result["z"], result["h"]]), z_and_h, atol=1e-3)
        np.testing.assert_allclose(result["reward"], reward, atol=1e-3)
        np.testing.assert_allclose(result["doneLogit"], info["done_logit"], atol=1e-3)
        assert result["entropy"] == pytest.approx(mixture_entropy(model, z_and_h, env.temperature), abs=1e-3)
        assert (result["terminated"], result["truncated"]) == (terminated, truncated)
    return len(shown["results"])


def mixture_entropy(world_model, observation, temperature):
    z, k = world_model.latent_size, world_model.n_mixtures
    heads = observation[z:] @ world_model.memory.head_kernel + world_model.memory.head_bias
    logits = heads[: k * z].reshape(k, z) / temperature
    weights = np.exp(logits) / np.exp(logits).sum(axis=0)
    return float(-(weights * np.log(weights)).sum(axis=0).mean())


def test_opposite_keys_lead_apart(visit, car_page):
    page = visit(car_page)
    ends = {}
    for key in ("ArrowLeft", "ArrowRight", "ArrowLeft"):
        page.evaluate(SAME_NOISE)
        page.keyboard.down(key)
        page.locator("#driver", has_text="You drive.").wait_for()
        for _ in range(25):
            page.keyboard.press(".")
        assert page.evaluate("window.dreamgym.page.driver.code")[0] == (-1 if key == "ArrowLeft" else 1)
        page.keyboard.up(key)
        frame = np.array(page.evaluate(PIXELS))
        if key in ends:
            np.testing.assert_array_equal(frame, ends[key])  # the same keys and noise give the same dream
        ends[key] = frame
    assert np.abs(ends["ArrowLeft"] - ends["ArrowRight"]).mean() > 5


def test_hands_off_gives_the_wheel_back_to_the_controller(visit, car_page):
    page = visit(car_page)
    page.keyboard.down("ArrowUp")
    page.keyboard.up("ArrowUp")
    page.get_by_text("You drive.").wait_for()
    page.get_by_text("The controller drives.").wait_for(timeout=10_000)
    page.keyboard.press("c")
    page.get_by_text("Nobody drives.").wait_for()
    assert page.get_by_role("button", name="Controller").get_attribute("aria-pressed") == "false"


def test_the_slider_sets_the_temperature_and_keeps_its_arrow_keys(visit, car_page):
    page = visit(car_page)
    slider = page.get_by_role("slider", name="Temperature τ")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.dreamgym.dream.temperature") == pytest.approx(1.1)
    assert page.locator("#temperature-value").inner_text() == "1.10"
    assert not page.evaluate("window.dreamgym.page.driver.isHeld('ArrowRight')")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert page.evaluate("window.dreamgym.dream.temperature") == 2
    page.keyboard.down("ArrowRight")  # the mouse has left the slider's focus behind
    assert page.evaluate("window.dreamgym.page.driver.isHeld('ArrowRight')")


def test_the_temperature_changes_the_dream(visit, car_page):
    page = visit(car_page)
    spread = page.evaluate(
        """async () => {
          const { Noise } = await import("./noise.js");
          const { page, dream } = window.dreamgym;
          page.pause(true);
          return [0.05, 2].map((temperature) => {
            const ends = [1, 2].map((seed) => {
              dream.noise = new Noise(1);
              dream.begin(0);
              dream.temperature = temperature;
              dream.noise = new Noise(seed);
              dream.step([0, 0, 0]);
              return Array.from(dream.z);
            });
            return Math.hypot(...ends[0].map((value, i) => value - ends[1][i]));
          });
        }"""
    )
    assert spread[1] > 2 * spread[0]


def test_a_start_is_picked_from_the_pictures(visit, car_page):
    page = visit(car_page)
    page.get_by_role("button", name="Start 5 of 24").click()
    assert page.evaluate("window.dreamgym.dream.start") == 4
    page.keyboard.press("r")
    assert page.evaluate("window.dreamgym.dream.start") == 4
    assert page.get_by_role("button", name="Start 5 of 24").get_attribute("aria-pressed") == "true"
    sizes = page.evaluate("() => [...document.querySelectorAll('#starts canvas')].map((c) => c.toDataURL().length)")
    assert len(set(sizes)) > 12  # pictures, and not the same one


def test_pause_and_single_steps(visit, car_page):
    page = visit(car_page)
    page.keyboard.press("p")
    before = page.evaluate("window.dreamgym.dream.nSteps")
    page.wait_for_timeout(150)
    assert page.evaluate("window.dreamgym.dream.nSteps") == before
    page.get_by_role("button", name="Step").click()
    assert page.evaluate("window.dreamgym.dream.nSteps") == before + 1
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(150)
    assert page.evaluate("window.dreamgym.dream.nSteps") > before + 1


def test_a_dream_that_ends_starts_anew(visit, ending_page):
    page = visit(ending_page)
    page.get_by_text("The dream ended.").wait_for()
    assert page.evaluate("window.dreamgym.dream.nSteps") == 1
    begun = page.evaluate(
        """async () => {
          const { dream } = window.dreamgym;
          const begin = dream.begin;
          let count = 0;
          dream.begin = (start) => { count += 1; begin.call(dream, start); };
          await new Promise((done) => setTimeout(done, 1800));
          return count;
        }"""
    )
    assert begun == 1


def test_a_dream_lasts_no_longer_than_its_task(visit, car_page):
    page = visit(car_page)
    truncated = page.evaluate(
        """() => {
          const { page, dream } = window.dreamgym;
          page.pause(true);
          dream.begin(0);
          dream.nSteps = dream.description.max_steps - 2;
          return [dream.step([0, 0, 0]).truncated, dream.step([0, 0, 0]).truncated];
        }"""
    )
    assert truncated == [False, True]


def test_keys_of_a_discrete_game_choose_its_actions(visit, ending_page, ending_world_model):
    page = visit(ending_page)
    page.keyboard.press("c")
    code = "() => Array.from(window.dreamgym.page.driver.next(window.dreamgym.dream, performance.now()))"
    assert page.evaluate(code) == [1, 0, 0]
    page.keyboard.down("2")
    assert page.evaluate(code) == [0, 0, 1]
    page.keyboard.down("1")  # of two keys the last one counts
    assert page.evaluate(code) == [0, 1, 0]
    page.keyboard.up("1")
    page.keyboard.up("2")
    assert page.evaluate(code) == [1, 0, 0]


def test_a_phone_shows_all_and_drives_by_fingers(visit, car_page):
    page = visit(car_page, PHONE)
    assert page.evaluate("[document.documentElement.scrollWidth <= innerWidth, innerWidth]") == [True, 390]
    left, up = (page.get_by_role("button", name=name).bounding_box() for name in ("←", "↑"))
    picture = page.locator("#picture").bounding_box()
    for box in (left, up):
        assert box["width"] >= 44
        assert box["height"] >= 44
        assert box["y"] + box["height"] < 844  # in view together with the picture
    assert picture["y"] >= 0
    assert picture["width"] > 300
    hands = page.context.new_cdp_session(page)

    def touch(*boxes):
        points = [{"x": b["x"] + b["width"] / 2, "y": b["y"] + 9, "id": i} for i, b in enumerate(boxes)]
        hands.send("Input.dispatchTouchEvent", {"type": "touchStart" if boxes else "touchEnd", "touchPoints": points})

    touch(left)
    touch(left, up)
    page.wait_for_timeout(300)
    assert page.evaluate("() => Array.from(window.dreamgym.page.driver.code)") == [-1, 0.25, 0]
    touch()
    assert not page.evaluate("window.dreamgym.page.driver.isHeld('ArrowLeft')")


def test_all_can_be_reached_by_tab_and_has_a_name(visit, car_page):
    page = visit(car_page)
    page.keyboard.press("p")
    found = []
    for _ in range(12):
        page.keyboard.press("Tab")
        found.append(
            page.evaluate(
                """() => {
                  const { activeElement: at } = document;
                  const name = at.getAttribute("aria-label") || at.textContent || at.labels?.[0]?.textContent;
                  return [name, getComputedStyle(at).outlineStyle];
                }"""
            )
        )
    names = [name for name, _ in found]
    assert names[0] == "The dream of car racing"
    for name in ("←: action[0] to -1", "Pause", "Step", "Start anew", "Controller", "Temperature τ", "Any start"):
        assert name in names
    assert {style for _, style in found} == {"solid"}
    button = page.get_by_role("button", name="←")
    button.focus()
    page.keyboard.down("Enter")
    assert page.evaluate("window.dreamgym.page.driver.isHeld('ArrowLeft')")
    page.keyboard.up("Enter")
    assert not page.evaluate("window.dreamgym.page.driver.isHeld('ArrowLeft')")
    assert page.locator("[role=status]#driver").count() == 1
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas[role]")].filter(
          (element) => !element.ariaLabel && !element.labels?.length && !element.textContent
        ).length"""
    )
    assert unnamed == 0


def test_a_missing_file_is_told(visit, car_page, browser):
    page = browser.new_page()
    page.route("**/weights.bin", lambda route: route.fulfill(status=404))
    page.goto(car_page)
    page.get_by_role("alert").wait_for()
    assert "weights.bin: the server answers 404" in page.get_by_role("alert").inner_text()
    page.close()


def test_its_noise_is_uniform_and_normal(visit, ending_page):
    page = visit(ending_page)
    uniform, normal, again = page.evaluate(
        """async () => {
          const { Noise } = await import("./noise.js");
          const noise = new Noise(5);
          return [noise.uniform(20000), noise.normal(20001), new Noise(5).uniform(20000)].map((x) => Array.from(x));
        }"""
    )
    assert uniform == again
    counts, _ = np.histogram(uniform, bins=20, range=(0, 1))
    assert counts.sum() == 20000
    assert np.abs(counts - 1000).max() < 150
    assert len(normal) == 20001
    assert np.mean(normal) == pytest.approx(0, abs=0.03)
    assert np.std(normal) == pytest.approx(1, abs=0.03)
    assert np.mean(np.abs(normal) < 1) == pytest.approx(0.6827, abs=0.015)
    assert np.corrcoef(normal[:-1], normal[1:])[0, 1] == pytest.approx(0, abs=0.03)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads processor time from /proc")
def test_a_core_has_time_for_thirty_frames_a_second(visit, car_page):
    """Counted in seconds of processor time, of all of the browser's processes, so that other programs do no harm."""
    page = visit(car_page)
    page.wait_for_timeout(300)
    used, shown = browser_seconds(), page.evaluate("window.dreamgym.page.nFrames")
    page.wait_for_timeout(1500)
    shown, used = page.evaluate("window.dreamgym.page.nFrames") - shown, browser_seconds() - used
    assert shown > 10
    assert shown / used >= 30


def browser_seconds():
    """Processor time of all descendants of this process that are a browser's."""
    parents, names, seconds = {}, {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:  # it has ended
            continue
        process, rest = int(path.parent.name), text.rpartition(") ")[2].split()
        parents[process], names[process] = int(rest[1]), text[text.index("(") + 1 : text.rindex(")")]
        seconds[process] = (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")

    def is_ours(process):
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    return sum(seconds[process] for process in parents if "chrom" in names[process] and is_ours(process))
