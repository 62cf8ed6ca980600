//! Users in the admin API.

use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::query::Query;
use crate::model::StoredUser;
use crate::server::GridAuth;

pub(super) async fn list(auth: &GridAuth, query: &Query) -> Answer {
    let page = auth.list_users(query.page()?).await?;
    let shown = |user: &StoredUser| {
        json!({
            "username": user.username(),
            "sub": user.subject(),
            "signed_up_at": user.signed_up().as_secs(),
            "claims": Value::Object(user.claims().clone()),
        })
    };
    let users: Vec<Value> = page.items.iter().map(shown).collect();
    ok(&json!({ "users": users, "unreadable": page.unreadable, "next": page.next.map(|cursor| cursor.0) }))
}
