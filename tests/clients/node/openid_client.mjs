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
)
