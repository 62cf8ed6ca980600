//! Asking the master for the owner of a partition until it answers.

use std::net::SocketAddr;

use crate::{
    cluster::Cluster,
    error::Error,
    retry::{Repeat, Retry},
};

/// The node that owns the partition at this moment, as the master says; `None` while no node does.
///
/// # Errors
/// The master cannot be reached within `retry_for`.
pub(crate) async fn of_partition(cluster: &Cluster, partition: u32) -> Result<Option<SocketAddr>, Error> {
    let mut retry = Retry::new(cluster, cluster.config.retry_for, Repeat::Always);
    loop {
        match cluster.ask_for_owner(partition, retry.try_now().deadline).await {
            Ok(owner) => return Ok(owner),
            Err(error) => retry.after(error).await?,
        }
    }
}
