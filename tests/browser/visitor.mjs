// A person at the browser: what they do, and what they would notice.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';

import { fit } from './fit.mjs';

/** The narrowest phones (WCAG 2.2, 1.4.10), and a common one. */
const PHONE_WIDTHS = [320, 375];
const SIZES = { usual: { standard: 16, fixed: 13 }, doubled: { standard: 32, fixed: 26 } };

export class Visitor {
  /** The problems noticed: what no page may do. */
  problems = [];
  /** The responses that pages came in, by URL. */
  documents = new Map();

  static async enter(context, stage, notes, { fetches = false } = {}) {
    const visitor = new Visitor();
    Object.assign(visitor, { context, stage, notes, fetches, page: await context.newPage() });
    visitor.devtools = await context.newCDPSession(visitor.page);
    visitor.page.setDefaultTimeout(30_000);
    visitor.watch();
    return visitor;
  }

  watch() {
    const own = [this.stage.setting.origin, this.stage.client.origin];
    this.context.on('request', (request) => {
      const { origin, pathname } = new URL(request.url());
      if (!own.includes(origin)) this.problems.push(`a request to ${request.url()}`);
      // The logo of a client is all that a page loads, from its own origin.
      const isLogo = request.resourceType() === 'image' && pathname === '/oauth/client_logo';
      const isOwnFetch = this.fetches && request.resourceType() === 'fetch';
      if (request.resourceType() !== 'document' && !isLogo && !isOwnFetch) {
        this.problems.push(`a page loaded ${request.url()} (${request.resourceType()})`);
      }
    });
    this.page.on('response', (response) => {
      if (response.request().isNavigationRequest()) {
        this.documents.set(response.url(), response);
        this.document = response;
      }
    });
    this.page.on('pageerror', (error) => this.problems.push(`an error in a page: ${error}`));
    this.page.on('console', (message) => {
      // Warnings are only noted, such as the one about autofocus when another element has the focus.
      if (message.type() === 'info') return;
      // The browser logs every document with an error status, and beside JSON, where no policy forbids it, it looks for an
      // icon. Anything else is a fault.
      const { url } = message.location();
      const missing = message.text().startsWith('Failed to load resource: the server responded with a status of ');
      const expected = this.documents.get(url)?.status() >= 400 || url === `${this.stage.setting.origin}/favicon.ico`;
      if (!missing || !expected) this.problems.push(`on the console: ${message.type()}: ${message.text()}`);
    });
  }

  async go(url) {
    await this.page.goto(url, { waitUntil: 'load' });
  }

  /** Does something that leads to another document, and waits for that document. */
  async leads(action) {
    const loaded = this.page.waitForEvent('load');
    await action();
    await loaded;
  }

  async press(name) {
    await this.leads(() => this.page.getByRole('button', { name, exact: true }).click());
  }

  async fillIn({ username, password }) {
    if (username !== undefined) await this.page.getByLabel('Username', { exact: true }).fill(username);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
  }

  async signIn(person) {
    await this.fillIn(person);
    await this.press('Sign in');
  }

  heading() {
    return this.page.getByRole('heading', { level: 1 }).innerText();
  }

  async words() {
    return this.page.locator('body').innerText();
  }

  /** The id or text of the control that has the focus. */
  focused() {
    return this.page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  }

  /** Waits until the focus is on the expected control. */
  async isFocused(expected) {
    for (let tries = 0; tries < 100 && (await this.focused()) !== expected; tries += 1) {
      await this.page.waitForTimeout(50);
    }
    assert.equal(await this.focused(), expected);
  }

  /** The properties of an element that a screen reader gets. */
  async accessible(selector) {
    const { root } = await this.devtools.send('DOM.getDocument', { depth: 0 });
    const { nodeId } = await this.devtools.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    const { nodes } = await this.devtools.send('Accessibility.getPartialAXTree', { nodeId, fetchRelatives: false });
    const [node] = nodes;
    const properties = Object.fromEntries((node.properties ?? []).map(({ name, value }) => [name, value.value]));
    return { role: node.role.value, name: node.name?.value, description: node.description?.value, ...properties };
  }

  /** Makes the checks that apply to every page, and takes screenshots if this visit is a close one. */
  async look(name, { status = 200, heading } = {}) {
    assert.equal(this.document.status(), status, `${name}: the status`);
    const own = await this.page.evaluate(() => ({
      title: document.title.trim(),
      language: document.documentElement.lang,
      headings: [...document.querySelectorAll('h1')].map((element) => element.textContent),
      mains: document.querySelectorAll('main').length,
    }));
    assert.ok(own.title, `${name}: no title`);
    assert.equal(own.language, 'en', `${name}: its language`);
    assert.equal(own.headings.length, 1, `${name}: headings ${own.headings}`);
    assert.equal(own.mains, 1, `${name}: its main part`);
    if (heading) assert.equal(own.headings[0], heading, name);
    await this.fits(name);
    if (!this.stage.setting.closely) return;
    await this.picture(name);
    await this.hasDarkScheme(name);
    await this.fitsAtDoubleTextSize(name);
    this.notes.push(...(await this.stage.accessibility.page(this.page.url(), this.document, name)));
  }

  /** Checks that nothing sticks out sideways, at this width and at the narrowest. */
  async fits(name) {
    const { phone, width, height } = this.stage.setting;
    for (const narrow of phone ? PHONE_WIDTHS : [width]) {
      await this.page.setViewportSize({ width: narrow, height });
      assert.deepEqual(await fit(this.page), [], `${name} at ${narrow} px`);
    }
    await this.page.setViewportSize({ width, height });
  }

  async picture(name, { fullPage = true } = {}) {
    const { screenshots } = this.stage.setting;
    await mkdir(screenshots, { recursive: true });
    await this.page.screenshot({ path: `${screenshots}/${name}.png`, fullPage, caret: 'initial' });
  }

  async hasDarkScheme(name) {
    const background = () => this.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const lightness = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
    const light = await background();
    await this.page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    assert.ok(lightness(light) > 0.8 && lightness(dark) < 0.2, `${name}: ${light} by day, ${dark} by night`);
    await this.picture(`${name}-dark`);
    await this.page.emulateMedia({ colorScheme: 'light' });
  }

  /** WCAG 2.2, 1.4.4: text follows the font size that the reader sets in the browser. */
  async fitsAtDoubleTextSize(name) {
    const { width, height } = this.stage.setting;
    const enlarge = async () => {
      await this.devtools.send('Page.setFontSizes', { fontSizes: SIZES.doubled });
      const size = () => getComputedStyle(document.querySelector('main p, main label')).fontSize;
      const seen = await this.page.evaluate(size);
      assert.ok(Number.parseFloat(seen) >= 28, `${name}: text of ${seen} for a reader who set twice the size`);
    };
    await enlarge();
    assert.deepEqual(await fit(this.page), [], `${name} in text of twice the size`);
    // A screenshot larger than the window would reset the size.
    for (let grown = 0; grown < 3; grown += 1) {
      const whole = await this.page.evaluate(() => document.documentElement.scrollHeight);
      await this.page.setViewportSize({ width, height: whole });
      await enlarge();
    }
    await this.picture(`${name}-large-text`, { fullPage: false });
    await this.page.setViewportSize({ width, height });
    await this.devtools.send('Page.setFontSizes', { fontSizes: SIZES.usual });
  }
}
