use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, EndpointPath, Metadata};
use crate::endpoints::{
    Authorize, DeviceAuthorizationEndpoint, DevicePage, Interaction, Introspect, MetadataDocument, Par,
    Revoke, Token,
};
use crate::engine::{Engine, PushedRequests};
use crate::grant::Registry;
use crate::guard::ScopeDescription;
use crate::http::{Response, method_not_allowed};
use crate::jose::Algorithm;
use crate::protocol::Issuer;

/// The mounted endpoints.
pub(super) struct Routes(Vec<Route>);

/// A path, and the endpoint that is mounted there.
pub(super) struct Route {
    pub(super) path: String,
    pub(super) endpoint: Arc<dyn Endpoint>,
}

/// The built-in endpoints that these grants need, and the grants' own endpoints.
pub(super) fn endpoints(
    grants: &Arc<Registry>,
    interaction: &Arc<Interaction>,
    pushed: Option<&PushedRequests>,
) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints: Vec<Arc<dyn Endpoint>> = Vec::new();
    if grants.authorization_sides().next().is_some() {
        let interaction = Arc::clone(interaction);
        endpoints.push(Arc::new(Authorize { grants: Arc::clone(grants), interaction }));
        if let Some(rules) = pushed {
            endpoints.push(Arc::new(Par { grants: Arc::clone(grants), rules: rules.clone() }));
        }
    }
    if grants.token_sides().next().is_some() {
        endpoints.push(Arc::new(Token { grants: Arc::clone(grants) }));
    }
    if let Some(settings) = grants.device_settings() {
        endpoints.push(Arc::new(DeviceAuthorizationEndpoint { grants: Arc::clone(grants), settings }));
        let (grants, interaction) = (Arc::clone(grants), Arc::clone(interaction));
        endpoints.push(Arc::new(DevicePage { grants, interaction }));
    }
    if !grants.is_empty() {
        endpoints.push(Arc::new(Revoke));
        endpoints.push(Arc::new(Introspect));
    }
    endpoints.extend(grants.iter().flat_map(|registered| registered.grant.endpoints()));
    endpoints
}

/// The metadata documents (RFC 8414 section 2, OpenID Connect Discovery section 3), assembled from the server, its endpoints and its
/// grants. Both have the same content. `ui_locales` are the languages of the pages; without OpenID Connect there is none to tell.
pub(super) fn metadata(
    engine: &Engine,
    grants: &Registry,
    scopes: &[ScopeDescription],
    endpoints: &[Arc<dyn Endpoint>],
    ui_locales: Option<&[String]>,
) -> Vec<MetadataDocument> {
    let mut metadata = Metadata::new();
    metadata.insert("issuer", engine.issuer());
    if !scopes.is_empty() {
        metadata.add("scopes_supported", scopes.iter().map(|scope| scope.token));
    }
    for endpoint in endpoints {
        endpoint.describe(engine, &mut metadata);
    }
    if engine.clients.takes_documents() {
        metadata.insert("client_id_metadata_document_supported", true);
    }
    grants.describe(&mut metadata);
    if let Some(ui_locales) = ui_locales {
        metadata.add("ui_locales_supported", ui_locales.iter().map(String::as_str));
    }
    if let Some(keys) = engine.keys.as_ref().filter(|_| ui_locales.is_some()) {
        let names = keys.0.algorithms().into_iter().map(Algorithm::name);
        metadata.add("id_token_signing_alg_values_supported", names);
    }
    if let Some(alias) = engine.mutual_tls.as_ref().and_then(|settings| settings.alias.as_deref()) {
        metadata.insert("mtls_endpoint_aliases", aliases(&metadata, engine.issuer(), alias));
    }
    let mut documents =
        vec![MetadataDocument::new(&metadata, EndpointPath::WellKnown("oauth-authorization-server"))];
    if ui_locales.is_some() {
        documents.push(MetadataDocument::new(&metadata, EndpointPath::Discovery("openid-configuration")));
    }
    documents
}

/// The URLs of the endpoints at which clients show a certificate, with `alias` in place of the issuer (RFC 8705 section 5).
fn aliases(metadata: &Metadata, issuer: &str, alias: &str) -> Map<String, Value> {
    const NAMES: [&str; 6] = [
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "userinfo_endpoint",
    ];
    let renamed = NAMES.into_iter().filter_map(|name| {
        let path = metadata.get(name)?.as_str()?.strip_prefix(issuer)?;
        Some((name.to_owned(), format!("{alias}{path}").into()))
    });
    renamed.collect()
}

impl Routes {
    /// Mounts endpoints below the issuer's path, and also without that path if a proxy strips it.
    pub(super) fn mount(
        endpoints: Vec<Arc<dyn Endpoint>>,
        issuer: &Issuer,
        mount: &str,
        is_stripped: bool,
    ) -> Self {
        let mut routes = Vec::new();
        for endpoint in endpoints {
            let mut lead = |path| routes.push(Route { path, endpoint: Arc::clone(&endpoint) });
            match endpoint.path() {
                EndpointPath::Mounted(path) => {
                    lead(format!("{}{mount}{path}", issuer.path));
                    if is_stripped && !issuer.path.is_empty() {
                        lead(format!("{mount}{path}"));
                    }
                }
                EndpointPath::Origin(path) => lead(path.to_owned()),
                // RFC 8414 section 3.1: the well-known part comes before the issuer's path.
                EndpointPath::WellKnown(name) => lead(format!("/.well-known/{name}{}", issuer.path)),
                EndpointPath::Discovery(name) => {
                    lead(format!("{}/.well-known/{name}", issuer.path));
                    if !issuer.path.is_empty() {
                        lead(format!("/.well-known/{name}{}", issuer.path));
                        if is_stripped {
                            lead(format!("/.well-known/{name}"));
                        }
                    }
                }
            }
        }
        Self(routes)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|route| &*route.path)
    }

    pub(super) fn find(&self, path: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.path == path)
    }
}

impl Route {
    /// The response to a method that the endpoint does not support. `GET` includes `HEAD` (RFC 9110 section 9.3.2).
    pub(super) fn refuse_method(&self, method: &Method) -> Option<Response> {
        let methods = self.endpoint.methods();
        let has_get = methods.contains(&Method::GET);
        let is_supported = methods.contains(method) || (has_get && method == Method::HEAD);
        (!is_supported).then(|| method_not_allowed(&self.methods()))
    }

    /// The names of the supported methods.
    pub(super) fn methods(&self) -> String {
        let methods = self.endpoint.methods();
        let has_get = methods.contains(&Method::GET);
        let named = methods.iter().filter(|method| !(has_get && *method == Method::HEAD));
        let names = named.map(|method| if method == Method::GET { "GET, HEAD" } else { method.as_str() });
        names.collect::<Vec<_>>().join(", ")
    }
}
