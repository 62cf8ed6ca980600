use gridauth::User;
use gridauth::env::Timestamp;
use gridauth::grant::{ApprovedAuthorization, AuthorizationRequest};

fn forged<'a>(request: &'a AuthorizationRequest, user: &'a User, now: Timestamp) -> ApprovedAuthorization<'a> {
    ApprovedAuthorization { request, user, now }
}

fn for_another<'a>(approved: ApprovedAuthorization<'a>, user: &'a User) -> ApprovedAuthorization<'a> {
    ApprovedAuthorization { user, ..approved }
}

fn main() {
    let _ = (forged, for_another);
}
