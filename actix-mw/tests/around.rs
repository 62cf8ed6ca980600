//! Guards combined with other middleware, and where their types fit.

mod support;

use actix_cors::Cors;
use actix_web::dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, DefaultHeaders, Logger, NormalizePath, TrailingSlash, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use gridauth::GridAuth;
use gridauth_actix::{Access, GridAuthExt, Require};
use support::{ask, auth, bearing, token};

const SHOP: &str = "https://shop.example.com";

async fn who(access: Access) -> String {
    access.subject().to_owned()
}

/// actix-extras #127: with a guard and `Cors` in one application, rejections had no CORS headers, so no script could read
/// them.
#[actix_web::test]
async fn a_rejection_has_its_cors_headers() {
    let auth = auth().await;
    let app = init_service(
        App::new()
            .configure(auth.configure())
            .service(web::resource("/guarded").wrap(auth.require("notes.read")).to(HttpResponse::Ok))
            .route("/extracted", web::get().to(who))
            .wrap(Cors::default().allowed_origin(SHOP).allow_any_method().allow_any_header()),
    )
    .await;
    let token = token(&auth, "notes.write").await;
    let from_shop = |path: &str| TestRequest::get().uri(path).insert_header(("origin", SHOP));
    for (request, status) in [
        (from_shop("/guarded"), 401),
        (from_shop("/extracted"), 401),
        (bearing(from_shop("/guarded"), "x"), 401),
        (bearing(from_shop("/guarded"), &token), 403),
        (bearing(from_shop("/extracted"), &token), 200),
    ] {
        let answer = ask(&app, request).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        assert!(status == 200 || answer.header("www-authenticate").starts_with("Bearer "));
    }
}

#[actix_web::test]
async fn a_preflight_request_needs_no_token_and_gets_no_further() {
    let auth = auth().await;
    let app = init_service(
        App::new()
            .service(web::resource("/guarded").wrap(auth.require("notes.read")).to(|| async { "secret" }))
            .wrap(Cors::default().allowed_origin(SHOP).allowed_methods(["GET"]).allow_any_header()),
    )
    .await;
    let options = || TestRequest::with_uri("/guarded").method(actix_web::http::Method::OPTIONS);
    let preflight = options()
        .insert_header(("origin", SHOP))
        .insert_header(("access-control-request-method", "GET"))
        .insert_header(("access-control-request-headers", "authorization"));
    let answer = ask(&app, preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, SHOP));
    assert_eq!(answer.body, "");
    assert_eq!(ask(&app, options()).await.status, 401);
}

#[actix_web::test]
async fn normalized_paths_meet_the_same_guard() {
    let auth = auth().await;
    for slash in [TrailingSlash::Trim, TrailingSlash::MergeOnly] {
        let app = init_service(
            App::new()
                .configure(auth.configure())
                .service(
                    web::scope("/area").wrap(auth.require("notes.read")).route("/page", web::get().to(who)),
                )
                .wrap(NormalizePath::new(slash)),
        )
        .await;
        let token = token(&auth, "notes.read").await;
        for path in ["/area/page", "//area//page", "/area//page"] {
            assert_eq!(ask(&app, TestRequest::get().uri(path)).await.status, 401, "{path}");
            assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &token)).await.status, 200, "{path}");
        }
        assert_eq!(ask(&app, TestRequest::get().uri("//oauth//token")).await.status, 405);
    }
}

/// `TrailingSlash::Always` changes every path. Endpoints must stay where the metadata says, so the normalizer wraps the
/// application's own routes only.
#[actix_web::test]
async fn trailing_slashes_work_for_the_application_and_not_for_the_endpoints() {
    let auth = auth().await;
    let always = || NormalizePath::new(TrailingSlash::Always);
    let pages = || web::scope("/area").wrap(auth.require("notes.read")).route("/page/", web::get().to(who));
    let app = init_service(
        App::new().configure(auth.configure()).service(web::scope("").wrap(always()).service(pages())),
    )
    .await;
    let token = token(&auth, "notes.read").await;
    for path in ["/area/page", "/area/page/", "//area//page"] {
        assert_eq!(ask(&app, TestRequest::get().uri(path)).await.status, 401, "{path}");
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &token)).await.status, 200, "{path}");
    }
    assert_eq!(ask(&app, TestRequest::get().uri("/oauth/token")).await.status, 405);
    assert_eq!(ask(&app, TestRequest::get().uri("/oauth/token/")).await.status, 404);

    // Wrapped around everything, it makes the endpoints unreachable: no path matches them.
    let app = init_service(App::new().configure(auth.configure()).service(pages()).wrap(always())).await;
    for path in ["/oauth/token", "/oauth/token/"] {
        assert_eq!(ask(&app, TestRequest::get().uri(path)).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn guards_nest() {
    let auth = auth().await;
    let app = init_service(
        App::new().service(
            web::scope("/notes")
                .wrap(auth.require("notes.read"))
                .route("", web::get().to(who))
                .service(web::scope("/new").wrap(auth.require("notes.write")).route("", web::to(who))),
        ),
    )
    .await;
    let (reads, writes) = (token(&auth, "notes.read").await, token(&auth, "notes.write").await);
    let both = token(&auth, "notes.read notes.write").await;
    for (path, token, status) in [
        ("/notes", &reads, 200),
        ("/notes", &writes, 403),
        ("/notes/new", &reads, 403),
        ("/notes/new", &writes, 403),
        ("/notes/new", &both, 200),
    ] {
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), token)).await.status, status, "{path}");
    }
}

#[actix_web::test]
async fn a_guard_around_the_whole_application_guards_its_default_service() {
    let auth = auth().await;
    let app = init_service(
        App::new().default_service(web::to(|| async { "secret" })).wrap(auth.require("notes.read")),
    )
    .await;
    assert_eq!(ask(&app, TestRequest::get().uri("/no/such")).await.status, 401);
}

/// actix-extras #283: around an `App` with a logger, or with any other middleware, a guard failed to compile with pages of
/// `Transform` bounds. This one can be stored in a field, chosen at run time, returned from a function, and wrapped around
/// anything, inside and outside of other middleware.
#[actix_web::test]
async fn a_guard_is_a_plain_value_and_fits_around_every_service() {
    struct Guards {
        all: Vec<Require>,
    }

    fn area(guard: Require) -> impl HttpServiceFactory {
        web::scope("/area").wrap(guard).route("", web::get().to(who))
    }

    fn whole_app(
        auth: GridAuth,
        guards: Guards,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        >,
    > {
        App::new()
            .configure(auth.configure())
            .service(area(guards.all[0].clone()))
            .service(
                web::resource("/layers")
                    .wrap(DefaultHeaders::new().add(("x-inner", "1")))
                    .wrap(from_fn(|request, next: actix_web::middleware::Next<_>| next.call(request)))
                    .wrap(guards.all[0].clone())
                    .wrap(DefaultHeaders::new().add(("x-outer", "1")))
                    .wrap(Logger::default())
                    .route(web::get().to(who)),
            )
            .service(
                web::resource("/on").wrap(Condition::new(true, guards.all[0].clone())).to(HttpResponse::Ok),
            )
            .service(
                web::resource("/off").wrap(Condition::new(false, guards.all[0].clone())).to(HttpResponse::Ok),
            )
            .wrap(Logger::default())
            .wrap(guards.all[1].clone())
    }

    let auth = auth().await;
    let guards = Guards { all: vec![auth.require("notes.read"), auth.require("")] };
    let app = init_service(whole_app(auth.clone(), guards)).await;
    let (good, poor) = (token(&auth, "notes.read").await, token(&auth, "").await);
    for (path, of_the_poor) in [("/area", 403), ("/layers", 403), ("/on", 403), ("/off", 200)] {
        assert_eq!(ask(&app, TestRequest::get().uri(path)).await.status, 401, "{path}");
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &good)).await.status, 200, "{path}");
        assert_eq!(
            ask(&app, bearing(TestRequest::get().uri(path), &poor)).await.status,
            of_the_poor,
            "{path}"
        );
    }
    let refused = ask(&app, bearing(TestRequest::get().uri("/layers"), &poor)).await;
    assert_eq!((refused.header("x-outer"), refused.header("x-inner")), ("1", ""));
}
