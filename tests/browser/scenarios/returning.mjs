// The way back to the client by a form (OAuth 2.0 Form Post Response Mode).

import assert from 'node:assert/strict';

async function posted(scene, visitor, person, request) {
  const [{ method, origin, parameters }, ...more] = scene.client.arrivalsFor(request);
  assert.deepEqual(more, []);
  assert.equal(method, 'POST');
  assert.equal(origin, scene.origin, 'the form is sent with its origin');
  assert.deepEqual(Object.keys(parameters).sort(), ['code', 'iss', 'state']);
  assert.equal(visitor.page.url(), scene.client.redirectUri, 'no parameter of the response is in the URL');
  const tokens = await scene.client.redeem(request, parameters.code);
  assert.equal((await scene.client.whoAmI(tokens.access_token)).username, person.username);
}

export async function form_post_without_script(scene) {
  const person = await scene.person('naomi');
  const request = scene.client.request('field-notes', { response_mode: 'form_post' });
  const visitor = await scene.visitor();
  await visitor.go(request.url);
  await visitor.signIn(person);
  await visitor.press('Allow');
  assert.match(await visitor.words(), /Field notes/);
  await visitor.look('form-post', { heading: 'Almost there' });
  assert.deepEqual(scene.client.arrivalsFor(request), []);
  await visitor.press('Continue');
  await posted(scene, visitor, person, request);
}

export async function form_post_with_script(scene) {
  const person = await scene.person('boaz');
  const request = scene.client.request('field-notes', { response_mode: 'form_post' });
  const visitor = await scene.visitor({ script: true });
  await visitor.go(request.url);
  await visitor.signIn(person);
  await visitor.page.getByRole('button', { name: 'Allow' }).click();
  await visitor.page.getByRole('heading', { name: 'Back at the client' }).waitFor();
  await posted(scene, visitor, person, request);
}

/** A single-page application on another origin: its script redeems the code and asks for the user (CORS, with a preflight). */
export async function redeemed_by_a_script(scene) {
  const person = await scene.person('tamar');
  const request = scene.client.request('field-notes', { scope: 'openid profile notes.read' });
  const visitor = await scene.visitor({ script: true, fetches: true });
  await visitor.go(request.url);
  await visitor.signIn(person);
  await visitor.page.getByRole('button', { name: 'Allow' }).click();
  await visitor.page.getByRole('heading', { name: 'Back at the client' }).waitFor();
  const [{ parameters }] = scene.client.arrivalsFor(request);
  const { issuer, origin, redirectUri } = scene.client;
  assert.notEqual(new URL(issuer).origin, origin);
  const seen = await visitor.page.evaluate(
    async ({ issuer, form }) => {
      const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
      const body = new URLSearchParams(form);
      const tokens = await (await fetch(metadata.token_endpoint, { method: 'POST', body })).json();
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      const user = await (await fetch(metadata.userinfo_endpoint, { headers })).json();
      const keys = await (await fetch(metadata.jwks_uri)).json();
      return { user, keys: keys.keys.length, type: tokens.token_type };
    },
    {
      issuer,
      form: {
        grant_type: 'authorization_code',
        client_id: request.clientId,
        redirect_uri: redirectUri,
        code_verifier: request.verifier,
        code: parameters.code,
      },
    },
  );
  assert.deepEqual([seen.user.preferred_username, seen.keys, seen.type], [person.username, 3, 'Bearer']);
}
