//! The checks of the grant's extensions.

use super::draft::ValidRequest;
use crate::protocol::OAuthError;

pub(super) fn agree(valid: &mut ValidRequest<'_>) -> Result<(), OAuthError> {
    let ValidRequest { request, extensions, plan, .. } = valid;
    extensions.iter().try_for_each(|extension| extension.check_authorization(request, plan))
}
