//! gridauth under actix-web, as its documentation shows it.

use actix_web::{App, HttpServer, rt, web};
use gridauth_actix::{Access, GridAuthExt};

use super::gridauth::{NotesRead, server};
use super::page;
use crate::Result;

/// Serves until the process is stopped, with one worker or one per core.
pub(super) fn serve(store: &str, one_worker: bool) -> Result<()> {
    rt::System::new().block_on(async {
        let (auth, authorization) = server(store).await?;
        let app = move || {
            App::new()
                .configure(auth.configure())
                .route("/open", web::get().to(page))
                .service(
                    web::resource("/guarded").wrap(auth.require("notes.read")).route(web::get().to(page)),
                )
                .route("/extracted", web::get().to(extracted))
        };
        let workers = if one_worker { 1 } else { std::thread::available_parallelism()?.get() };
        let server = HttpServer::new(app).workers(workers).bind("127.0.0.1:0")?;
        let address = server.addrs().first().copied().ok_or("it listens nowhere")?;
        println!("listening on http://{address} {authorization}");
        Ok(server.run().await?)
    })
}

async fn extracted(_access: Access<NotesRead>) -> &'static str {
    super::BODY
}
