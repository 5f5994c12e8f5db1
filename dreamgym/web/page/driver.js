// Who drives: the keys and buttons that are held, or else the controller.

const PATIENCE = 2000; // milliseconds after the last key until the controller drives again

export class Driver {
  #held = new Map(); // from a control's number to the time at which it was pressed, in the order of pressing
  #lastHeld = -Infinity;

  constructor(description) {
    this.description = description;
    this.automatic = description.head !== null;
  }

  press(number, now) {
    this.#held.set(number, now);
    this.#lastHeld = now;
  }

  release(number, now) {
    if (this.#held.delete(number)) this.#lastHeld = now;
  }

  releaseAll(now) {
    for (const number of [...this.#held.keys()]) this.release(number, now);
  }

  isHeld(number) {
    return this.#held.has(number);
  }

  // "you" or "controller" or "nobody", at a time in milliseconds.
  who(now) {
    if (this.#held.size > 0 || now - this.#lastHeld < PATIENCE) return "you";
    return this.automatic && this.description.head !== null ? "controller" : "nobody";
  }

  // The coded action at a time.
  code(dream, now) {
    return this.who(now) === "controller" ? controllerCode(dream) : this.#heldCode();
  }

  #heldCode() {
    const { neutral, controls, low } = this.description;
    const code = Float32Array.from(neutral);
    const held = [...this.#held.keys()].map((number) => controls[number].code);
    if (low === null && held.length > 0) code.fill(0); // a Discrete action: the key that was pressed last
    for (const changes of low === null ? held.slice(-1) : held) {
      for (const [place, value] of changes) code[place] += value - (low === null ? 0 : neutral[place]);
    }
    return low === null ? code : inBounds(code, this.description);
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
