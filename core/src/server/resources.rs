//! The protected resources of a server: whom tokens may be for, and the guards that check it.

use std::sync::Arc;

use super::GridAuth;
use super::configuration::Problems;
use crate::endpoint::Endpoint;
use crate::endpoints::ResourceMetadata;
use crate::grant::extension::{KnownResource, Resources};
use crate::guard::{Guard, Resource, ScopeDescription, is_below};
use crate::protocol::ResourceId;

impl GridAuth {
    /// The guard of a resource of this server: by the path that [`Resource::at`] was given, or by the identifier of [`Resource::new`].
    /// `None` if the server has no such resource. The issuer's own guard is [`guard`](Self::guard).
    ///
    /// A route behind it takes tokens for that resource, and for the issuer if the resource is below it. Its challenges name the
    /// metadata of the resource (RFC 9728 section 5.1).
    pub fn resource_guard(&self, resource: &str) -> Option<&Guard> {
        self.0.resources.iter().find(|(own, _)| own.is_called(resource)).map(|(_, guard)| guard)
    }
}

/// The issuer itself as a resource: as the application describes it, or with the declared scopes.
pub(super) fn issuer_as_resource(
    issuer: &str,
    resources: &[Resource],
    scopes: &[ScopeDescription],
) -> Resource {
    let described = resources.iter().find(|resource| resource.identifier(issuer) == issuer);
    described.cloned().unwrap_or_else(|| {
        let tokens: Vec<&str> = scopes.iter().map(|scope| scope.token).collect();
        match tokens.is_empty() {
            true => Resource::at(""),
            false => Resource::at("").scopes(&tokens.join(" ")),
        }
    })
}

/// The extension that knows the resources. The issuer is the first of them.
pub(super) fn extension(issuer: &str, resources: &[Resource], problems: &mut Vec<String>) -> Arc<Resources> {
    let mut known = Vec::new();
    // What is wrong with the issuer is said elsewhere, and without repeating it: it may contain a password.
    if ResourceId::parse(issuer).is_err() {
        return Resources::new(known);
    }
    let others = resources.iter().map(|resource| resource.identifier(issuer));
    for identifier in std::iter::once(issuer.to_owned()).chain(others.filter(|other| other != issuer)) {
        match ResourceId::parse(&identifier) {
            Ok(id) if known.iter().any(|other: &KnownResource| other.id == id) => {
                problems.push(format!("the resource {identifier:?} is there twice"));
            }
            Ok(id) => {
                let is_of_issuer = identifier == issuer || is_below(&identifier, issuer);
                known.push(KnownResource { id, is_of_issuer });
            }
            Err(problem) => problems.push(format!("the resource {identifier:?}: {problem}")),
        }
    }
    Resources::new(known)
}

/// The guards of the resources, each with the resource.
pub(super) fn guards(
    guard: &Guard,
    resources: Vec<Resource>,
    problems: &mut Problems,
) -> Vec<(Resource, Guard)> {
    let made = resources.into_iter().filter_map(|resource| {
        if resource.identifier(guard.issuer()) == guard.issuer() {
            return Some((resource, guard.clone()));
        }
        let own = problems.take("a resource", guard.for_resource(&resource))?;
        Some((resource, own))
    });
    made.collect()
}

/// The endpoints with the metadata of the resources on this server's origin.
pub(super) fn documents<'a>(
    issuer: &str,
    guards: impl IntoIterator<Item = &'a Guard>,
) -> Vec<Arc<dyn Endpoint>> {
    let origin = ResourceId::parse(issuer).ok().map(|issuer| issuer.origin().to_owned());
    let mut seen = Vec::new();
    let here = guards.into_iter().filter(|guard| {
        let id = ResourceId::parse(guard.resource()).ok();
        let is_here = id.is_some_and(|id| Some(id.origin()) == origin.as_deref());
        let is_new = guard.metadata_path().is_some_and(|path| !seen.contains(&path.to_owned()));
        seen.extend(guard.metadata_path().map(str::to_owned));
        is_here && is_new
    });
    here.map(|guard| Arc::new(ResourceMetadata(guard.clone())) as Arc<dyn Endpoint>).collect()
}
