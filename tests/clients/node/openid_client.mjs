// openid-client, configured for OAuth 2 without OpenID Connect.

import assert from 'node:assert/strict'
import * as openid from 'openid-client'
import { serve, visit } from './conversation.mjs'

const notes = { scope: 'notes.read' }

function config(site, name, proof = openid.ClientSecretBasic, options = {}) {
  const { client_id, client_secret } = site.clients[name]
  const authentication = client_secret === null ? openid.None() : proof(client_secret)
  const all = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests], ...options }
  return openid.discovery(new URL(site.issuer), client_id, undefined, authentication, all)
}

// Sends the person to the server; returns the URL at which they come back, and what the client checks.
async function authorize(site, own, name, allow = true) {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier()
  const expectedState = openid.randomState()
  const url = openid.buildAuthorizationUrl(own, {
    ...notes,
    redirect_uri: site.clients[name].redirect_uri,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
  })
  return { cameBack: await visit(url, allow), checks: { pkceCodeVerifier, expectedState } }
}

async function byCode(site, own, name) {
  const { cameBack, checks } = await authorize(site, own, name)
  return openid.authorizationCodeGrant(own, cameBack, checks)
}

async function whoami(site, own, tokens) {
  const url = new URL(`${site.app}/whoami`)
  const answer = await openid.fetchProtectedResource(own, tokens.access_token, url, 'GET')
  assert.equal(answer.status, 200)
  return answer.json()
}

// The token is refused, which the client reads from the challenge.
async function rejected(site, own, tokens) {
  await assert.rejects(whoami(site, own, tokens), (error) => {
    const [challenge] = error.cause
    assert.deepEqual([error.status, challenge.scheme], [401, 'bearer'])
    return challenge.parameters.error === 'invalid_token'
  })
}

async function discovery(site) {
  const found = (await config(site, 'web')).serverMetadata()
  assert.equal(found.issuer, site.issuer)
  assert.ok(found.supportsPKCE('S256'))
  assert.equal(found.authorization_response_iss_parameter_supported, true)
}

async function behind_a_proxy(site) {
  const inside = (url, options) => fetch(url.toString().replace(site.app, site.address), options)
  const own = await config(site, 'web', openid.ClientSecretBasic, { execute: [], [openid.customFetch]: inside })
  assert.equal(own.serverMetadata().issuer, site.issuer)
  assert.equal((await whoami(site, own, await byCode(site, own, 'web'))).username, site.username)
}

async function authorization_code(site) {
  const own = await config(site, 'web')
  const tokens = await byCode(site, own, 'web')
  assert.deepEqual([tokens.scope, tokens.token_type], ['notes.read', 'bearer'])
  assert.ok(tokens.expiresIn() > 0)
  const who = await whoami(site, own, tokens)
  assert.deepEqual([who.username, who.client_id], [site.username, 'web'])
}

async function public_client(site) {
  const own = await config(site, 'spa')
  assert.equal((await whoami(site, own, await byCode(site, own, 'spa'))).client_id, 'spa')
}

async function refused_consent(site) {
  const own = await config(site, 'web')
  const { cameBack, checks } = await authorize(site, own, 'web', false)
  await assert.rejects(openid.authorizationCodeGrant(own, cameBack, checks), { error: 'access_denied' })
}

async function bad_code(site) {
  const own = await config(site, 'web')
  const { cameBack, checks } = await authorize(site, own, 'web')
  const changed = (name, value) => {
    const url = new URL(cameBack)
    url.searchParams.set(name, value)
    return openid.authorizationCodeGrant(own, url, checks)
  }
  await assert.rejects(changed('code', 'made-up'), { error: 'invalid_grant', status: 400 })
  // It checks that the response belongs to its request and comes from this server.
  await assert.rejects(changed('state', 'another'), { code: 'OAUTH_INVALID_RESPONSE' })
  await assert.rejects(changed('iss', 'https://evil.example.com'), { code: 'OAUTH_INVALID_RESPONSE' })
  const other = { ...checks, pkceCodeVerifier: openid.randomPKCECodeVerifier() }
  await assert.rejects(openid.authorizationCodeGrant(own, cameBack, other), { error: 'invalid_grant' })
}

async function refresh(site) {
  for (const name of ['web', 'spa-refresh']) {
    const own = await config(site, name)
    const first = await byCode(site, own, name)
    const second = await openid.refreshTokenGrant(own, first.refresh_token)
    assert.notEqual(second.refresh_token, first.refresh_token)
    assert.equal((await whoami(site, own, second)).username, site.username)
    const third = await openid.refreshTokenGrant(own, second.refresh_token)
    // The first token may have been stolen, so the whole grant is revoked.
    for (const { refresh_token } of [first, third]) {
      await assert.rejects(openid.refreshTokenGrant(own, refresh_token), { error: 'invalid_grant' })
    }
    await rejected(site, own, third)
  }
}

async function client_credentials(site) {
  for (const [name, proof] of [['machine', openid.ClientSecretBasic], ['poster', openid.ClientSecretPost]]) {
    const own = await config(site, name, proof)
    const tokens = await openid.clientCredentialsGrant(own, notes)
    assert.equal(tokens.refresh_token, undefined)
    assert.equal((await whoami(site, own, tokens)).sub, name)
  }
  const wrong = await config(site, 'machine', () => openid.ClientSecretBasic('wrong'))
  await assert.rejects(openid.clientCredentialsGrant(wrong, notes), { status: 401 })
}

async function encoded_credentials(site) {
  const name = 'od:d cli%ent+'
  const own = await config(site, name)
  assert.equal((await whoami(site, own, await openid.clientCredentialsGrant(own))).sub, name)
}

async function password(site) {
  const own = await config(site, 'demo')
  const ask = (password) => openid.genericGrantRequest(own, 'password', { username: site.username, password })
  assert.equal((await whoami(site, own, await ask(site.password))).username, site.username)
  await assert.rejects(ask('wrong'), { error: 'invalid_grant' })
}

async function revocation(site) {
  const own = await config(site, 'web')
  const first = await byCode(site, own, 'web')
  await openid.tokenRevocation(own, first.access_token, { token_type_hint: 'access_token' })
  await rejected(site, own, first)
  const second = await openid.refreshTokenGrant(own, first.refresh_token)
  await openid.tokenRevocation(own, second.refresh_token, { token_type_hint: 'refresh_token' })
  await rejected(site, own, second)
  await assert.rejects(openid.refreshTokenGrant(own, second.refresh_token), { error: 'invalid_grant' })
}

// By discovery alone: the ID token is checked by the published keys, and UserInfo is about the same user.
async function sign_in(site) {
  const own = await config(site, 'web', openid.ClientSecretBasic, { algorithm: 'oidc' })
  const checks = {
    pkceCodeVerifier: openid.randomPKCECodeVerifier(),
    expectedState: openid.randomState(),
    expectedNonce: openid.randomNonce(),
    maxAge: 60,
  }
  const url = openid.buildAuthorizationUrl(own, {
    scope: 'openid profile email',
    redirect_uri: site.clients.web.redirect_uri,
    code_challenge: await openid.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: '60',
  })
  const tokens = await openid.authorizationCodeGrant(own, await visit(url), checks)
  const claims = tokens.claims()
  assert.deepEqual([claims.iss, claims.aud, claims.amr], [site.issuer, 'web', ['pwd']])
  const user = await openid.fetchUserInfo(own, tokens.access_token, claims.sub)
  assert.equal(user.preferred_username, site.username)
  const again = await openid.refreshTokenGrant(own, tokens.refresh_token)
  assert.deepEqual([again.claims().sub, again.claims().auth_time], [claims.sub, claims.auth_time])
}

// RFC 9701: the answer is a token that the client checks.
async function signed_introspection(site) {
  const own = await config(site, 'web', openid.ClientSecretBasic, { algorithm: 'oidc' })
  openid.enableNonRepudiationChecks(own)
  const judge = await config(site, 'resource-server')
  const tokens = await byCode(site, own, 'web')
  const headers = { accept: 'application/token-introspection+jwt' }
  const answer = await fetch(judge.serverMetadata().introspection_endpoint, {
    method: 'POST',
    headers: { ...headers, authorization: `Basic ${btoa(`resource-server:${site.clients['resource-server'].client_secret}`)}` },
    body: new URLSearchParams({ token: tokens.access_token }),
  })
  assert.equal(answer.headers.get('content-type'), headers.accept)
  const [header, payload] = (await answer.text()).split('.').map((part) => Buffer.from(part, 'base64url'))
  assert.equal(JSON.parse(header).typ, 'token-introspection+jwt')
  const said = JSON.parse(payload)
  assert.deepEqual([said.iss, said.aud], [site.issuer, 'resource-server'])
  assert.equal(said.token_introspection.username, site.username)
}

// The key of the client `web`; its public part is in the seed. It is for these tests alone.
const testKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'gQwrgIcEFtqL-mJeOf098sJJvJUHf96-107WoFx9A88',
  y: 'PG1c-uUfmr5vNbazP9n6hiaCbxllHA4FMiKpFVHjiAU',
  d: 'cJlq-mwgibUu0GyrSXojApqy1eYK6DTm3P62ltMgSKI',
}

async function signingKey() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return { key: await crypto.subtle.importKey('jwk', testKey, algorithm, false, ['sign']), kid: 'test-key' }
}

async function codeParameters(site, own) {
  const checks = { pkceCodeVerifier: openid.randomPKCECodeVerifier(), expectedState: openid.randomState() }
  const parameters = {
    ...notes,
    redirect_uri: site.clients.web.redirect_uri,
    code_challenge: await openid.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
  }
  return { parameters, checks }
}

async function redeems(site, own, url, checks) {
  const tokens = await openid.authorizationCodeGrant(own, await visit(url), checks)
  assert.equal((await whoami(site, own, tokens)).username, site.username)
}

// RFC 9126.
async function pushed_request(site) {
  const own = await config(site, 'web')
  const { parameters, checks } = await codeParameters(site, own)
  const url = await openid.buildAuthorizationUrlWithPAR(own, parameters)
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  await redeems(site, own, url, checks)
  const bad = { ...parameters, scope: 'nothing' }
  await assert.rejects(openid.buildAuthorizationUrlWithPAR(own, bad), { error: 'invalid_scope', status: 400 })
}

// RFC 9101.
async function signed_request(site) {
  const own = await config(site, 'web')
  const { parameters, checks } = await codeParameters(site, own)
  const url = await openid.buildAuthorizationUrlWithJAR(own, parameters, await signingKey())
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request'])
  await redeems(site, own, url, checks)
}

// JARM: it checks the signature by the published keys.
async function signed_response(site) {
  const own = await config(site, 'web')
  openid.useJwtResponseMode(own)
  const { parameters, checks } = await codeParameters(site, own)
  await redeems(site, own, openid.buildAuthorizationUrl(own, parameters), checks)
  const refused = await visit(openid.buildAuthorizationUrl(own, { ...parameters, scope: 'nothing' }))
  await assert.rejects(openid.authorizationCodeGrant(own, refused, checks), { error: 'invalid_scope' })
}

async function all_three(site) {
  const own = await config(site, 'web')
  openid.useJwtResponseMode(own)
  const { parameters, checks } = await codeParameters(site, own)
  const signed = await openid.buildAuthorizationUrlWithJAR(own, parameters, await signingKey())
  const url = await openid.buildAuthorizationUrlWithPAR(own, signed.searchParams)
  await redeems(site, own, url, checks)
}

async function introspection(site) {
  const [own, judge] = [await config(site, 'web'), await config(site, 'resource-server')]
  const tokens = await byCode(site, own, 'web')
  const said = await openid.tokenIntrospection(judge, tokens.access_token)
  assert.deepEqual([said.active, said.username, said.iss], [true, site.username, site.issuer])
  await openid.tokenRevocation(own, tokens.access_token)
  assert.deepEqual(await openid.tokenIntrospection(judge, tokens.access_token), { active: false })
}

await serve(
  discovery,
  behind_a_proxy,
  authorization_code,
  public_client,
  refused_consent,
  bad_code,
  refresh,
  client_credentials,
  encoded_credentials,
  password,
  revocation,
  introspection,
  sign_in,
  signed_introspection,
  pushed_request,
  signed_request,
  signed_response,
  all_three,
)
