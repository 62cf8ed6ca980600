// Errors that cannot be sent to the client, and the page that makes a person wait.

import assert from 'node:assert/strict';

/** A request that is answered with an error page, not with a redirect. */
async function staysHere(scene, request, name, words) {
  const visitor = await scene.visitor();
  await visitor.go(request.url);
  assert.equal(new URL(visitor.page.url()).origin, scene.origin);
  assert.match(await visitor.words(), words);
  await visitor.look(name, { status: 400, heading: 'This link does not work' });
  assert.deepEqual(scene.client.arrivalsFor(request), []);
}

export async function unknown_client(scene) {
  await staysHere(scene, scene.client.request('nobody'), 'error-unknown-client', /no such client/);
}

export async function mismatching_redirect_uri(scene) {
  const request = scene.client.request('field-notes', { redirect_uri: `${scene.client.origin}/elsewhere` });
  await staysHere(scene, request, 'error-redirect-uri', /redirect_uri/);
}

export async function expired_form(scene) {
  const person = await scene.person('jonah');
  const visitor = await scene.visitor();
  await visitor.go(scene.client.request('field-notes').url);
  // As after a long time: the form is still open, but its cookie is gone.
  await visitor.context.clearCookies();
  await visitor.signIn(person);
  assert.match(await visitor.page.getByRole('alert').innerText(), /open for too long/);
  assert.equal(await visitor.page.getByLabel('Username').inputValue(), person.username);
  await visitor.look('sign-in-expired', { status: 403, heading: 'Sign in' });
  await visitor.signIn(person);
  assert.equal(await visitor.heading(), 'Allow access?');
}

export async function too_many_tries(scene) {
  const person = await scene.person('pharaoh');
  for (let tries = 0; tries < 20; tries += 1) {
    assert.equal(await scene.trySignIn({ ...person, password: 'let them not go' }), 400);
  }
  const visitor = await scene.visitor();
  await visitor.go(scene.client.request('field-notes').url);
  await visitor.signIn(person);
  assert.match(await visitor.page.getByRole('alert').innerText(), /too many tries\. Wait \d+ seconds/);
  assert.equal(await visitor.page.getByLabel('Username').inputValue(), person.username);
  const { description } = await visitor.accessible('#password');
  assert.match(description, /too many tries/);
  await visitor.look('sign-in-too-many-tries', { status: 429, heading: 'Sign in' });
}

export async function no_page(scene) {
  // These responses are for programs: plain text or JSON, which a browser shows as is.
  for (const [path, status] of [['/nothing/here', 404], ['/oauth/token', 405], ['/sign_up', 405]]) {
    const visitor = await scene.visitor();
    await visitor.go(`${scene.origin}${path}`);
    assert.equal(visitor.document.status(), status, path);
    const type = (await visitor.document.headerValue('content-type')) ?? '';
    assert.doesNotMatch(type, /html/, `${path} is a page: look at it`);
    assert.notEqual((await visitor.words()).trim(), '', path);
  }
}
