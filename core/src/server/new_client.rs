//! Clients that an operator registers by their metadata.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{EditClientError, GridAuth, PutClientError};
use crate::clients::{ClientSecretHash, GeneratedSecret, generate_client_secret};
use crate::env::EntropyError;
use crate::model::{AuthMethod, Client, ClientBuilder, ClientMetadataError, SharedSecret};

/// Why a client was not registered by its metadata.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateClientError {
    /// There is a client with this id already.
    #[error("there is a client with this id already")]
    Taken,
    /// A member does not have the type that it must have.
    #[error(transparent)]
    Metadata(#[from] ClientMetadataError),
    /// What it would be is not valid, or it cannot be registered here.
    #[error(transparent)]
    Client(#[from] EditClientError),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl From<PutClientError> for CreateClientError {
    fn from(error: PutClientError) -> Self {
        Self::Client(error.into())
    }
}

impl GridAuth {
    /// Registers a client by its metadata (RFC 7591 section 2), as [`Client::to_metadata`] writes it. Without a `client_id` it gets a
    /// random one. A client whose method needs a secret gets one, which is returned with it and cannot be read again.
    ///
    /// # Errors
    /// [`CreateClientError`] says what is wrong. A client that has the id stays unchanged.
    pub async fn create_client(
        &self,
        metadata: &Map<String, Value>,
    ) -> Result<(Client, Option<GeneratedSecret>), CreateClientError> {
        let (client, secret) = self.client_of(metadata)?;
        self.inserted(client.clone()).await?;
        Ok((self.client(client.id()).await.map_err(PutClientError::from)?.unwrap_or(client), secret))
    }

    /// Registers a client by its metadata even if it cannot use all that it is registered for on this server: for a tool that does not
    /// know the server's grants and scopes.
    ///
    /// # Errors
    /// As [`create_client`](Self::create_client).
    pub async fn create_client_unchecked(
        &self,
        metadata: &Map<String, Value>,
    ) -> Result<(Client, Option<GeneratedSecret>), CreateClientError> {
        let (client, secret) = self.client_of(metadata)?;
        self.warn_of_unusable(&client);
        match self.insert_kept(&client).await? {
            true => Ok((client, secret)),
            false => Err(CreateClientError::Taken),
        }
    }

    async fn inserted(&self, client: Client) -> Result<(), CreateClientError> {
        match self.insert_client(client).await? {
            true => Ok(()),
            false => Err(CreateClientError::Taken),
        }
    }

    /// The client with this metadata, and its secret.
    fn client_of(
        &self,
        metadata: &Map<String, Value>,
    ) -> Result<(Client, Option<GeneratedSecret>), CreateClientError> {
        let wrong = |member: &str, reason| ClientMetadataError { member: member.to_owned(), reason };
        let id = match metadata.get("client_id") {
            None => self.new_client_id()?,
            Some(Value::String(id)) => id.clone(),
            Some(_) => return Err(wrong("client_id", "it must be a text").into()),
        };
        let method = match metadata.get("token_endpoint_auth_method") {
            None | Some(Value::Null) => AuthMethod::Basic,
            Some(Value::String(method)) => AuthMethod::from(method.clone()),
            Some(_) => return Err(wrong("token_endpoint_auth_method", "it must be a text").into()),
        };
        let needs_secret = matches!(method, AuthMethod::Basic | AuthMethod::Post | AuthMethod::SecretJwt);
        let secret = needs_secret.then(|| generate_client_secret(self.entropy())).transpose()?;
        let begun: ClientBuilder = match &secret {
            None => Client::public(id),
            Some(secret) => Client::confidential(id, ClientSecretHash::of_generated(secret))
                .shared_secret(SharedSecret::from(secret)),
        };
        let client = begun.auth_method(method).merge_metadata(metadata)?.build();
        Ok((client.map_err(EditClientError::from)?, secret))
    }

    /// 128 random bits: no id comes twice, and none is the subject of a user.
    fn new_client_id(&self) -> Result<String, EntropyError> {
        let mut bytes = [0; 16];
        self.entropy().fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}
