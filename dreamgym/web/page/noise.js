// Random numbers of dreams, from a seed.
export class Noise {
  #state;

  constructor(seed = Math.floor(Math.random() * 2 ** 32)) {
    // splitmix32 spreads the seed over the generator's state.
    this.#state = Uint32Array.from({ length: 4 }, () => {
      seed = (seed + 0x9e3779b9) | 0;
      let t = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad);
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
      return t ^ (t >>> 15);
    });
  }

  // xoshiro128++: 32 random bits.
  #bits() {
    const s = this.#state;
    const result = rotated(s[0] + s[3], 7) + s[0];
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 11);
    return result >>> 0;
  }

  // n numbers in [0, 1).
  uniform(n) {
    return Float32Array.from({ length: n }, () => (this.#bits() >>> 8) / 2 ** 24);
  }

  // n Gaussian numbers, by the Box-Muller transform.
  normal(n) {
    const numbers = new Float32Array(n + (n % 2));
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((this.#bits() + 1) / 2 ** 32));
      const angle = (2 * Math.PI * this.#bits()) / 2 ** 32;
      numbers[i] = radius * Math.cos(angle);
      numbers[i + 1] = radius * Math.sin(angle);
    }
    return numbers.subarray(0, n);
  }
}

function rotated(x, bits) {
  return (x << bits) | (x >>> (32 - bits));
}
