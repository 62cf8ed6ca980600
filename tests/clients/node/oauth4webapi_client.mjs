// oauth4webapi: each request is made, and its response is processed, by a separate call.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { serve, visit } from './conversation.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }

async function discover(site) {
  const issuer = new URL(site.issuer)
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  return oauth.processDiscoveryResponse(issuer, answer)
}

// A client of the site: its requests, each with the server, the client and its authentication filled in.
async function client(site, name, secret = site.clients[name].client_secret) {
  const server = await discover(site)
  const self = { client_id: name }
  const proof = oauth.ClientSecretBasic(secret)
  const ask = async (request, process, ...parameters) => {
    const answer = await request(server, self, proof, ...parameters, insecure)
    return process(server, self, answer)
  }
  return {
    redeem: (cameBack, state, verifier) => {
      const checked = oauth.validateAuthResponse(server, self, cameBack, state)
      const { redirect_uri } = site.clients[name]
      const process = oauth.processAuthorizationCodeResponse
      return ask(oauth.authorizationCodeGrantRequest, process, checked, redirect_uri, verifier)
    },
    refresh: (token) => ask(oauth.refreshTokenGrantRequest, oauth.processRefreshTokenResponse, token),
    alone: (scope) =>
      ask(oauth.clientCredentialsGrantRequest, oauth.processClientCredentialsResponse, { scope }),
    revoke: (token) => ask(oauth.revocationRequest, (_server, _self, answer) => oauth.processRevocationResponse(answer), token),
    introspect: (token) => ask(oauth.introspectionRequest, oauth.processIntrospectionResponse, token),
  }
}

async function authorize(site, name) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL((await discover(site)).authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: name,
    redirect_uri: site.clients[name].redirect_uri,
    scope: 'notes.read',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  return [await visit(url), state, verifier]
}

async function whoami(site, { access_token }) {
  const url = new URL(`${site.app}/whoami`)
  const answer = await oauth.protectedResourceRequest(access_token, 'GET', url, undefined, undefined, insecure)
  return answer.json()
}

const gone = { code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', status: 401 }
const badGrant = { error: 'invalid_grant', status: 400 }

async function discovery(site) {
  const server = await discover(site)
  assert.deepEqual([server.issuer, server.code_challenge_methods_supported], [site.issuer, ['S256']])
}

async function authorization_code(site) {
  const web = await client(site, 'web')
  const who = await whoami(site, await web.redeem(...(await authorize(site, 'web'))))
  assert.deepEqual(who, { sub: who.sub, username: site.username, client_id: 'web', scope: 'notes.read' })
}

async function bad_code(site) {
  const web = await client(site, 'web')
  const [cameBack, state, verifier] = await authorize(site, 'web')
  await assert.rejects(web.redeem(cameBack, state, oauth.generateRandomCodeVerifier()), badGrant)
  assert.throws(() => web.redeem(cameBack, oauth.generateRandomState(), verifier))
  cameBack.searchParams.set('iss', 'https://evil.example.com')
  assert.throws(() => web.redeem(cameBack, state, verifier))
}

async function refresh(site) {
  const web = await client(site, 'web')
  const first = await web.redeem(...(await authorize(site, 'web')))
  const second = await web.refresh(first.refresh_token)
  assert.notEqual(second.refresh_token, first.refresh_token)
  const third = await web.refresh(second.refresh_token)
  assert.equal((await whoami(site, third)).username, site.username)
  // The first token may have been stolen, so the whole grant is revoked.
  await assert.rejects(web.refresh(first.refresh_token), badGrant)
  await assert.rejects(web.refresh(third.refresh_token), badGrant)
  await assert.rejects(whoami(site, third), gone)
}

async function client_credentials(site) {
  const machine = await client(site, 'machine')
  const who = await whoami(site, await machine.alone('notes.read'))
  assert.deepEqual(who, { sub: 'machine', client_id: 'machine', scope: 'notes.read' })
  const wrong = await client(site, 'machine', 'wrong')
  await assert.rejects(wrong.alone('notes.read'), { status: 401 })
}

async function revocation(site) {
  const web = await client(site, 'web')
  const tokens = await web.redeem(...(await authorize(site, 'web')))
  await web.revoke(tokens.access_token)
  await assert.rejects(whoami(site, tokens), gone)
  await web.revoke(tokens.refresh_token)
  await assert.rejects(web.refresh(tokens.refresh_token), badGrant)
}

async function introspection(site) {
  const [web, judge] = [await client(site, 'web'), await client(site, 'resource-server')]
  const tokens = await web.redeem(...(await authorize(site, 'web')))
  const said = await judge.introspect(tokens.access_token)
  assert.deepEqual([said.active, said.username, said.client_id], [true, site.username, 'web'])
  await web.revoke(tokens.refresh_token)
  assert.deepEqual(await judge.introspect(tokens.access_token), { active: false })
}

// By discovery alone: the signature of the ID token is checked by the published keys.
async function sign_in(site) {
  const issuer = new URL(site.issuer)
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const [self, proof] = [{ client_id: 'web' }, oauth.ClientSecretBasic(site.clients.web.client_secret)]
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()]
  const { redirect_uri } = site.clients.web
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: 'web',
    redirect_uri,
    scope: 'openid email',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const checked = oauth.validateAuthResponse(server, self, await visit(url), state)
  const answer = await oauth.authorizationCodeGrantRequest(server, self, proof, checked, redirect_uri, verifier, insecure)
  const processed = { expectedNonce: nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(server, self, answer, processed)
  await oauth.validateApplicationLevelSignature(server, answer, insecure)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const user = await oauth.userInfoRequest(server, self, tokens.access_token, insecure)
  assert.equal((await oauth.processUserInfoResponse(server, self, claims.sub, user)).sub, claims.sub)
}

await serve(discovery, authorization_code, bad_code, refresh, client_credentials, revocation, introspection, sign_in)
