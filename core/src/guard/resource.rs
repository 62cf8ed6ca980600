//! Protected resources and their metadata (RFC 8707, RFC 9728).

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::protocol::ResourceId;

/// The well-known URI of a resource's metadata (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A protected resource: an API that takes access tokens, with an identifier that clients name in `resource` (RFC 8707 section 2) and
/// metadata that they find from it (RFC 9728).
///
/// ```
/// use gridauth::guard::Resource;
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com")
///     .store(Store::memory())
///     .resource(Resource::at("/notes").name("Notes").scopes("notes.read notes.write"))
///     .build()
///     .await?;
/// let notes = auth.resource_guard("/notes").expect("it is among the resources");
/// assert_eq!(notes.resource(), "https://id.example.com/notes");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    place: Place,
    members: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Below the issuer.
    Path(String),
    Uri(String),
}

impl Resource {
    /// The resource at this path below the issuer: `/notes`. The empty path is the issuer itself. A token for the issuer is accepted
    /// there too.
    pub fn at(path: impl Into<String>) -> Self {
        Self { place: Place::Path(path.into()), members: Map::new() }
    }

    /// The resource with this identifier: an absolute `https` URI without a fragment. A token for the issuer is accepted only if the
    /// URI is below the issuer.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { place: Place::Uri(uri.into()), members: Map::new() }
    }

    /// Its name, for users (`resource_name`).
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.member("resource_name", Value::String(name.into()))
    }

    /// The scopes that clients need there, as a space-separated list (`scopes_supported`).
    #[must_use]
    pub fn scopes(self, scopes: &str) -> Self {
        let scopes: Vec<&str> = scopes.split(' ').filter(|scope| !scope.is_empty()).collect();
        self.member("scopes_supported", json!(scopes))
    }

    /// A member of its metadata (RFC 9728 section 2), such as `resource_documentation` or `resource_name#de`.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Its identifier, for this issuer.
    pub(crate) fn identifier(&self, issuer: &str) -> String {
        match &self.place {
            Place::Path(path) => format!("{issuer}{path}"),
            Place::Uri(uri) => uri.clone(),
        }
    }

    /// Whether it is the resource that the application calls by this path or identifier.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        match &self.place {
            Place::Path(own) | Place::Uri(own) => own == name,
        }
    }

    /// Its metadata, published for this issuer.
    pub(super) fn document(&self, id: &ResourceId, issuer: &str) -> ResourceDocument {
        let mut document = Map::new();
        document.insert("resource".to_owned(), json!(id.as_str()));
        document.insert("authorization_servers".to_owned(), json!([issuer]));
        document.insert("bearer_methods_supported".to_owned(), json!(["header"]));
        for (name, value) in &self.members {
            document.insert(name.clone(), value.clone());
        }
        let path = format!("{WELL_KNOWN}{}", id.path());
        ResourceDocument {
            url: format!("{}{path}", id.origin()),
            // A query is part of the identifier, and no router looks at it.
            path: path.split('?').next().unwrap_or_default().to_owned(),
            body: Value::Object(document).to_string().into(),
        }
    }
}

/// The metadata document of a resource.
#[derive(Clone, Debug)]
pub(crate) struct ResourceDocument {
    /// Where clients find it.
    pub(crate) url: String,
    /// The path of that URL.
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

/// The audience and the metadata of a resource. A resource below the issuer takes tokens for the issuer too.
pub(super) fn protect(
    resource: &Resource,
    issuer: &str,
) -> Result<(Box<[String]>, ResourceDocument), &'static str> {
    let identifier = resource.identifier(issuer);
    let id = ResourceId::parse(&identifier)?;
    let document = resource.document(&id, issuer);
    let mut audience = vec![identifier];
    if is_below(&audience[0], issuer) {
        audience.push(issuer.to_owned());
    }
    Ok((audience.into(), document))
}

/// Whether a resource is below the issuer, and so a part of the same application.
pub(crate) fn is_below(resource: &str, issuer: &str) -> bool {
    resource.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(resource: Resource, issuer: &str) -> ResourceDocument {
        let id = ResourceId::parse(&resource.identifier(issuer)).unwrap();
        resource.document(&id, issuer)
    }

    #[test]
    fn the_document_is_where_rfc_9728_has_it() {
        let issuer = "https://id.example.com/tenant";
        for (resource, url) in [
            (Resource::at(""), "https://id.example.com/.well-known/oauth-protected-resource/tenant"),
            (
                Resource::at("/notes"),
                "https://id.example.com/.well-known/oauth-protected-resource/tenant/notes",
            ),
            (
                Resource::new("https://api.example.com"),
                "https://api.example.com/.well-known/oauth-protected-resource",
            ),
            (
                Resource::new("https://api.example.com/"),
                "https://api.example.com/.well-known/oauth-protected-resource",
            ),
        ] {
            let document = document(resource, issuer);
            assert_eq!(document.url, url);
            assert!(url.ends_with(&document.path));
        }
    }

    #[test]
    fn the_document_names_resource_issuer_and_what_the_application_says() {
        let resource = Resource::at("/notes").name("Notes").scopes("notes.read notes.write");
        let document = document(resource.member("resource_name#de", "Notizen"), "https://id.example.com");
        let document: Value = serde_json::from_slice(&document.body).unwrap();
        let expected = json!({
            "resource": "https://id.example.com/notes",
            "authorization_servers": ["https://id.example.com"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Notes",
            "resource_name#de": "Notizen",
            "scopes_supported": ["notes.read", "notes.write"],
        });
        assert_eq!(document, expected);
    }
}
