use gridauth::Client;
use gridauth::grant::ValidatedRedirect;

fn forged(uri: String) -> ValidatedRedirect {
    ValidatedRedirect(uri)
}

fn checked_elsewhere(client: &Client) -> Option<ValidatedRedirect> {
    ValidatedRedirect::of(client, Some("https://attacker.example/cb"))
}

fn main() {
    let _ = (forged, checked_elsewhere);
}
