use gridauth::model::{AuthMethod, ClientBuilder};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth};
use serde_json::{Map, Value};

use super::{members, take_bool, take_list, take_required, take_text};
use crate::StartError;

/// The maximum length of a secret that can be hashed, in bytes.
const MAX_SECRET: usize = 1024;

/// The maximum length of a scope that every store supports, in bytes.
const MAX_SCOPE: usize = 30_000;

const GRANT_TYPES: [&str; 6] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "password",
    "implicit",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];
const RESPONSE_TYPES: [&str; 7] =
    ["code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];

/// A client of a seed file: client metadata (RFC 7591 section 2), with a given `client_id` and `client_secret`.
#[derive(Debug)]
pub(super) struct SeedClient {
    /// The client without its secret.
    members: ClientMembers,
    /// The name of its entry for messages.
    entry: String,
    secret: Option<Secret>,
}

#[derive(Debug)]
struct ClientMembers {
    id: String,
    auth_method: AuthMethod,
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: String,
    resource_server: bool,
    first_party: bool,
    metadata: Map<String, Value>,
}

impl SeedClient {
    pub(super) fn parse(
        mut members: Map<String, Value>,
        entry: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        let id = take_required(&mut members, "client_id")?;
        let secret = take_text(&mut members, "client_secret")?.map(Secret::from);
        let auth_method = take_text(&mut members, "token_endpoint_auth_method")?;
        let auth_method = auth_method.map_or(AuthMethod::Basic, AuthMethod::from);
        check_secret(&auth_method, secret.as_ref())?;
        let resource_server = take_bool(&mut members, "gridauth_resource_server")?;
        let first_party = take_bool(&mut members, "gridauth_first_party")?;
        let scope = take_text(&mut members, "scope")?.unwrap_or_default();
        if scope.len() > MAX_SCOPE {
            return Err(format!("scope: it has at most {MAX_SCOPE} bytes"));
        }
        let mut client = ClientMembers {
            id,
            auth_method,
            resource_server,
            first_party,
            redirect_uris: take_list(&mut members, "redirect_uris")?.unwrap_or_default(),
            grant_types: take_list(&mut members, "grant_types")?,
            response_types: take_list(&mut members, "response_types")?,
            scope,
            metadata: Map::new(),
        };
        client.warn(entry, warnings);
        // It is a secret, and nothing here would hash it.
        if members.remove("registration_access_token").is_some() {
            warnings.push(format!("{entry}: registration_access_token is not kept"));
        }
        for (name, value) in members {
            match members::metadata(&name) {
                Some(member_type) if !member_type.accepts(&value) => {
                    return Err(format!("{name} must be {}", member_type.description()));
                }
                Some(_) => {}
                None => warnings.push(format!("{entry}: {name:?} is not registered with IANA: kept")),
            }
            client.metadata.insert(name, value);
        }
        client.complete(Client::public(&client.id)).check().map_err(|error| error.to_string())?;
        Ok(Self { members: client, entry: entry.to_owned(), secret })
    }

    pub(super) fn id(&self) -> &str {
        &self.members.id
    }

    pub(super) fn entry(&self) -> &str {
        &self.entry
    }

    /// The client, with its secret hashed, or ready to be sealed.
    pub(super) async fn hashed(&self, auth: &GridAuth) -> Result<Client, StartError> {
        let wrong = |error: &dyn std::error::Error| {
            StartError::cannot_start(format_args!("the client {:?} cannot be kept: {error}", self.id()))
        };
        let begun = match &self.secret {
            Some(secret) => {
                auth.confidential_client(self.id(), secret.expose()).await.map_err(|error| wrong(&error))?
            }
            None => Client::public(self.id()),
        };
        self.members.complete(begun).build().map_err(|error| wrong(&error))
    }
}

/// A public client has no secret; a client that authenticates with a secret has one.
fn check_secret(method: &AuthMethod, secret: Option<&Secret>) -> Result<(), String> {
    match (method, secret) {
        (AuthMethod::None, Some(_)) => {
            Err("client_secret: a client with the token_endpoint_auth_method none has no secret".to_owned())
        }
        (AuthMethod::Basic | AuthMethod::Post, None) => {
            Err("client_secret is missing; a public client has the token_endpoint_auth_method none"
                .to_owned())
        }
        (AuthMethod::SecretJwt, None) => Err("client_secret is missing".to_owned()),
        (_, Some(secret)) if !(1..=MAX_SECRET).contains(&secret.expose().len()) => {
            Err(format!("client_secret: it has 1 to {MAX_SECRET} bytes"))
        }
        // RFC 6749 appendix A.2. Neither Basic credentials nor a form can carry one, so the client could never
        // authenticate. Text beyond ASCII passes through both.
        (_, Some(secret)) if secret.expose().chars().any(char::is_control) => {
            Err("client_secret: it has a control character".to_owned())
        }
        _ => Ok(()),
    }
}

impl ClientMembers {
    fn complete(&self, begun: ClientBuilder) -> ClientBuilder {
        let mut client = begun
            .auth_method(self.auth_method.clone())
            .scope(&self.scope)
            .resource_server(self.resource_server)
            .first_party(self.first_party);
        if let Some(types) = &self.grant_types {
            client = client.grant_types(types);
        }
        if let Some(types) = &self.response_types {
            client = client.response_types(types);
        }
        client = self.redirect_uris.iter().fold(client, |client, uri| client.redirect_uri(uri));
        self.metadata.iter().fold(client, |client, (name, value)| client.metadata(name, value.clone()))
    }

    /// Warns about what the client cannot use on this server.
    fn warn(&self, entry: &str, warnings: &mut Vec<String>) {
        let grant_types = self.grant_types.iter().flatten();
        for grant_type in grant_types.filter(|own| !GRANT_TYPES.contains(&own.as_str())) {
            warnings.push(format!("{entry}: the server has no grant type {grant_type:?}: it cannot be used"));
        }
        let response_types = self.response_types.iter().flatten();
        let is_known = |own: &&String| RESPONSE_TYPES.iter().any(|known| words(known) == words(own));
        for response_type in response_types.filter(|own| !is_known(own)) {
            warnings.push(format!(
                "{entry}: the server has no response type {response_type:?}: it cannot be used"
            ));
        }
        if let AuthMethod::Other(method) = &self.auth_method {
            warnings.push(format!("{entry}: the server has no token_endpoint_auth_method {method:?}: the client cannot authenticate"));
        }
    }
}

/// The words of a response type in a fixed order: the order in which they are written does not matter.
fn words(response_type: &str) -> Vec<&str> {
    let mut words: Vec<&str> = response_type.split(' ').collect();
    words.sort_unstable();
    words
}
