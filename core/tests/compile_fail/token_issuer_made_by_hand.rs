use gridauth::Client;
use gridauth::grant::TokenIssuer;

fn for_another<'a>(issuer: TokenIssuer<'a>, client: &'a Client) -> TokenIssuer<'a> {
    TokenIssuer { client, ..issuer }
}

fn main() {
    let _ = for_another;
}
