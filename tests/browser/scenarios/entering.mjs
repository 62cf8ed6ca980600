// Signing up and signing in.

import assert from 'node:assert/strict';

export async function home(scene) {
  const visitor = await scene.visitor();
  await visitor.go(scene.origin);
  await visitor.look('home', { heading: 'gridauth demo' });
}

export async function sign_up(scene) {
  const person = { username: 'miriam', password: 'a song at the sea' };
  const visitor = await scene.visitor();
  await visitor.go(scene.origin);
  const form = visitor.page.getByRole('form', { name: 'Sign up' });
  const sendIn = async () => {
    await form.getByLabel('Username').fill(person.username);
    await form.getByLabel('Password').fill(person.password);
    await visitor.leads(() => form.getByRole('button', { name: 'Sign up' }).click());
  };
  await sendIn();
  assert.equal(visitor.document.status(), 201);
  assert.deepEqual(await visitor.document.json(), { username: person.username });
  // The name is taken.
  await visitor.go(scene.origin);
  await sendIn();
  assert.equal(visitor.document.status(), 409);
  // The password is the one of the first sign-up.
  await visitor.go(scene.client.request('field-notes').url);
  await visitor.signIn(person);
  assert.equal(await visitor.heading(), 'Allow access?');
}

export async function sign_in_at_home(scene) {
  const person = await scene.person('aaron');
  const visitor = await scene.visitor();
  await visitor.go(scene.origin);
  const form = visitor.page.getByRole('form', { name: 'Sign in' });
  await form.getByLabel('Username').fill(person.username);
  await form.getByLabel('Password').fill(person.password);
  await visitor.leads(() => form.getByRole('button', { name: 'Sign in' }).click());
  assert.equal(visitor.document.status(), 200);
  const { access_token: token } = await visitor.document.json();
  assert.equal((await scene.client.whoAmI(token)).username, person.username);
}

export async function sign_in(scene) {
  const person = await scene.person('israel');
  const visitor = await scene.visitor();
  await visitor.go(scene.client.request('field-notes').url);
  assert.match(await visitor.words(), /Field notes/);
  await visitor.isFocused('username');
  const password = await visitor.accessible('#password');
  assert.deepEqual([password.name, password.required, password.invalid], ['Password', true, 'false']);
  await visitor.look('sign-in', { heading: 'Sign in' });
  await visitor.signIn(person);
  assert.equal(await visitor.heading(), 'Allow access?');
}

export async function wrong_password(scene) {
  const person = await scene.person('jacob');
  const visitor = await scene.visitor();
  await visitor.go(scene.client.request('field-notes').url);
  await visitor.signIn({ ...person, password: 'one birthright, slightly used' });
  const message = await visitor.page.getByRole('alert').innerText();
  assert.match(message, /do not match/);
  assert.equal(await visitor.page.getByLabel('Username').inputValue(), person.username);
  assert.equal(await visitor.page.getByLabel('Password').inputValue(), '');
  await visitor.isFocused('password');
  for (const input of ['#username', '#password']) {
    const { invalid, description } = await visitor.accessible(input);
    assert.deepEqual([invalid, description], ['true', message], input);
  }
  await visitor.look('sign-in-wrong-password', { status: 400, heading: 'Sign in' });
  await visitor.signIn({ password: person.password });
  assert.equal(await visitor.heading(), 'Allow access?');
}

export async function empty_fields(scene) {
  const visitor = await scene.visitor();
  await visitor.go(scene.client.request('field-notes').url);
  const before = visitor.document;
  await visitor.page.getByRole('button', { name: 'Sign in' }).click();
  // The browser asks for the empty fields itself.
  assert.equal(await visitor.page.evaluate(() => document.querySelector(':focus:invalid')?.id), 'username');
  assert.equal(visitor.document, before);
  // If a browser does not, the server does.
  await visitor.page.evaluate(() => document.forms[0].setAttribute('novalidate', ''));
  await visitor.press('Sign in');
  assert.match(await visitor.page.getByRole('alert').innerText(), /both/);
  await visitor.isFocused('username');
  await visitor.look('sign-in-empty', { status: 400 });
}

export async function keyboard_only(scene) {
  const person = await scene.person('leah');
  const visitor = await scene.visitor();
  const { keyboard } = visitor.page;
  const request = scene.client.request('field-notes');
  await visitor.go(request.url);
  await visitor.isFocused('username');
  await keyboard.type(person.username);
  await keyboard.press('Tab');
  await keyboard.type(person.password);
  await visitor.leads(() => keyboard.press('Enter'));
  assert.equal(await visitor.heading(), 'Allow access?');

  const stops = [];
  for (let tabs = 0; tabs < 3; tabs += 1) {
    await keyboard.press('Tab');
    stops.push(await visitor.focused());
    const ring = await visitor.page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth);
    });
    assert.ok(ring >= 2, `${stops.at(-1)} does not show that it has the focus`);
    if (stops.at(-1) === 'Full address') {
      await keyboard.press('Enter');
      assert.ok(await visitor.page.getByText(scene.client.redirectUri, { exact: true }).isVisible());
    }
  }
  assert.deepEqual(stops, ['Full address', 'Allow', 'Deny']);
  await visitor.picture('consent-focus');
  await keyboard.press('Shift+Tab');
  await visitor.leads(() => keyboard.press('Enter'));
  assert.equal(await visitor.heading(), 'Back at the client');
  assert.ok(scene.client.arrivalsFor(request)[0].parameters.code);
}
