// Consent: may the client have what it asks for?

import assert from 'node:assert/strict';

const SCOPES = {
  'notes.read': 'notes.read',
  'notes.write': 'notes.write',
  profile: 'See your name and profile',
  email: 'See your email address',
  offline_access: 'Keep this access while you are away',
};

async function atConsent(scene, person, request) {
  const visitor = await scene.visitor();
  await visitor.go(request.url);
  await visitor.signIn(person);
  assert.equal(await visitor.heading(), 'Allow access?');
  return visitor;
}

/** The only response that arrived for a request. */
function arrival(scene, request) {
  const all = scene.client.arrivalsFor(request);
  assert.equal(all.length, 1, JSON.stringify(all));
  assert.equal(all[0].path, '/cb');
  assert.equal(all[0].parameters.iss, scene.origin);
  return all[0];
}

export async function consent(scene) {
  const person = await scene.person('sarah');
  const request = scene.client.request('field-notes', { scope: Object.keys(SCOPES).join(' ') });
  const visitor = await atConsent(scene, person, request);
  const words = await visitor.words();
  for (const shown of ['Field notes', person.username, scene.client.origin, ...Object.entries(SCOPES).flat()]) {
    assert.ok(words.includes(shown), `${shown} is not on the page: ${words}`);
  }
  for (const [selector, name] of [['[value=allow]', 'Allow'], ['[value=deny]', 'Deny']]) {
    const button = await visitor.accessible(selector);
    assert.deepEqual([button.role, button.name], ['button', name]);
  }
  await visitor.look('consent', { heading: 'Allow access?' });
  await visitor.page.getByText('Full address').click();
  await visitor.look('consent-full-address');
}

export async function consent_for_a_website(scene) {
  const person = await scene.person('rachel');
  const redirectUri = 'https://shop.example/signed-in/return?from=gridauth';
  const request = scene.client.request('shop', { redirect_uri: redirectUri, scope: 'openid email' });
  const visitor = await atConsent(scene, person, request);
  for (const link of ['Website', 'Privacy policy', 'Terms of service']) {
    const { name } = await visitor.accessible(`.links a:nth-of-type(${['Website', 'Privacy policy', 'Terms of service'].indexOf(link) + 1})`);
    assert.equal(name, `${link} (opens in a new tab)`);
  }
  assert.match(await visitor.words(), /https:\/\/shop\.example\n/);
  const [logo] = await visitor.page.locator('img.logo').all();
  assert.equal(await logo.evaluate((image) => image.complete && image.naturalWidth), 1, 'the logo is shown');
  await visitor.look('consent-website');
}

export async function consent_with_long_names(scene) {
  // A name of the greatest length without a space, and one that is written from right to left.
  const person = await scene.person(`مريم-${'w'.repeat(120)}`);
  const request = scene.client.request('long');
  const visitor = await scene.visitor();
  await visitor.go(request.url);
  await visitor.signIn({ ...person, password: 'wrong' });
  await visitor.look('sign-in-long-names', { status: 400 });
  await visitor.signIn(person);
  await visitor.look('consent-long-names', { heading: 'Allow access?' });
}

export async function allow(scene) {
  const person = await scene.person('rebecca');
  const request = scene.client.request('field-notes', { scope: 'notes.read' });
  const visitor = await atConsent(scene, person, request);
  await visitor.press('Allow');
  assert.equal(await visitor.heading(), 'Back at the client');
  const { method, parameters, referer } = arrival(scene, request);
  assert.deepEqual([method, referer], ['GET', undefined]);
  assert.deepEqual(Object.keys(parameters).sort(), ['code', 'iss', 'state']);
  const tokens = await scene.client.redeem(request, parameters.code);
  const { username, client_id: clientId, scope } = await scene.client.whoAmI(tokens.access_token);
  assert.deepEqual({ username, clientId, scope }, { username: person.username, clientId: 'field-notes', scope: 'notes.read' });
}

export async function deny(scene) {
  const person = await scene.person('esau');
  const request = scene.client.request('field-notes');
  const visitor = await atConsent(scene, person, request);
  await visitor.press('Deny');
  assert.equal(await visitor.heading(), 'Back at the client');
  const { parameters } = arrival(scene, request);
  assert.equal(parameters.error, 'access_denied');
  assert.equal(parameters.code, undefined);
}

export async function remembered_consent(scene) {
  const person = await scene.person('ruth');
  const first = scene.client.request('diary', { scope: 'notes.read' });
  const visitor = await atConsent(scene, person, first);
  await visitor.press('Allow');
  const again = scene.client.request('diary', { scope: 'notes.read' });
  await visitor.go(again.url);
  assert.equal(await visitor.heading(), 'Back at the client');
  assert.ok(arrival(scene, again).parameters.code);
  // The client asks for more than was allowed.
  await visitor.go(scene.client.request('diary', { scope: 'notes.read notes.write' }).url);
  assert.equal(await visitor.heading(), 'Allow access?');
  // In another browser, signing in is enough.
  const elsewhere = scene.client.request('diary', { scope: 'notes.read' });
  const other = await scene.visitor();
  await other.go(elsewhere.url);
  await other.signIn(person);
  assert.equal(await other.heading(), 'Back at the client');
  assert.ok(arrival(scene, elsewhere).parameters.code);
}
