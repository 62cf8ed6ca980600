"""requests-oauthlib, on the clients of oauthlib. It supports neither discovery nor introspection."""

from urllib.parse import parse_qs, urlsplit

import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    LegacyApplicationClient,
    OAuth2Error,
    WebApplicationClient,
)
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from conversation import same, serve


def endpoint(site, name):
    return requests.get(f"{site.issuer}/.well-known/oauth-authorization-server").json()[f"{name}_endpoint"]


def session(site, name, kind=WebApplicationClient, **options):
    client = site.clients[name]
    pkce = "S256" if kind is WebApplicationClient else None
    inner = kind(client.client_id, scope=["notes.read"])
    return OAuth2Session(client=inner, redirect_uri=client.redirect_uri, pkce=pkce, **options)


def proof(site, name):
    """How this client authenticates in a token request: by its secret, or only by its id."""
    client = site.clients[name]
    if client.client_secret is None:
        return {"include_client_id": True}
    return {"auth": HTTPBasicAuth(client.client_id, client.client_secret)}


def by_code(site, name, allow=True, **options):
    own = session(site, name, **options)
    url, _ = own.authorization_url(endpoint(site, "authorization"))
    came_back = site.visit(url, allow)
    same(parse_qs(urlsplit(came_back).query)["iss"], [site.issuer])
    own.fetch_token(endpoint(site, "token"), authorization_response=came_back, **proof(site, name))
    return own


def whoami(site, own, **options):
    answer = own.get(f"{site.app}/whoami", **options)
    return answer.json() if answer.ok else answer.status_code


def refused(error, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except OAuth2Error as refusal:
        same(refusal.error, error)
    else:
        raise AssertionError(f"not refused: {arguments} {named}")


def authorization_code(site):
    own = by_code(site, "web")
    same(own.token.scope, "notes.read")
    who = whoami(site, own)
    same((who["username"], who["client_id"]), (site.username, "web"))


def public_client(site):
    same(whoami(site, by_code(site, "spa"))["client_id"], "spa")


def refused_consent(site):
    refused("access_denied", by_code, site, "web", allow=False)


def bad_code(site):
    own = session(site, "web")
    url, _ = own.authorization_url(endpoint(site, "authorization"))
    came_back = site.visit(url)
    named = proof(site, "web")
    refused("invalid_grant", own.fetch_token, endpoint(site, "token"), code="made-up", **named)
    other = session(site, "web")
    other.authorization_url(endpoint(site, "authorization"))
    named["authorization_response"] = came_back
    # It checks the state.
    refused("mismatching_state", other.fetch_token, endpoint(site, "token"), **named)
    code = parse_qs(urlsplit(came_back).query)["code"][0]
    refused("invalid_grant", other.fetch_token, endpoint(site, "token"), code=code, auth=named["auth"])


def refresh(site):
    seen = []
    client, token_endpoint = site.clients["poster"], endpoint(site, "token")
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    renewal = {"auto_refresh_url": token_endpoint, "auto_refresh_kwargs": secret, "token_updater": seen.append}
    own = session(site, "poster", **renewal)
    url, _ = own.authorization_url(endpoint(site, "authorization"))
    named = {"include_client_id": True, "client_secret": client.client_secret}
    first = own.fetch_token(token_endpoint, authorization_response=site.visit(url), **named)
    # The session refreshes a token that it considers expired.
    own.token = {**first, "expires_in": -1, "expires_at": 1}
    same(whoami(site, own)["username"], site.username)
    second = seen.pop()
    assert second["refresh_token"] != first["refresh_token"]
    third = own.refresh_token(token_endpoint)
    # The first token may have been stolen, so the whole grant is revoked.
    for spent in [first, third]:
        refused("invalid_grant", own.refresh_token, token_endpoint, spent["refresh_token"])
    own.token = third
    same(whoami(site, own), 401)


def client_credentials(site):
    own = session(site, "machine", BackendApplicationClient)
    own.fetch_token(endpoint(site, "token"), **proof(site, "machine"))
    same(whoami(site, own)["sub"], "machine")
    named = {"auth": HTTPBasicAuth("machine", "wrong")}
    refused("invalid_client", own.fetch_token, endpoint(site, "token"), **named)


def password(site):
    own = session(site, "demo", LegacyApplicationClient)
    named = {"username": site.username, **proof(site, "demo")}
    own.fetch_token(endpoint(site, "token"), password=site.password, **named)
    same(whoami(site, own)["username"], site.username)
    refused("invalid_grant", own.fetch_token, endpoint(site, "token"), password="wrong", **named)


def revocation(site):
    own, auth = by_code(site, "web"), proof(site, "web")["auth"]
    prepare = WebApplicationClient("web").prepare_token_revocation_request
    for hint in ["access_token", "refresh_token"]:
        same(whoami(site, own)["username"], site.username)
        url, headers, body = prepare(endpoint(site, "revocation"), own.token[hint], token_type_hint=hint)
        requests.post(url, body, headers=headers, auth=auth).raise_for_status()
        same(whoami(site, own), 401)
        if hint == "access_token":
            own.refresh_token(endpoint(site, "token"), auth=auth)
    refused("invalid_grant", own.refresh_token, endpoint(site, "token"), auth=auth)


serve(
    authorization_code,
    public_client,
    refused_consent,
    bad_code,
    refresh,
    client_credentials,
    password,
    revocation,
)
