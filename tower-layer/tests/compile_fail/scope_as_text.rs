use gridauth_tower::Access;

async fn notes(_: Access<String>) {}

fn main() {
    let _ = notes;
}
