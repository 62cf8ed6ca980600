use gridauth_tower::Access;

#[derive(Clone)]
struct AppState;

#[axum::debug_handler(state = AppState)]
async fn notes(_: Access) {}

fn main() {
    let _ = notes;
}
