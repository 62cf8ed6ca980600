// What a scenario runs in: the browser at one width, the users who sign up, and the remarks made on the way.

import { readFile } from 'node:fs/promises';

import { Accessibility } from './accessibility.mjs';
import { Visitor } from './visitor.mjs';

export class Stage {
  visitors = [];

  static async set(browser, setting, client, axePath) {
    const stage = new Stage();
    Object.assign(stage, { browser, setting, client });
    const axe = await readFile(axePath, 'utf8');
    stage.accessibility = await Accessibility.create(await stage.context({ javaScriptEnabled: true }), axe);
    return stage;
  }

  context(options) {
    const { phone, width, height } = this.setting;
    return this.browser.newContext({
      viewport: { width, height },
      isMobile: phone,
      hasTouch: phone,
      deviceScaleFactor: phone ? 2 : 1,
      colorScheme: 'light',
      locale: 'en-GB',
      ...options,
    });
  }

  /** The object that a scenario is called with. */
  scene(notes) {
    const { client, setting } = this;
    return {
      client,
      origin: setting.origin,
      /** A new browser profile; scripts are off by default. With `fetches`, the client's own script may send requests. */
      visitor: async ({ script = false, fetches = false } = {}) => {
        const context = await this.context({ javaScriptEnabled: script });
        const visitor = await Visitor.enter(context, this, notes, { fetches });
        this.visitors.push(visitor);
        return visitor;
      },
      /** A person who has signed up. */
      person: async (username) => {
        const person = { username, password: `correct horse of ${username}` };
        const answer = await post(`${setting.origin}/sign_up`, person);
        if (answer.status !== 201) throw new Error(`${username} could not sign up: ${answer.status}`);
        return person;
      },
      /** Tries to sign in by the application's own route; returns the status. */
      trySignIn: async (fields) => (await post(`${setting.origin}/`, fields)).status,
    };
  }

  /** Ends the scenario. Throws if a visitor noticed a problem. */
  async clear() {
    const problems = this.visitors.flatMap((visitor) => visitor.problems);
    await Promise.all(this.visitors.map((visitor) => visitor.context.close()));
    this.visitors = [];
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }
}

function post(url, fields) {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
}
