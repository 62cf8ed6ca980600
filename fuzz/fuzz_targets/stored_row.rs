//! The body of a stored row, as a damaged or foreign database may hold it: read or refused, and what is read is
//! written back as it was. Then the server meets it.
#![no_main]

use gridauth::Client;
use gridauth::env::Timestamp;
use gridauth::model::{Consent, GrantRecord, Session, StoredUser};
use gridauth::store::{Change, Key, Record, Row};
use gridauth::token::PresentedToken;
use gridauth_fuzz::world::{World, run, word};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let row = |body: &str| {
        Row::new(Timestamp::from_millis(1_700_000_000_000), body)
            .with_user(Some("israel"))
            .with_client(Some("web"))
            .with_scope(Some("notes.read"))
    };
    there_and_back::<GrantRecord>(&row(body));
    there_and_back::<Client>(&row(body));
    there_and_back::<StoredUser>(&row(body));
    there_and_back::<Session>(&row(body));
    there_and_back::<Consent>(&row(body));

    let world = World::new().await;
    let (access, refresh) = (word("{access}").await, word("{refresh}").await);
    let id = PresentedToken::parse(access).expect("it is one").grant_id().to_string();
    let mut replace = |_: &Row| Change::Replace(row(body));
    let _ = world.auth.store().update(Key::new(GrantRecord::KIND, &id), &mut replace).await.expect("memory");
    let _ = world.auth.authenticate(&gridauth::http::BearerToken::new(access)).await;
    let basic = [("authorization", word("{basic}").await)];
    let _ = world.post("/oauth/introspect", &basic, &[("token", refresh)]).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let _ = world.post("/oauth/token", &basic, &form).await;
    let _ = world.post("/oauth/revoke", &basic, &[("token", access)]).await;
}));

fn there_and_back<R: Record>(row: &Row) {
    if let Ok(record) = R::from_row(row) {
        let written = record.to_row();
        assert_eq!(R::from_row(&written).expect("it was written so").to_row(), written);
    }
}
