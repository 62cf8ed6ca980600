use gridauth::grant::{AuthorizationCode, GrantExt};
use gridauth::{GridAuth, Store};

struct Audit;

fn main() {
    let server = GridAuth::builder("https://id.example.com").store(Store::memory());
    let _ = server.extension(Audit).grant(AuthorizationCode::new().with(Audit));
}
