use std::fmt;

use super::party::Party;
use crate::grant::GrantedScope;
use crate::model::Client;

/// An exchange that a policy decides about. Everything else about it is valid.
pub struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) subject: &'a Party,
    pub(super) actor: Option<&'a Party>,
    pub(super) scope: &'a GrantedScope,
    pub(super) audience: &'a [String],
}

impl<'a> Exchange<'a> {
    /// The client that asks. It has authenticated, unless it is public.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// Whom the new token is about.
    pub fn subject(&self) -> &'a Party {
        self.subject
    }

    /// Who will act for the subject. `None` means impersonation: the new token does not tell the client from the subject (RFC 8693 section
    /// 1.1).
    pub fn actor(&self) -> Option<&'a Party> {
        self.actor
    }

    /// The scope of the new token.
    pub fn scope(&self) -> &'a GrantedScope {
        self.scope
    }

    /// The resources that the new token is for; empty means the issuer itself.
    pub fn audience(&self) -> &'a [String] {
        self.audience
    }

    /// Whether this is about tokens that were issued to the client, or that an issuer vouches for that is trusted: the default policy.
    pub fn is_of_own_tokens(&self) -> bool {
        let is_own = |party: &Party| party.client_id() == Some(self.client.id());
        (self.subject.issuer().is_some() || is_own(self.subject)) && self.actor.is_none_or(is_own)
    }
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("client", &self.client.id())
            .field("subject", self.subject)
            .field("actor", &self.actor)
            .field("scope", self.scope)
            .field("audience", &self.audience)
            .finish()
    }
}
