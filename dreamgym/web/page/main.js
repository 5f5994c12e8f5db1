// The page: a clock that steps the dream, what it shows, and what fingers and keys do.
import { loadDream } from "./dream.js";
import { Driver } from "./driver.js";
import { Noise } from "./noise.js";
import { Plot } from "./plot.js";

const MOST_STEPS = 3; // of the dream between two pictures; a slower machine dreams in slow motion
const PAUSE_AT_END = 1200; // milliseconds for which an ended dream is shown
const RATE_WINDOW = 1000; // milliseconds over which frames are counted

const find = (id) => document.getElementById(id);

class Page {
  constructor(dream) {
    this.dream = dream;
    this.dream.noise = new Noise();
    this.driver = new Driver(dream.description);
    this.choice = null; // the start that was picked; null for any
    this.paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.endedAt = null;
    this.nFrames = 0;
    this.frameTimes = [];
    this.plots = {
      reward: new Plot(find("reward-plot"), { low: Math.min(0, dream.description.step_cost), high: 1 }),
      entropy: new Plot(find("entropy-plot"), { high: Math.log(dream.description.n_mixtures) }),
    };
    this.pen = find("picture").getContext("2d");
    this.image = new ImageData(this.dream.pixels, 64, 64);
  }

  begin() {
    const { dream } = this;
    dream.begin(this.choice ?? Math.floor(Math.random() * dream.nStarts));
    this.driver.reset();
    this.return = 0;
    this.endedAt = null;
    this.due = 0;
    for (const plot of Object.values(this.plots)) plot.clear();
    this.show();
  }

  step(now) {
    const result = this.dream.step(this.driver.next(this.dream, now));
    this.result = result;
    this.return += result.reward;
    this.plots.reward.add(result.reward);
    this.plots.entropy.add(result.entropy);
    if (result.terminated || result.truncated) this.endedAt = now;
  }

  frame(now) {
    const milliseconds = Math.min(now - (this.lastTime ?? now), 100);
    this.lastTime = now;
    if (this.endedAt !== null && now - this.endedAt > PAUSE_AT_END && !this.paused) this.begin();
    else if (!this.paused && this.endedAt === null) this.advance(milliseconds, now);
    this.showDriver(now);
    requestAnimationFrame((time) => this.frame(time));
  }

  advance(milliseconds, now) {
    this.due = Math.min(this.due + (milliseconds * this.dream.description.fps) / 1000, MOST_STEPS);
    if (this.due < 1) return;
    for (; this.due >= 1 && this.endedAt === null; this.due -= 1) this.step(now);
    this.show();
    this.countFrame(now);
  }

  countFrame(now) {
    this.nFrames += 1;
    this.frameTimes.push(now);
    while (now - this.frameTimes[0] > RATE_WINDOW) this.frameTimes.shift();
    find("rate").textContent = this.frameTimes.length;
  }

  show() {
    this.dream.picture();
    this.pen.putImageData(this.image, 0, 0);
    for (const plot of Object.values(this.plots)) plot.draw();
    find("steps").textContent = this.dream.nSteps;
    find("return").textContent = this.return.toFixed(1);
    find("reward").textContent = this.dream.nSteps === 0 ? "" : this.result.reward.toFixed(2);
    find("entropy").textContent = this.dream.nSteps === 0 ? "" : this.result.entropy.toFixed(2);
  }

  showDriver(now) {
    const who = { you: "You drive.", controller: "The controller drives.", nobody: "Nobody drives." }[this.driver.who(now)];
    const state = this.endedAt !== null ? "The dream ended." : this.paused ? "Paused." : "";
    const text = `${state} ${who}`.trim();
    if (find("driver").textContent !== text) find("driver").textContent = text; // a screen reader reads every change
  }

  pause(paused) {
    this.paused = paused;
    find("pause").setAttribute("aria-pressed", paused);
  }

  single() {
    this.pause(true);
    if (this.endedAt !== null) this.begin();
    else this.step(performance.now());
    this.show();
  }

  choose(start) {
    this.choice = start;
    for (const button of find("starts").children) button.setAttribute("aria-pressed", button.dataset.start === String(start));
    this.begin();
  }

  setAutomatic(automatic) {
    this.driver.automatic = automatic;
    find("automatic").setAttribute("aria-pressed", automatic);
  }

  setTemperature(temperature) {
    this.dream.temperature = temperature;
    find("temperature-value").textContent = temperature.toFixed(2);
  }
}

// A button for each key, so that fingers can hold several.
function addButtons(page) {
  const { controls } = page.dream.description;
  for (const key of new Set(controls.flatMap(({ keys }) => keys))) {
    const button = document.createElement("button");
    const alone = controls.find(({ keys }) => keys.length === 1 && keys[0] === key);
    Object.assign(button, { type: "button", textContent: keyName(key) });
    button.setAttribute("aria-label", alone === undefined ? keyName(key) : `${keyName(key)}: ${alone.label}`);
    button.dataset.key = key;
    hold(button, (held) => steer(page, key, held));
    find("buttons").append(button);
  }
}

// Calls back as a button is pressed and released, by a finger, a mouse, or Enter and Space.
function hold(button, tell) {
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    tell(true);
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(kind, () => tell(false));
  }
  for (const [kind, held] of [["keydown", true], ["keyup", false]]) {
    button.addEventListener(kind, (event) => {
      if (event.code === "Space" || event.code === "Enter") tell(held);
    });
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

function steer(page, key, held) {
  const now = performance.now();
  if (held) page.driver.press(key, now);
  else page.driver.release(key, now);
  for (const button of find("buttons").children) button.classList.toggle("held", page.driver.isHeld(button.dataset.key));
}

function addKeys(page) {
  const driving = drivingKeys(page.dream.description);
  const actions = {
    KeyP: () => page.pause(!page.paused),
    Period: () => page.single(),
    KeyR: () => page.begin(),
    KeyC: () => page.setAutomatic(!page.driver.automatic),
  };
  // Sliders have the arrow keys for themselves, buttons Space and Enter.
  const isTaken = ({ target, code }) =>
    target.type === "range" || (target.type === "button" && (code === "Space" || code === "Enter"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
    const key = driving.get(event.code);
    if (key !== undefined) {
      event.preventDefault(); // the arrow keys would scroll
      if (!event.repeat) steer(page, key, true);
    } else if (actions[event.code] && !event.repeat) actions[event.code]();
  });
  addEventListener("keyup", (event) => {
    const key = driving.get(event.code);
    if (key !== undefined) steer(page, key, false);
  });
  addEventListener("blur", () => {
    for (const key of driving.values()) steer(page, key, false);
  });
}

// From the keys of the keyboard that drive to those of the controls: themselves, and their aliases.
function drivingKeys({ controls, aliases }) {
  const keys = controls.flatMap((control) => control.keys);
  return new Map([...keys.map((key) => [key, key]), ...Object.entries(aliases)]);
}

function addSettings(page) {
  const { description } = page.dream;
  const slider = find("temperature");
  slider.max = Math.max(2, description.temperature);
  slider.value = description.temperature;
  page.setTemperature(description.temperature);
  slider.addEventListener("input", () => page.setTemperature(Number(slider.value)));
  slider.addEventListener("pointerup", () => find("picture").focus()); // so that the arrow keys drive again
  find("pause").addEventListener("click", () => page.pause(!page.paused));
  find("single").addEventListener("click", () => page.single());
  find("restart").addEventListener("click", () => page.begin());
  find("automatic").addEventListener("click", () => page.setAutomatic(!page.driver.automatic));
  if (description.head === null) find("automatic").hidden = true;
  page.pause(page.paused);
}

function addStarts(page) {
  const any = document.createElement("button");
  Object.assign(any, { type: "button", className: "any", textContent: "any" });
  any.dataset.start = "null";
  any.setAttribute("aria-label", "Any start");
  any.addEventListener("click", () => page.choose(null));
  find("starts").append(any);
  for (let start = 0; start < page.dream.nStarts; start++) {
    const button = document.createElement("button");
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    page.dream.picture(page.dream.startMeans(start));
    canvas.getContext("2d").putImageData(page.image, 0, 0);
    button.type = "button";
    button.dataset.start = start;
    button.setAttribute("aria-label", `Start ${start + 1} of ${page.dream.nStarts}`);
    button.addEventListener("click", () => page.choose(start));
    button.append(canvas);
    find("starts").append(button);
  }
}

function describe(page) {
  const { description } = page.dream;
  const heading = `The dream of ${description.title}`;
  find("title").textContent = document.title = heading;
  find("picture").setAttribute("aria-label", heading);
  const driving = drivingKeys(description);
  const others = { KeyP: "P pauses", Period: ". steps", KeyR: "R starts anew", KeyC: "C switches the controller" };
  if (description.head === null) delete others.KeyC;
  const free = Object.entries(others).filter(([key]) => !driving.has(key));
  find("keys").textContent = [`${[...driving.keys()].map(keyName).join(" ")} drive`, ...free.map(([, what]) => what)].join(" · ");
}

const SYMBOLS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const keyName = (key) => SYMBOLS[key] ?? key.replace(/^(Key|Digit)/, "");

async function main() {
  const message = find("message");
  try {
    message.textContent = "Loading the world model.";
    const dream = await loadDream(".", (part) => {
      message.textContent = `Loading the world model: ${Math.round(100 * part)} %.`;
    });
    const page = new Page(dream);
    describe(page);
    addButtons(page);
    addSettings(page);
    addStarts(page);
    addKeys(page);
    find("dream").hidden = false;
    message.hidden = true;
    page.choose(null);
    window.dreamgym = { page, dream };
    requestAnimationFrame((time) => page.frame(time));
  } catch (error) {
    message.setAttribute("role", "alert");
    message.textContent = `This page cannot dream here: ${error.message}`;
    throw error;
  }
}

main();
