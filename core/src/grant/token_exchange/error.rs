use std::borrow::Cow;

use crate::protocol::OAuthError;

/// RFC 8693 section 2.2.2: whatever is wrong with a token, the request is.
pub(super) fn unacceptable(why: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::invalid_request(why)
}
