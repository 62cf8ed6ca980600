//! Takes requests as they were sent. Rocket by itself accepts `//private` and `/%70rivate` for `/private`, and treats
//! a form that begins with `_method=put` as a PUT. The demo behaves the same on every framework, so it undoes that.
//! Other applications need nothing of this.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Method;
use rocket::{Data, Request, uri};

pub(crate) fn fairing() -> impl Fairing {
    AsSent
}

struct AsSent;

#[rocket::async_trait]
impl Fairing for AsSent {
    fn info(&self) -> Info {
        Info { name: "requests as they were sent", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        if is_renamed(request, data).await {
            request.set_method(Method::Post);
        }
        if !has_one_spelling(request.uri().path().as_str()) {
            // No route has this path.
            request.set_uri(uri!("/-"));
        }
    }
}

fn has_one_spelling(path: &str) -> bool {
    path == "/" || !(path.contains('%') || path.contains("//") || path.ends_with('/'))
}

/// Whether Rocket took the method from the first field of a form.
async fn is_renamed(request: &Request<'_>, data: &mut Data<'_>) -> bool {
    const LONGEST: usize = "_method=options&".len();
    if request.method() == Method::Post || !request.content_type().is_some_and(|sent| sent.is_form()) {
        return false;
    }
    let begin = data.peek(LONGEST).await;
    let name = begin.strip_prefix(b"_method=").and_then(|rest| rest.split(|byte| *byte == b'&').next());
    let method = name.and_then(|name| std::str::from_utf8(name).ok()?.parse::<Method>().ok());
    method == Some(request.method())
}
