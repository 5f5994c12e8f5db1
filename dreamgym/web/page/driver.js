// Who drives: the keys and buttons that are held, or else the controller.

const PATIENCE = 2000; // milliseconds after the last key until the controller drives again
const REACH = 0.12; // seconds of the game in which a key moves a number over its whole range

export class Driver {
  #held = new Set(); // keys, in the order of pressing
  #lastHeld = -Infinity;

  constructor(description) {
    this.description = description;
    this.automatic = description.head !== null;
    this.reset();
  }

  // Lets go of what keys moved, at the beginning of a dream.
  reset() {
    this.code = Float32Array.from(this.description.neutral);
  }

  press(key, now) {
    this.#held.add(key);
    this.#lastHeld = now;
  }

  release(key, now) {
    if (this.#held.delete(key)) this.#lastHeld = now;
  }

  isHeld(key) {
    return this.#held.has(key);
  }

  // "you" or "controller" or "nobody", at a time in milliseconds.
  who(now) {
    if (this.#held.size > 0 || now - this.#lastHeld < PATIENCE) return "you";
    return this.automatic && this.description.head !== null ? "controller" : "nobody";
  }

  // The coded action of the dream's next step.
  next(dream, now) {
    this.code = this.who(now) === "controller" ? controllerCode(dream) : this.#handCode();
    return this.code;
  }

  #handCode() {
    const { controls, neutral, low, high, fps } = this.description;
    const active = controls.filter(({ keys }) => keys.every((key) => this.#held.has(key)));
    const target = Float32Array.from(neutral);
    if (low === null) {
      for (const [place, value] of this.#largest(active)?.code ?? []) target[place] = value;
      return target;
    }
    for (const { code } of active) for (const [place, value] of code) target[place] += value - neutral[place];
    return inBounds(
      target.map((value, i) => {
        const furthest = (high[i] - low[i]) / (REACH * fps);
        return this.code[i] + Math.min(Math.max(value - this.code[i], -furthest), furthest);
      }),
      this.description,
    );
  }

  // Of several combinations of keys the one with the most keys, and then the one whose key was pressed last.
  #largest(active) {
    const order = [...this.#held];
    const rank = ({ keys }) => keys.length * order.length + Math.max(...keys.map((key) => order.indexOf(key)));
    return active.reduce((best, control) => (best === undefined || rank(control) > rank(best) ? control : best), undefined);
  }
}

// The controller's coded action.
export function controllerCode(dream) {
  const { head, low } = dream.description;
  const code = Float32Array.from(operated(head, dream.controllerOutputs()));
  return low === null ? code : inBounds(code, dream.description);
}

function inBounds(code, { low, high, whole }) {
  return code.map((value, i) => Math.min(Math.max(whole ? evenRound(value) : value, low[i]), high[i]));
}

// As NumPy rounds: a half goes to the even number.
function evenRound(x) {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const UNARY = { tanh: Math.tanh, exp: Math.exp, sqrt: Math.sqrt, abs: Math.abs, negative: (a) => -a };
const BINARY = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  equal: (a, b) => Number(a === b),
  greater: (a, b) => Number(a > b),
  less: (a, b) => Number(a < b),
  where: (a, b, c) => (a ? b : c),
};

// The result of an action head's operations, see dreamgym/policies/traced.py. Every value is an array of numbers.
export function operated(operations, outputs) {
  const results = [];
  for (const { name, inputs, values } of operations) {
    const read = inputs.map((index) => results[index]);
    results.push(operation(name, read, values, outputs));
  }
  return results[results.length - 1];
}

function operation(name, inputs, values, outputs) {
  if (name === "input") return Array.from(outputs);
  if (name === "constant") return values;
  if (name === "slice") return inputs[0].slice(...values);
  if (name === "concatenate") return inputs.flat();
  if (name === "argmax") return [inputs[0].indexOf(Math.max(...inputs[0]))];
  if (name in UNARY) return inputs[0].map((x) => UNARY[name](x));
  const length = Math.max(...inputs.map((input) => input.length));
  return Array.from({ length }, (_, i) => BINARY[name](...inputs.map((input) => input[input.length === 1 ? 0 : i])));
}
