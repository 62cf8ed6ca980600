"""Authlib's session on requests, and its parser of server metadata."""

from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749 import MismatchingStateException
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from conversation import same, serve
from proxy import Proxy


def metadata(site, http=requests):
    answer = http.get(get_well_known_url(site.issuer, external=True))
    answer.raise_for_status()
    return AuthorizationServerMetadata(answer.json())


def session(site, name, found=None, **options):
    client, found = site.clients[name], found or metadata(site)
    return OAuth2Session(
        client.client_id,
        client.client_secret,
        redirect_uri=client.redirect_uri,
        code_challenge_method="S256",
        token_endpoint=found["token_endpoint"],
        authorization_endpoint=found["authorization_endpoint"],
        revocation_endpoint=found["revocation_endpoint"],
        introspection_endpoint=found["introspection_endpoint"],
        **options,
    )


def authorize(site, own, **parameters):
    """What the token request needs after the person has allowed it."""
    verifier = generate_token(48)
    endpoint = own.metadata["authorization_endpoint"]
    url, state = own.create_authorization_url(endpoint, code_verifier=verifier, **parameters)
    came_back = site.visit(url)
    same(parse_qs(urlsplit(came_back).query)["iss"], [site.issuer])
    return {"authorization_response": came_back, "state": state, "code_verifier": verifier}


def by_code(site, name, **options):
    own = session(site, name, scope="notes.read", **options)
    own.fetch_token(**authorize(site, own))
    return own


def whoami(site, own):
    answer = own.get(f"{site.app}/whoami")
    return answer.json() if answer.ok else answer.status_code


def refused(error, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except OAuthError as refusal:
        same(refusal.error, error)
    else:
        raise AssertionError(f"not refused: {arguments} {named}")


def discovery(site):
    found = metadata(site)
    found.validate()
    same(found["issuer"], site.issuer)
    same(found["code_challenge_methods_supported"], ["S256"])


def behind_a_proxy(site):
    http = requests.Session()
    http.mount(site.app, Proxy(site))
    found = metadata(site, http)
    found.validate()
    same(found["issuer"], site.issuer)
    own = session(site, "web", found, scope="notes.read")
    own.mount(site.app, Proxy(site))
    own.fetch_token(**authorize(site, own))
    same(whoami(site, own)["username"], site.username)


def authorization_code(site):
    own = by_code(site, "web")
    same(own.token["scope"], "notes.read")
    who = whoami(site, own)
    same((who["username"], who["client_id"]), (site.username, "web"))


def public_client(site):
    same(whoami(site, by_code(site, "spa"))["client_id"], "spa")


def bad_code(site):
    own = session(site, "web", scope="notes.read")
    refused("invalid_grant", own.fetch_token, code="made-up", code_verifier=generate_token(48))
    came_back = authorize(site, own)
    refused("invalid_grant", own.fetch_token, **came_back | {"code_verifier": generate_token(48)})
    came_back = authorize(site, own)
    try:
        own.fetch_token(**came_back | {"state": "another"})
    except MismatchingStateException:
        own.fetch_token(**came_back)
    else:
        raise AssertionError("the client did not check the state")


def refresh(site):
    for name in ["web", "spa-refresh"]:
        seen = []
        own = by_code(site, name, update_token=lambda token, refresh_token: seen.append(refresh_token))
        first = dict(own.token)
        # The session refreshes a token that it considers expired.
        own.token = {**first, "expires_at": 1}
        same(whoami(site, own)["username"], site.username)
        same(seen, [first["refresh_token"]])
        second = dict(own.token)
        assert second["refresh_token"] != first["refresh_token"]
        third = dict(own.refresh_token())
        # The first token may have been stolen, so the whole grant is revoked.
        for spent in [first, third]:
            refused("invalid_grant", own.refresh_token, refresh_token=spent["refresh_token"])
        own.token = third
        same(whoami(site, own), 401)


def client_credentials(site):
    for name, method in [("machine", "client_secret_basic"), ("poster", "client_secret_post")]:
        own = session(site, name, scope="notes.read", token_endpoint_auth_method=method)
        own.fetch_token()
        assert "refresh_token" not in own.token
        same(whoami(site, own)["sub"], name)
    own.client_secret = "wrong"
    refused("invalid_client", own.fetch_token)


def password(site):
    own = session(site, "demo")
    own.fetch_token(username=site.username, password=site.password)
    same(whoami(site, own)["username"], site.username)
    refused("invalid_grant", own.fetch_token, username=site.username, password="wrong")


def revocation(site):
    own = by_code(site, "web")
    endpoint = own.metadata["revocation_endpoint"]
    own.revoke_token(endpoint, own.token["access_token"], "access_token").raise_for_status()
    same(whoami(site, own), 401)
    own.refresh_token()
    same(whoami(site, own)["username"], site.username)
    own.revoke_token(endpoint, own.token["refresh_token"], "refresh_token").raise_for_status()
    same(whoami(site, own), 401)
    refused("invalid_grant", own.refresh_token)


def introspection(site):
    own, judge = by_code(site, "web"), session(site, "resource-server")
    endpoint, token = judge.metadata["introspection_endpoint"], own.token["access_token"]
    said = judge.introspect_token(endpoint, token, "access_token").json()
    same((said["active"], said["username"], said["client_id"]), (True, site.username, "web"))
    own.revoke_token(own.metadata["revocation_endpoint"], token).raise_for_status()
    same(judge.introspect_token(endpoint, token).json(), {"active": False})


def sign_in(site):
    """By discovery alone, with the client that Authlib's integrations of web frameworks are built on."""
    url = f"{site.issuer}/.well-known/openid-configuration"
    found = requests.get(url)
    found.raise_for_status()
    found = found.json()
    own = session(site, "web", found, scope="openid profile")
    nonce = generate_token(20)
    own.fetch_token(**authorize(site, own, nonce=nonce))
    keys = KeySet.import_key_set(requests.get(found["jwks_uri"]).json())
    token = jwt.decode(own.token["id_token"], keys, algorithms=found["id_token_signing_alg_values_supported"])
    params = {"nonce": nonce, "client_id": "web", "access_token": own.token["access_token"]}
    claims = CodeIDToken(token.claims, token.header, {"iss": {"value": site.issuer}, "aud": {"value": "web"}}, params)
    claims.validate()
    user = own.get(found["userinfo_endpoint"]).json()
    same((user["sub"], user["preferred_username"]), (claims["sub"], site.username))


serve(
    discovery,
    behind_a_proxy,
    authorization_code,
    public_client,
    bad_code,
    refresh,
    client_credentials,
    password,
    revocation,
    introspection,
    sign_in,
)
