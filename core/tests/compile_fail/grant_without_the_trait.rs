use gridauth::grant::{Issued, TokenIssuer, TokenRequest, TokenSide};
use gridauth::model::AuthMethod;
use gridauth::protocol::OAuthError;
use gridauth::{GridAuth, Store};

struct Ticket;

#[gridauth::async_trait]
impl TokenSide for Ticket {
    fn grant_type(&self) -> &str {
        "urn:example:ticket"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &[AuthMethod::Basic]
    }

    async fn respond(&self, _: &TokenRequest<'_>, _: &TokenIssuer<'_>) -> Result<Issued, OAuthError> {
        Err(OAuthError::invalid_grant("the ticket is not valid"))
    }
}

fn main() {
    let _ = GridAuth::builder("https://id.example.com").store(Store::memory()).grant(Ticket);
}
