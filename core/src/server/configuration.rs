//! Checks of a configuration when a server is built.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, EndpointPath};
use crate::grant::Registry;
use crate::grant::extension::OpenId;
use crate::guard::{ScopeDescription, is_scope_list};
use crate::model::AuthMethod;
use crate::protocol::{Issuer, is_plain_path, is_same_response_type};

/// The problems of a configuration, each with what to change.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// The value. An error is added to the problems.
    pub(super) fn take<T, E: std::fmt::Display>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(format!("{what}: {error}"))).ok()
    }

    pub(super) fn check_mount(&mut self, mount: &str) {
        if !is_plain_path(mount) {
            self.add(format!(
                "the mount path {mount:?} must be empty, or segments of letters, digits and - . _ ~, each with a leading slash"
            ));
        }
    }

    pub(super) fn check_lifetimes<'a>(&mut self, lifetimes: impl IntoIterator<Item = (&'a str, Duration)>) {
        for (name, lifetime) in lifetimes {
            if lifetime < Duration::from_secs(1) {
                self.add(format!("the lifetime of a {name} must be at least a second"));
            }
        }
    }

    pub(super) fn check_scopes(&mut self, scopes: &[ScopeDescription]) {
        for scope in scopes {
            if !is_scope_list(scope.token) {
                self.add(format!(
                    "the scope {:?} is malformed: one token, or several separated by one space each",
                    scope.token
                ));
            }
        }
    }

    /// Every side of a grant has a unique name, and accepts only client authentication methods that the server has.
    pub(super) fn check_grants(&mut self, grants: &Registry, methods: &[AuthMethod]) {
        let mut grant_types = HashSet::new();
        for side in grants.token_sides() {
            let name = side.grant_type();
            if name.is_empty() || !grant_types.insert(name) {
                self.add(format!("the grant type {name:?} is registered twice, or is empty"));
            }
            let accepted = side.client_authentication();
            self.check_methods(&format!("the grant type {name:?}"), accepted, methods);
            if name == "client_credentials" && accepted.contains(&AuthMethod::None) {
                self.add("client_credentials cannot accept the method none: anybody could get a token");
            }
        }
        let mut response_types: Vec<&str> = Vec::new();
        for side in grants.authorization_sides() {
            let name = side.response_type();
            let is_known = response_types.iter().any(|known| is_same_response_type(known, name));
            response_types.push(name);
            if name.is_empty() || is_known {
                self.add(format!("the response type {name:?} is registered twice, or is empty"));
            }
            if let Some(accepted) = side.client_authentication() {
                self.check_methods(&format!("the response type {name:?}"), accepted, methods);
            }
        }
    }

    /// Somebody has to redeem the codes of the hybrid response types.
    pub(super) fn check_hybrid(&mut self, grants: &Registry, openid: Option<&OpenId>) {
        let has_hybrid = openid.is_some_and(|openid| openid.has_hybrid);
        if has_hybrid && grants.token_side("authorization_code").is_none() {
            self.add(
                "the hybrid response types need the code grant: call .grant(AuthorizationCode::new()), or leave out .hybrid()",
            );
        }
    }

    fn check_methods(&mut self, side: &str, accepted: &[AuthMethod], methods: &[AuthMethod]) {
        if accepted.is_empty() {
            self.add(format!("{side} accepts no client authentication method"));
        }
        for method in accepted.iter().filter(|method| !methods.contains(method)) {
            self.add(format!("{side} accepts {:?}, which this server does not have", method.as_str()));
        }
    }

    /// The names of the methods are unique.
    pub(super) fn check_authentication(&mut self, methods: &[AuthMethod]) {
        let mut known = HashSet::new();
        for method in methods.iter().filter(|method| !known.insert(*method)) {
            self.add(format!("the client authentication method {:?} is registered twice", method.as_str()));
        }
    }

    /// Every endpoint has a method, and a path that routers take for what it says.
    pub(super) fn check_endpoints(&mut self, endpoints: &[Arc<dyn Endpoint>]) {
        for endpoint in endpoints {
            let path = endpoint.path();
            let is_plain = match path {
                EndpointPath::Mounted(path) | EndpointPath::Origin(path) => {
                    !path.is_empty() && is_plain_path(path)
                }
                EndpointPath::WellKnown(name) | EndpointPath::Discovery(name) => {
                    is_plain_path(&format!("/{name}"))
                }
            };
            if !is_plain {
                self.add(format!(
                    "the endpoint path {path:?} must be segments of letters, digits and - . _ ~, each with a leading slash"
                ));
            }
            if endpoint.methods().is_empty() {
                self.add(format!("the endpoint {path:?} has no HTTP method"));
            }
        }
    }

    /// No two endpoints come to the same path where they are mounted.
    pub(super) fn check_routes<'a>(&mut self, paths: impl IntoIterator<Item = &'a str>) {
        let mut known = HashSet::new();
        for path in paths {
            if !known.insert(path) {
                self.add(format!("two endpoints have the path {path:?}"));
            }
        }
    }
}

/// Logs a warning if ID tokens are asked for of users whom the server does not find.
pub(super) fn warn_of_users(has_own_session: bool, has_own_users: bool, openid: Option<&OpenId>) {
    if has_own_session && !has_own_users && openid.is_some() {
        tracing::warn!(
            "the application has sessions of its own, but no users: a code with the scope openid is refused for every user who is not in the server's store; call .users(..) with users that implement find"
        );
    }
}

/// Logs warnings about a valid configuration.
pub(super) fn warn(issuer: &Issuer, grants: &Registry) {
    if issuer.is_unprotected {
        tracing::warn!(issuer = %issuer.url, "the issuer uses plain http: tokens and passwords can be read in transit");
    }
    let mut given = HashSet::new();
    for registered in grants.iter() {
        if let Some(warning) = registered.grant.warning().filter(|warning| given.insert(*warning)) {
            tracing::warn!("{warning}");
        }
    }
}
