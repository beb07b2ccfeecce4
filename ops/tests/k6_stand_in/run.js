// Runs a script of deploy/loadtest as k6 would its scenario `per-vu-iterations`, in one process: node run.js SCRIPT {"SERVER": …}
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const script = resolve(process.argv[2]);
globalThis.__ENV = JSON.parse(process.argv[3]);
globalThis.open = (path) => readFileSync(join(dirname(script), path), 'utf-8');
globalThis.__VU = 0;
const { default: iterate, options } = await import(pathToFileURL(script));
const [scenario] = Object.values(options.scenarios);
for (let user = 1; user <= scenario.vus; user += 1) {
  globalThis.__VU = user;
  iterate();
}
