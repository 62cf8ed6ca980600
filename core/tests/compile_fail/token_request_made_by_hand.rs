use gridauth::Client;
use gridauth::grant::TokenRequest;

fn for_another<'a>(request: TokenRequest<'a>, client: &'a Client) -> TokenRequest<'a> {
    TokenRequest { client, ..request }
}

fn main() {
    let _ = for_another;
}
