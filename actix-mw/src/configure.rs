use actix_web::HttpRequest;
use actix_web::guard::fn_guard;
use actix_web::web::{self, ServiceConfig};
use gridauth::GridAuth;
use gridauth::guard::Requirement;

use crate::convert::Head;
use crate::request::read;
use crate::{Answer, GuardExt, Require, SignInRequired};

/// Adds route configuration and middleware to [`GridAuth`].
pub trait GridAuthExt {
    /// Mounts every endpoint, and makes the server known to [`Access`](crate::Access) and as `web::Data<GridAuth>`: for
    /// `App::configure`, and for `Scope::configure` where the issuer has the scope's path.
    fn configure(&self) -> impl FnOnce(&mut ServiceConfig) + Clone + use<Self>;

    /// A guard for `.wrap(..)`. It accepts requests whose token has every scope of this space-separated list; with an empty list
    /// it accepts every valid token.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`](gridauth::Guard::check_scope) says why.
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> Require;

    /// A guard for `.wrap(..)` that accepts requests of browsers in which a user is signed in, for the application's own pages. See
    /// [`SignInRequired`].
    ///
    /// # Panics
    /// Where the server has no page on which users sign in: [`GridAuth::has_sign_in_page`].
    #[track_caller]
    fn sign_in_required(&self) -> SignInRequired;
}

impl GridAuthExt for GridAuth {
    fn configure(&self) -> impl FnOnce(&mut ServiceConfig) + Clone + use<> {
        let auth = self.clone();
        move |config| {
            for path in auth.paths() {
                mount(config, &auth, path);
            }
            config.app_data(web::Data::new(auth.clone()));
            config.app_data(auth);
        }
    }

    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> Require {
        self.guard().require(requirement)
    }

    #[track_caller]
    fn sign_in_required(&self) -> SignInRequired {
        SignInRequired::new(self.clone())
    }
}

/// Mounts an endpoint for every method, known or not. The server rejects those that the endpoint does not support.
fn mount(config: &mut ServiceConfig, auth: &GridAuth, path: String) {
    // actix-web matches resources by the decoded path, but an endpoint accepts exactly one spelling, wherever it is nested.
    let spelling = path.clone();
    let is_encoded = path.contains('%');
    let exactly = fn_guard(move |request| {
        let asked = request.head().uri.path();
        if is_encoded { asked == spelling } else { asked.ends_with(&spelling) }
    });
    let pattern = if is_encoded { "/{path:.*}" } else { path.as_str() };
    let resource = web::resource(pattern).guard(exactly);
    let auth = auth.clone();
    config.service(resource.to(move |request: HttpRequest, body: web::Payload| {
        answer(auth.clone(), path.clone(), request, body)
    }));
}

async fn answer(auth: GridAuth, path: String, request: HttpRequest, body: web::Payload) -> Answer {
    Answer(match read(&request, &path, body.into_inner()).await {
        Ok(request) => auth.handle(request).await,
        Err(why) => auth.refuse_unread(&Head::at(&path, &request), why),
    })
}
