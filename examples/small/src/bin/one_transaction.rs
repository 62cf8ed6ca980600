//! A sign-up that also writes a row of the application: both, or neither. SQLite here; PostgreSQL works the same way.

use std::error::Error;

use axum::extract::{Form, Request, State};
use axum::http::StatusCode;
use axum::{Router, extract::FromRequest, routing::post};
use gridauth::identity::{PasswordPolicy, SignUpError};
use gridauth::token::Secret;
use gridauth::{GridAuth, Store, grant::ClientCredentials};
use gridauth_sqlx::sqlx::{self, SqlitePool, sqlite::SqliteConnectOptions, sqlite::SqliteJournalMode};
use gridauth_sqlx::{SqlStore, Within};
use gridauth_tower::GridAuthExt;

#[derive(Clone)]
struct Shop {
    auth: GridAuth,
    pool: SqlitePool,
}

const BROKEN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

async fn sign_up(State(shop): State<Shop>, request: Request) -> Result<StatusCode, StatusCode> {
    let (head, body) = request.into_parts();
    let head = axum::http::Request::from_parts(head, ());
    let form = Request::from_parts(head.clone().into_parts().0, body);
    let Form(form) =
        Form::<Vec<(String, String)>>::from_request(form, &()).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str());
    let password = Secret::from(field("password"));

    let begun = shop.pool.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(|_| BROKEN)?;
    let sign_up = shop.auth.sign_up(&head, field("username"), &password);
    let signed_up = shop.auth.within(&mut transaction, sign_up).await.map_err(|_| BROKEN)?;
    // An error leaves here and drops the transaction, which rolls back.
    let signed_up = signed_up.transpose().map_err(|error| match error {
        SignUpError::Taken => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    })?;
    sqlx::query("INSERT INTO profiles (subject, email) VALUES (?, ?)")
        .bind(signed_up.value().subject().to_owned())
        .bind(field("email"))
        .execute(&mut *transaction)
        .await
        .map_err(|_| StatusCode::CONFLICT)?;
    transaction.commit().await.map_err(|_| BROKEN)?;
    // Now the user exists, and whoever listens to events hears of it.
    signed_up.committed();
    Ok(StatusCode::CREATED)
}

pub(crate) async fn app(path: &str) -> Result<Router, Box<dyn Error>> {
    let file = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePool::connect_with(file.journal_mode(SqliteJournalMode::Wal)).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS profiles (subject TEXT PRIMARY KEY, email TEXT UNIQUE NOT NULL)")
        .execute(&pool)
        .await?;
    let auth = GridAuth::builder("http://127.0.0.1:8080")
        .store(Store::new(SqlStore::from_pool(pool.clone()).await?))
        .password_policy(PasswordPolicy::default().min_characters(8))
        .grant(ClientCredentials::new())
        .build()
        .await?;
    let routes = auth.routes();
    let shop = Router::new().route("/sign_up", post(sign_up)).with_state(Shop { auth, pool });
    Ok(shop.merge(routes))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app("shop.db").await?).await?)
}
