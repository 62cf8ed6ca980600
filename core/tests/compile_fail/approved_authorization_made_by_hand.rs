use gridauth::env::Timestamp;
use gridauth::grant::{ApprovedAuthorization, AuthorizationRequest};
use gridauth::model::Authentication;

fn forged<'a>(request: &'a AuthorizationRequest, authentication: &'a Authentication, now: Timestamp) -> ApprovedAuthorization<'a> {
    ApprovedAuthorization { request, authentication, now }
}

fn for_another<'a>(approved: ApprovedAuthorization<'a>, authentication: &'a Authentication) -> ApprovedAuthorization<'a> {
    ApprovedAuthorization { authentication, ..approved }
}

fn main() {
    let _ = (forged, for_another);
}
