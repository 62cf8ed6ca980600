//! Clients that are told of the end of a session in frames (OpenID Connect Front-Channel Logout 1.0).

use super::ended::EndedSession;
use crate::engine::Engine;
use crate::openid::session_for;
use crate::protocol::with_parameters;
use crate::store::StoreError;

/// The `frontchannel_logout_uri` of each client to tell, with `iss` and `sid`.
pub(crate) async fn frames(engine: &Engine, ended: &EndedSession) -> Result<Vec<String>, StoreError> {
    let mut frames = Vec::new();
    for client_id in &ended.clients {
        let Some(client) = engine.client(client_id).await? else { continue };
        if let Some(uri) = client.metadata("frontchannel_logout_uri") {
            let sid = session_for(engine, &client, &ended.session);
            frames.push(with_parameters(uri, &[("iss", engine.issuer()), ("sid", &sid)]));
        }
    }
    Ok(frames)
}
