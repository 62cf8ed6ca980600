use std::sync::Arc;

use gridauth::Client;
use gridauth::client_auth::AuthenticatedClient;

fn forged(client: Arc<Client>) -> AuthenticatedClient {
    AuthenticatedClient(client)
}

fn converted(client: Arc<Client>) -> AuthenticatedClient {
    client.into()
}

fn main() {
    let _ = (forged, converted);
}
