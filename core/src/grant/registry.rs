use std::sync::Arc;

use super::extension::OpenId;
use super::front_channel::FrontChannel;
use super::{AuthorizationSide, DEVICE_CODE, DeviceSettings, Extension, Grant, TokenSide};
use crate::endpoint::Metadata;
use crate::protocol::is_same_response_type;

/// A grant with the extensions that hook into it.
pub struct Registration {
    grant: Box<dyn Grant>,
    extensions: Vec<Arc<dyn Extension>>,
}

impl Registration {
    /// Adds an extension. Extensions run in the order in which they were added.
    #[must_use]
    pub fn with(mut self, extension: impl Extension) -> Self {
        self.extensions.push(Arc::new(extension));
        self
    }
}

impl<G: Grant> From<G> for Registration {
    fn from(grant: G) -> Self {
        let extensions = grant.extensions();
        Self { grant: Box::new(grant), extensions }
    }
}

/// What [`Builder::grant`](crate::Builder::grant) accepts: a [`Grant`], alone or [with](GrantExt::with) extensions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a grant",
    label = "does not implement `Grant`",
    note = "a `TokenSide` handles token requests, an `AuthorizationSide` authorization requests; the grant says which of them it has: `impl Grant for {Self} {{ fn token_side(&self) -> Option<&dyn TokenSide> {{ Some(self) }} }}`"
)]
pub trait IntoRegistration {
    /// The grant with its extensions.
    fn into_registration(self) -> Registration;
}

impl<G: Grant> IntoRegistration for G {
    fn into_registration(self) -> Registration {
        self.into()
    }
}

impl IntoRegistration for Registration {
    fn into_registration(self) -> Registration {
        self
    }
}

/// Adds extensions to a grant where it is registered.
///
/// ```
/// use gridauth::grant::{AuthorizationCode, Extension, GrantExt};
///
/// struct Audit;
/// impl Extension for Audit {
///     fn name(&self) -> &str {
///         "audit"
///     }
/// }
///
/// let grant = AuthorizationCode::new().with(Audit);
/// ```
pub trait GrantExt: Grant + Sized {
    /// Adds an extension after the grant's own.
    fn with(self, extension: impl Extension) -> Registration {
        Registration::from(self).with(extension)
    }
}

impl<G: Grant> GrantExt for G {}

/// A registered grant.
pub(crate) struct Registered {
    pub(crate) grant: Box<dyn Grant>,
    pub(crate) extensions: Vec<Arc<dyn Extension>>,
}

/// The registered grants.
#[derive(Default)]
pub(crate) struct Registry(Vec<Registered>);

impl Registry {
    pub(crate) fn add(&mut self, registration: Registration) {
        self.0.push(Registered { grant: registration.grant, extensions: registration.extensions });
    }

    /// Adds the response types that OpenID Connect has beside `code`. The code grant redeems their codes, so its extensions take part
    /// from the authorization request on: PKCE is one. Those without a code share the extensions of the implicit grant.
    pub(crate) fn add_response_types(&mut self, openid: &OpenId) {
        for grant in FrontChannel::all_of(openid) {
            let kin = if grant.returns_code() { "code" } else { "token" };
            let shared = self.authorization_side(kin).map(|(kin, _)| kin.extensions.clone());
            let mut registration = Registration::from(grant);
            registration.extensions.extend(shared.unwrap_or_default());
            self.add(registration);
        }
    }

    /// Keeps only the grants that `is_kept` is true of.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&dyn Grant) -> bool) {
        self.0.retain(|registered| is_kept(&*registered.grant));
    }

    /// Adds an extension to every grant.
    pub(crate) fn extend_all(&mut self, extension: &Arc<dyn Extension>) {
        for registered in &mut self.0 {
            registered.extensions.push(Arc::clone(extension));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.0.iter()
    }

    pub(crate) fn token_side(&self, grant_type: &str) -> Option<(&Registered, &dyn TokenSide)> {
        self.iter().find_map(|registered| {
            let side = registered.grant.token_side().filter(|side| side.grant_type() == grant_type)?;
            Some((registered, side))
        })
    }

    pub(crate) fn authorization_side(
        &self,
        response_type: &str,
    ) -> Option<(&Registered, &dyn AuthorizationSide)> {
        self.iter().find_map(|registered| {
            let side = registered.grant.authorization_side();
            Some((
                registered,
                side.filter(|side| is_same_response_type(side.response_type(), response_type))?,
            ))
        })
    }

    /// The settings of the device authorization endpoint, if a grant redeems device codes.
    pub(crate) fn device_settings(&self) -> Option<DeviceSettings> {
        self.token_side(DEVICE_CODE).and_then(|(registered, _)| registered.grant.device_settings())
    }

    /// Whether there are no grants.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The grant types, each once.
    pub(crate) fn grant_types(&self) -> Vec<&str> {
        let token_sides = self.token_sides().map(|side| side.grant_type());
        let mut names = Vec::new();
        for name in token_sides.chain(self.authorization_sides().flat_map(|side| side.grant_types())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Adds the grants and extensions to the server's metadata.
    pub(crate) fn describe(&self, metadata: &mut Metadata) {
        let token_sides = self.token_sides().map(|side| side.grant_type());
        let authorization_sides = self.authorization_sides().flat_map(|side| side.grant_types());
        metadata.add("grant_types_supported", token_sides.chain(authorization_sides));
        metadata.add("response_types_supported", self.authorization_sides().map(|side| side.response_type()));
        for extension in self.iter().flat_map(|registered| &registered.extensions) {
            extension.describe(metadata);
        }
    }

    pub(crate) fn token_sides(&self) -> impl Iterator<Item = &dyn TokenSide> {
        self.iter().filter_map(|registered| registered.grant.token_side())
    }

    pub(crate) fn authorization_sides(&self) -> impl Iterator<Item = &dyn AuthorizationSide> {
        self.iter().filter_map(|registered| registered.grant.authorization_side())
    }
}
