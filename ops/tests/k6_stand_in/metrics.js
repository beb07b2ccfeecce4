// What a script counts, printed when it is over.
const metrics = {};

class Metric {
  constructor(name) {
    this.values = metrics[name] = [];
  }

  add(value) {
    this.values.push(value);
  }
}

export const Counter = Metric;
export const Trend = Metric;
process.on('exit', () => console.log(JSON.stringify(metrics)));
