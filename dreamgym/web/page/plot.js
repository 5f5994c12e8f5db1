// A line that runs on: the last numbers of a series, the newest at the right.
export class Plot {
  #numbers = [];

  constructor(canvas, { length = 250, low = 0, high = 1 }) {
    this.canvas = canvas;
    this.length = length;
    this.bounds = [low, high]; // at least; larger numbers widen them
  }

  clear() {
    this.#numbers = [];
  }

  add(number) {
    this.#numbers.push(number);
    if (this.#numbers.length > this.length) this.#numbers.shift();
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const low = Math.min(this.bounds[0], ...this.#numbers);
    const high = Math.max(this.bounds[1], ...this.#numbers);
    const y = (number) => height - 3 * ratio - ((number - low) / (high - low)) * (height - 6 * ratio);
    pen.clearRect(0, 0, width, height);
    pen.lineWidth = ratio;
    pen.strokeStyle = style.getPropertyValue("--grid");
    pen.beginPath();
    pen.moveTo(0, y(0));
    pen.lineTo(width, y(0));
    pen.stroke();
    pen.lineWidth = 1.5 * ratio;
    pen.strokeStyle = style.color;
    pen.beginPath();
    this.#numbers.forEach((number, i) => {
      const x = width - ((this.#numbers.length - 1 - i) * width) / (this.length - 1);
      if (i === 0) pen.moveTo(x, y(number));
      else pen.lineTo(x, y(number));
    });
    pen.stroke();
  }
}
