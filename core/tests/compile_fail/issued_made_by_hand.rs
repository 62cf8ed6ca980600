use gridauth::grant::{Issued, TokenResponse};
use gridauth::model::GrantRecord;

fn forged(record: GrantRecord, response: TokenResponse) -> Issued {
    Issued { record, response }
}

fn main() {
    let _ = forged;
}
