use gridauth::guard::Checked;
use gridauth::{Access, GridAuth};

/// Puts the access that `auth` gave a request where handlers find it, and with the server that gave it where extractors
/// behind the layer do.
pub(crate) fn keep(auth: &GridAuth, access: &Access, extensions: &mut http::Extensions) {
    extensions.insert(access.clone());
    extensions.insert(Checked::new(auth, Ok(access.clone())));
}
