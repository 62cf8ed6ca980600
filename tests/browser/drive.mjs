// Drives chromium through the pages of one demo application at one width. What to drive comes as one JSON object on
// standard input, see `run.rs`; the outcome of each scenario goes to standard output, one JSON object per line.

import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

import { Client } from './client.mjs';
import { scenarios } from './scenarios.mjs';
import { Stage } from './stage.mjs';

const PATIENCE_MS = 15 * 60 * 1000;
// Nothing outlives this process: when it exits, playwright also ends the browser.
setTimeout(() => process.exit(3), PATIENCE_MS).unref();

const setting = JSON.parse(await text(process.stdin));
// The modules are elsewhere: nothing is installed inside the repository.
const require = createRequire(`${setting.modules}/`);
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
  executablePath: setting.chromium,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // A page that requests another origin is reported, and the request does not leave the machine.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
});
const client = await Client.start(setting.origin);
const stage = await Stage.set(browser, setting, client, require.resolve('axe-core/axe.min.js'));

for (const [name, scenario] of Object.entries(scenarios)) {
  const outcome = { scenario: name, ok: true, notes: [], error: '' };
  try {
    await scenario(stage.scene(outcome.notes));
  } catch (error) {
    outcome.ok = false;
    outcome.error = String(error?.stack ?? error);
  }
  try {
    await stage.clear();
  } catch (error) {
    outcome.ok = false;
    outcome.error += `\n${error.message}`;
  }
  console.log(JSON.stringify(outcome));
}

await browser.close();
await client.stop();
