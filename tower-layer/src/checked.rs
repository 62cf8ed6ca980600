use gridauth::{Access, GridAuth};

/// Puts the access that `auth` gave a request where handlers find it.
pub(crate) fn keep(auth: &GridAuth, access: &Access, extensions: &mut http::Extensions) {
    extensions.insert(access.clone());
    #[cfg(feature = "axum")]
    extensions.insert(Checked { auth: auth.clone(), access: access.clone() });
    #[cfg(not(feature = "axum"))]
    let _ = auth;
}

/// An access with the server that gave it, so that an extractor behind the layer need not ask that server again, and
/// does not take the word of another.
#[cfg(feature = "axum")]
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) auth: GridAuth,
    pub(crate) access: Access,
}
