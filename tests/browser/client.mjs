// The OAuth client that the browser comes from and is sent back to: a real HTTP server on the loopback interface.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const PAGE = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>The client</title><h1>Back at the client</h1>`;

const random = () => randomBytes(24).toString('base64url');

export class Client {
  /** The responses that reached the redirect URI, in order. */
  arrivals = [];

  static async start(issuer) {
    const client = new Client();
    client.issuer = issuer;
    client.server = createServer((request, response) => client.answer(request, response));
    await new Promise((listening) => client.server.listen(0, '127.0.0.1', listening));
    client.origin = `http://127.0.0.1:${client.server.address().port}`;
    client.redirectUri = `${client.origin}/cb`;
    return client;
  }

  async answer(request, response) {
    const url = new URL(request.url, this.origin);
    const body = request.method === 'POST' ? await text(request) : '';
    this.arrivals.push({
      method: request.method,
      path: url.pathname,
      parameters: Object.fromEntries(request.method === 'POST' ? new URLSearchParams(body) : url.searchParams),
      origin: request.headers.origin,
      referer: request.headers.referer,
    });
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(PAGE);
  }

  /** A new authorization request: its URL, and what the client keeps of it. */
  request(clientId, parameters = {}) {
    const [state, verifier] = [random(), random() + random()];
    const query = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...parameters,
    });
    return { clientId, state, verifier, url: `${this.issuer}/oauth/authorize?${query}` };
  }

  /** The responses that arrived for this request. */
  arrivalsFor({ state }) {
    return this.arrivals.filter(({ parameters }) => parameters.state === state);
  }

  /** Redeems the code at the token endpoint (RFC 6749 section 4.1.3). */
  async redeem({ clientId, verifier }, code) {
    const answer = await fetch(`${this.issuer}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        redirect_uri: this.redirectUri,
        code_verifier: verifier,
        code,
      }),
    });
    return answer.json();
  }

  /** The user of a token, according to the application's guarded route. */
  async whoAmI(accessToken) {
    const answer = await fetch(`${this.issuer}/whoami`, { headers: { authorization: `Bearer ${accessToken}` } });
    return answer.json();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}
