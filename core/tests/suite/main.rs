//! The server from outside, one module per subject.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/warnings.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;

mod account;
mod admin_api;
mod audit;
mod authentication;
mod authorization_details;
mod back_channel_logout;
mod client_assertions;
mod client_logo;
mod client_methods;
mod code_flow;
mod consent;
mod cors;
mod custom_endpoint;
mod custom_grant;
mod device;
mod discovery;
mod edited_clients;
mod events;
mod expiry;
mod extension_points;
mod first_party_sign_in;
mod forms;
mod front_channel;
mod grant_listings;
mod guards;
mod id_tokens;
mod jwt_access_tokens;
mod jwt_bearer;
mod languages;
mod lifetimes;
mod live_access;
mod logout;
mod lost_answers;
mod metadata;
#[cfg(feature = "metrics")]
mod metrics;
mod open_redirect;
mod openid_requests;
mod own_pages;
mod own_users;
mod provider;
mod pushed_requests;
mod put_users;
mod refresh;
mod registration;
mod remote_guard;
mod removal;
mod revocation;
mod secret_rotation;
mod secrets_at_rest;
mod self_registered;
mod sessions;
mod signed_in;
mod signed_requests;
mod signed_responses;
mod stolen_cookie;
mod subjects;
mod sweeper;
mod threat_model;
mod token_exchange;
mod token_preparation;
mod under_attack;
mod unusable_clients;
mod userinfo;
mod warnings;
