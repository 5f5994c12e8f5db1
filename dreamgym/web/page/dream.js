// The dream of a world model: M's step, V's decoder and the controller's outputs.
// What takes long is computed by two WebAssembly functions with SIMD, see kernel.wat.

const PANEL = 8;
const LATENT_BOUND = 10;
const LOG_SIGMA_BOUNDS = [-7, 3];
const SIDE = 64;
const PAGE_BYTES = 65536;

// Loads dream.json, weights.bin and kernel.wasm from a folder. progress(fraction) is told how much of it is there.
export async function loadDream(folder = ".", progress = () => {}) {
  const description = await (await fetched(`${folder}/dream.json`)).json();
  const [weights, kernel] = await Promise.all([
    bytesOf(await fetched(`${folder}/weights.bin`), progress),
    fetched(`${folder}/kernel.wasm`).then((response) => response.arrayBuffer()),
  ]);
  const { instance } = await WebAssembly.instantiate(kernel);
  return new Dream(description, weights, instance.exports);
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answers ${response.status}`);
  return response;
}

async function bytesOf(response, progress) {
  const total = Number(response.headers.get("content-length")) || Infinity;
  const reader = response.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    progress(Math.min(size / total, 1));
  }
  const bytes = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes.buffer;
}

export class Dream {
  // noise: what a new Noise of noise.js has, the functions uniform(n) and normal(n). It is to be set before begin().
  constructor(description, weights, kernel) {
    this.description = description;
    this.kernel = kernel;
    this.temperature = description.temperature;
    this.noise = null;
    const { latent_size: Z, hidden_size: H, n_mixtures: K, action_size: A } = description;
    this.sizes = { Z, H, K, A, first: description.observes_cell ? H : 0 }; // first: where z is in what C observes
    this.layers = layersOf(description);
    this.#allocate(weights);
    this.c = description.observes_cell ? this.observed.view.subarray(0, H) : new Float32Array(H);
    this.pixels = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
    this.inputs.view[Z + A + H] = this.observed.view[this.sizes.first + Z + H] = this.latents.view[Z] = 1; // they multiply the biases
  }

  #allocate(weights) {
    const { Z, H, K, A, first } = this.sizes;
    const places = [];
    let size = 0;
    const room = (length) => {
      const place = { offset: size * 4, length };
      size += Math.ceil(length / 4) * 4; // loads of four numbers are aligned
      places.push(place);
      return place;
    };
    this.arrays = {};
    const halves = halfTable();
    const stored = Object.entries(this.description.arrays);
    for (const [name, { shape }] of stored) this.arrays[name] = room(shape.reduce((a, b) => a * b, 1));
    this.inputs = room(Z + A + H + 1); // z, action, h, 1
    this.observed = room(first + Z + H + 1); // c where C observes it, z, h, 1
    this.gates = room(padded(4 * H));
    this.heads = room(padded(3 * K * Z + 2));
    this.outputs = room(padded(this.arrays.controller ? this.description.arrays.controller.shape[0] * PANEL : 0));
    this.latents = room(Z + 1);
    this.features = room(1024);
    for (const layer of this.layers) {
      layer.patches = room(layer.rows * layer.rows * layer.columns);
      layer.output = room(layer.size * layer.size * layer.filters);
    }
    const { memory } = this.kernel;
    memory.grow(Math.ceil((size * 4) / PAGE_BYTES));
    for (const place of places) place.view = new Float32Array(memory.buffer, place.offset, place.length);
    for (const [name, { type, offset }] of stored) {
      const { view } = this.arrays[name];
      if (type === "float32") view.set(new Float32Array(weights, offset, view.length));
      else new Uint16Array(weights, offset, view.length).forEach((half, i) => (view[i] = halves[half]));
    }
  }

  #product(left, rows, name, result) {
    const [panels, depth] = this.description.arrays[name].shape;
    this.kernel.multiply(left.offset, this.arrays[name].offset, result.offset, rows, depth, panels * PANEL);
  }

  // The output of a transposed convolution from its patches.
  #overlay({ rows, size, kernel, filters, columns, patches, output }, bias) {
    for (let i = 0; i < output.length; i += filters) output.view.set(bias, i);
    this.kernel.overlay(patches.offset, output.offset, rows, size, kernel, filters, columns);
  }

  get z() {
    const { Z, first } = this.sizes;
    return this.observed.view.subarray(first, first + Z);
  }

  get h() {
    const { Z, H, first } = this.sizes;
    return this.observed.view.subarray(first + Z, first + Z + H);
  }

  get nStarts() {
    return this.description.starts.length;
  }

  // V's means of a start's last frame.
  startMeans(start) {
    const { shape } = this.description.arrays.starts_mu;
    return this.#startPart("mu", start, shape[1] - 1);
  }

  #startPart(name, start, step) {
    const { shape } = this.description.arrays[`starts_${name}`];
    const width = shape[shape.length - 1];
    const row = shape.length === 3 ? start * shape[1] + step : start;
    return this.arrays[`starts_${name}`].view.subarray(row * width, (row + 1) * width);
  }

  // Begins a dream: draws the start's latents from V's posterior, and runs M over them.
  begin(start) {
    const { Z } = this.sizes;
    const length = this.description.arrays.starts_mu.shape[1];
    const normal = this.noise.normal(length * Z);
    const state = this.arrays.starts_h !== undefined;
    if (state) this.h.set(this.#startPart("h", start));
    else this.h.fill(0);
    if (state) this.c.set(this.#startPart("c", start));
    else this.c.fill(0);
    for (let step = 0; step < length; step++) {
      const mu = this.#startPart("mu", start, step);
      const logvar = this.#startPart("logvar", start, step);
      for (let d = 0; d < Z; d++) {
        this.z[d] = clip(mu[d] + Math.exp(logvar[d] / 2) * normal[step * Z + d], -LATENT_BOUND, LATENT_BOUND);
      }
      if (step < length - 1) this.#advance(this.#startPart("action", start, step));
    }
    this.nSteps = 0;
    this.start = start;
  }

  // One step with a coded action. Gives M's target, reward and done logit, the entropy of its mixtures in nats (mean over
  // the latent dimensions), and whether the dream has ended or has lasted as long as it may.
  step(code) {
    const { Z, first } = this.sizes;
    this.#advance(code);
    this.#product({ offset: this.observed.offset + (first + Z) * 4 }, 1, "heads", this.heads);
    const entropy = this.#sample(this.noise.uniform(Z), this.noise.normal(Z));
    const { price, step_cost: cost, max_steps: limit } = this.description;
    const end = 3 * this.sizes.K * Z;
    const [target, doneLogit] = this.heads.view.subarray(end, end + 2);
    this.nSteps += 1;
    return {
      target,
      reward: price * target + cost,
      doneLogit,
      entropy,
      terminated: doneLogit > 0,
      truncated: this.nSteps >= limit,
    };
  }

  #advance(code) {
    const { Z, H, A } = this.sizes;
    const { z, h, c } = this;
    const inputs = this.inputs.view;
    inputs.set(z);
    inputs.set(code, Z);
    inputs.set(h, Z + A);
    this.#product(this.inputs, 1, "lstm", this.gates);
    const gates = this.gates.view;
    for (let i = 0; i < H; i++) {
      c[i] = logistic(gates[H + i]) * c[i] + logistic(gates[i]) * Math.tanh(gates[2 * H + i]);
      h[i] = logistic(gates[3 * H + i]) * Math.tanh(c[i]);
    }
  }

  #sample(uniform, normal) {
    const { Z, K } = this.sizes;
    const heads = this.heads.view;
    const weights = new Float64Array(K);
    const spread = Math.sqrt(this.temperature);
    let entropy = 0;
    for (let d = 0; d < Z; d++) {
      let largest = -Infinity;
      for (let k = 0; k < K; k++) largest = Math.max(largest, heads[k * Z + d] / this.temperature);
      let total = 0;
      for (let k = 0; k < K; k++) total += weights[k] = Math.exp(heads[k * Z + d] / this.temperature - largest);
      let chosen = 0;
      let cumulative = weights[0];
      const threshold = uniform[d] * total;
      while (chosen < K - 1 && threshold >= cumulative) cumulative += weights[++chosen];
      for (const weight of weights) if (weight > 0) entropy -= (weight / total) * Math.log(weight / total);
      const mean = heads[(K + chosen) * Z + d];
      const sigma = Math.exp(clip(heads[(2 * K + chosen) * Z + d], ...LOG_SIGMA_BOUNDS));
      this.z[d] = clip(mean + sigma * spread * normal[d], -LATENT_BOUND, LATENT_BOUND);
    }
    return entropy / Z;
  }

  // The controller's outputs for the present observation; its head turns them into a code.
  controllerOutputs() {
    this.#product(this.observed, 1, "controller", this.outputs);
    return this.outputs.view.subarray(0, this.description.n_outputs);
  }

  // V's picture of latents, the dream's own if none are given: RGBA, the same array every time.
  picture(z = this.z) {
    this.latents.view.set(z);
    this.#product(this.latents, 1, "dense", this.features);
    let input = this.features;
    this.layers.forEach((layer, i) => {
      this.#product(input, layer.rows * layer.rows, `deconvolution_${i}`, layer.patches);
      this.#overlay(layer, this.arrays[`deconvolution_${i}_bias`].view);
      if (i < this.layers.length - 1) rectify(layer.output.view);
      input = layer.output;
    });
    for (let i = 0, j = 0; j < this.pixels.length; j += 4) {
      for (let channel = 0; channel < 3; channel++) this.pixels[j + channel] = Math.floor(255 * logistic(input.view[i++]) + 0.5);
    }
    return this.pixels;
  }
}

// Sizes of V's transposed convolutions: rows of the input, and of the output.
function layersOf({ kernels, filters }) {
  let rows = 1;
  return kernels.map((kernel, i) => {
    const size = 2 * (rows - 1) + kernel;
    const layer = { rows, size, kernel, filters: filters[i], columns: padded(kernel * kernel * filters[i]) };
    rows = size;
    return layer;
  });
}

// The numbers that all 16-bit patterns of float16 stand for.
function halfTable() {
  const table = new Float32Array(PAGE_BYTES);
  for (let bits = 0; bits < PAGE_BYTES; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    table[bits] = bits & 0x8000 ? -size : size;
  }
  return table;
}

function rectify(numbers) {
  for (let i = 0; i < numbers.length; i++) if (numbers[i] < 0) numbers[i] = 0;
}

const padded = (columns) => Math.ceil(columns / PANEL) * PANEL;
const clip = (x, low, high) => Math.min(Math.max(x, low), high);
const logistic = (x) => 1 / (1 + Math.exp(-x));
