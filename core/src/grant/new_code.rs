use super::ApprovedAuthorization;
use crate::model::{CodeState, GrantRecord};
use crate::protocol::OAuthError;
use crate::token::{GrantId, NewToken, Secret, TokenKind, commitment, family_of_code, new_token_secret};

/// An authorization code, and the grant that begins with it, which is not stored yet.
pub(super) struct NewCode {
    pub(super) code: Secret,
    pub(super) record: GrantRecord,
}

impl NewCode {
    /// Makes a code for an approved request.
    pub(super) fn make(approved: &ApprovedAuthorization<'_>) -> Result<Self, OAuthError> {
        let (engine, request, now) = (approved.engine, approved.request(), approved.now());
        let secret = new_token_secret(&*engine.entropy)?;
        let family = family_of_code(&secret[..]);
        let id = GrantId::new(now, &commitment(&family[..], request.client().id()));
        let NewToken { text, digest } = NewToken::make(TokenKind::Code, id, &secret);
        let record = GrantRecord {
            id,
            grant_type: approved.grant_type.to_owned(),
            client_id: request.client().id().to_owned(),
            subject: Some(approved.user().subject().to_owned()),
            scope: approved.scope().as_scope().clone(),
            issued: now,
            authentication: Some(approved.authentication().state()),
            resources: approved.resources().into(),
            code: Some(CodeState {
                digest,
                expires: now.after(engine.code_lifetime(request.client())),
                redirect_uri: request.parameter("redirect_uri").map(str::to_owned),
                redeemed: false,
            }),
            access: Vec::new(),
            refresh: None,
            data: approved.data().clone(),
        };
        Ok(Self { code: text, record })
    }
}
