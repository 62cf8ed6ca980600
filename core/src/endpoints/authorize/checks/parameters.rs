//! No parameter is sent more than once (RFC 6749 section 3.1).

use super::draft::Draft;
use crate::http::refuse_repeated;
use crate::protocol::OAuthError;

pub(super) fn are_sent_once(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    refuse_repeated(&draft.parameters)
}
