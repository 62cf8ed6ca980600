use gridauth::Client;
use gridauth::grant::GrantedScope;
use gridauth::protocol::Scope;

fn forged(scope: Scope) -> GrantedScope {
    GrantedScope(scope)
}

fn granted_elsewhere(client: &Client) -> Option<GrantedScope> {
    GrantedScope::grant(client, Some("admin")).ok()
}

fn main() {
    let _ = (forged, granted_elsewhere);
}
