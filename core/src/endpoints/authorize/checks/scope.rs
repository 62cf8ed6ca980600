//! The scope (RFC 6749 section 3.3).

use super::draft::Draft;
use crate::grant::GrantedScope;
use crate::protocol::OAuthError;

pub(super) fn is_granted(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    draft.scope = Some(GrantedScope::grant(&draft.client, draft.parameters.get("scope"))?);
    Ok(())
}
