//! The body of a stored row, as a damaged or foreign database may contain it: it is parsed or refused, what is parsed is
//! written back unchanged, and the server copes with it.
#![no_main]

use gridauth::Client;
use gridauth::env::Timestamp;
use gridauth::model::{Consent, GrantRecord, Session, StoredUser};
use gridauth::store::{Change, Key, Record, Row};
use gridauth::token::PresentedToken;
use gridauth_fuzz::server::{Server, run, secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let row = |body: &str| {
        Row::new(Timestamp::from_millis(1_700_000_000_000), body)
            .with_user(Some("israel"))
            .with_client(Some("web"))
            .with_scope(Some("notes.read"))
    };
    round_trip::<GrantRecord>(&row(body));
    round_trip::<Client>(&row(body));
    round_trip::<StoredUser>(&row(body));
    round_trip::<Session>(&row(body));
    round_trip::<Consent>(&row(body));

    let server = Server::new().await;
    let (access, refresh) = (secret("{access}").await, secret("{refresh}").await);
    let id = PresentedToken::parse(access).expect("a token").grant_id().to_string();
    let mut replace = |_: &Row| Change::Replace(row(body));
    let _ = server.auth.store().update(Key::new(GrantRecord::KIND, &id), &mut replace).await.expect("memory");
    let _ = server.auth.authenticate(&gridauth::http::BearerToken::new(access)).await;
    let basic = [("authorization", secret("{basic}").await)];
    let _ = server.post("/oauth/introspect", &basic, &[("token", refresh)]).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let _ = server.post("/oauth/token", &basic, &form).await;
    let _ = server.post("/oauth/revoke", &basic, &[("token", access)]).await;
}));

fn round_trip<R: Record>(row: &Row) {
    if let Ok(record) = R::from_row(row) {
        let written = record.to_row();
        assert_eq!(R::from_row(&written).expect("it was written by us").to_row(), written);
    }
}
