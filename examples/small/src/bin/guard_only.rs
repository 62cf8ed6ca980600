//! An API that accepts tokens that another program issues. Both open the same store; this one has a guard but no server.
//!
//! `STORE=griddb://app:secret@db1:10001/prod cargo run -p gridauth-small --bin guard_only`

use std::error::Error;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use gridauth::Store;
use gridauth::guard::{Guard, GuardError};
use gridauth_tower::{Access, GuardExt, ProvidesGuard};

gridauth::scopes! { OrdersWrite = "orders.write"; }

/// The state of the router.
#[derive(Clone)]
struct Api {
    guard: Guard,
}

impl ProvidesGuard for Api {
    fn guard(&self) -> Guard {
        self.guard.clone()
    }
}

pub(crate) fn app(store: Store) -> Result<Router, GuardError> {
    let guard = Guard::builder("https://id.example.com").store(store).build()?;
    Ok(Router::new()
        .route("/orders", get(list).post(order))
        .route("/orders/{id}", get(one))
        // All routes above require this scope; `order` also requires another one.
        .route_layer(guard.require("orders.read"))
        .route("/", get(async || "Everybody may read this."))
        .with_state(Api { guard }))
}

async fn list(access: Access) -> String {
    format!("the orders of {}, for {}", access.subject(), access.client())
}

async fn one(Path(id): Path<u32>) -> String {
    format!("order {id}")
}

async fn order(access: Access<OrdersWrite>) -> String {
    format!("{} has ordered", access.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = std::env::var("STORE").unwrap_or_else(|_| "memory:".to_owned());
    Ok(gridauth_small::serve(app(Store::open(&store).await?)?).await?)
}
