//! Finding the master by asking all nodes that are known.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::{
    net::lookup_host,
    time::{Instant, sleep, timeout_at},
};

use super::Cluster;
use crate::{
    error::{Error, ErrorKind},
    random,
    wire::{message::partition_address, statement::Statement},
};

/// How long the other nodes may take to contradict a node that says it is the master.
const GRACE: Duration = Duration::from_millis(500);
/// The longest pause before all are asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What the nodes say about their master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The address that the master gives itself.
    pub(super) master: SocketAddr,
    /// The address under which the master itself answered, if it did.
    pub(super) reached: Option<SocketAddr>,
    pub(super) partitions: u32,
}

/// One node's word.
#[derive(Debug, Clone, Copy)]
struct Word {
    from: SocketAddr,
    is_master: bool,
    master: SocketAddr,
    partitions: u32,
}

type Question<'a> = Pin<Box<dyn Future<Output = Result<Word, Error>> + Send + 'a>>;

/// The master, when a client starts: every address is heard, and all have to name the same one.
pub(super) async fn first(cluster: &Cluster, deadline: Instant) -> Result<Found, Error> {
    let deadline = deadline.min(Instant::now() + cluster.config.connect_timeout);
    loop {
        let (words, error) = ask_all(cluster, deadline, false).await;
        let named = words.first().map(|word| word.master);
        if words.iter().any(|word| Some(word.master) != named) {
            return Err(split());
        }
        if let Some(found) = choose(&words) {
            return Ok(found);
        }
        let error = error.unwrap_or_else(nobody);
        let pause = random::jitter(PAUSE);
        if !error.is_retryable() || Instant::now() + pause >= deadline {
            return Err(error);
        }
        sleep(pause).await;
    }
}

/// The master, when the one known is gone. While a cluster elects, nodes may go on naming the old one for a while;
/// only two that both say they are the master are a contradiction.
pub(super) async fn again(cluster: &Cluster, deadline: Instant) -> Result<Found, Error> {
    let deadline = deadline.min(Instant::now() + cluster.config.connect_timeout);
    let (words, error) = ask_all(cluster, deadline, true).await;
    let mut masters = words.iter().filter(|word| word.is_master);
    let first = masters.next().map(|word| word.master);
    if masters.any(|word| Some(word.master) != first) {
        return Err(split());
    }
    choose(&words).ok_or_else(|| error.unwrap_or_else(nobody))
}

/// The master's own word counts before what others say of it.
fn choose(words: &[Word]) -> Option<Found> {
    let word = words.iter().find(|word| word.is_master).or(words.first())?;
    Some(Found {
        master: word.master,
        reached: word.is_master.then_some(word.from),
        partitions: word.partitions,
    })
}

/// Asks every node at once. `hurry` stops waiting a moment after one has said that it is the master.
async fn ask_all(cluster: &Cluster, deadline: Instant, hurry: bool) -> (Vec<Word>, Option<Error>) {
    let (addresses, mut error) = addresses(cluster, deadline).await;
    let mut questions: Vec<Question<'_>> = Vec::with_capacity(addresses.len());
    for address in addresses {
        questions.push(Box::pin(ask(cluster, address, deadline)));
    }
    let mut words = Vec::new();
    let mut patience = deadline;
    while !questions.is_empty() {
        match timeout_at(patience, next(&mut questions)).await {
            Ok(Ok(word)) => {
                if hurry && word.is_master {
                    patience = patience.min(Instant::now() + GRACE);
                }
                words.push(word);
            }
            // A refused login says more than a refused connection.
            Ok(Err(refused)) if refused.is_auth() || refused.kind() == ErrorKind::Config => {
                error = Some(refused)
            }
            Ok(Err(failed)) => {
                error.get_or_insert(failed);
            }
            Err(_) => break,
        }
    }
    (words, error)
}

/// Waits for whichever question is answered next and takes it out.
async fn next(questions: &mut Vec<Question<'_>>) -> Result<Word, Error> {
    poll_fn(|context| {
        for place in 0..questions.len() {
            if let Poll::Ready(word) = questions[place].as_mut().poll(context) {
                drop(questions.swap_remove(place));
                return Poll::Ready(word);
            }
        }
        Poll::Pending
    })
    .await
}

async fn ask(cluster: &Cluster, address: SocketAddr, deadline: Instant) -> Result<Word, Error> {
    let connection = cluster.node(address).connection(cluster, 0, deadline).await?;
    let [ticket] = connection.send(deadline, |batch| {
        Ok([batch.add(Statement::GetPartitionAddress, |out, id| {
            partition_address::encode_master(out, id);
            Ok(())
        })?])
    })?;
    let answer = ticket.await.map_err(Error::into_not_done)?;
    let info = partition_address::decode_master(&mut answer.reader())?;
    Ok(Word {
        from: address,
        is_master: info.is_master,
        master: info.master.into(),
        partitions: info.partitions,
    })
}

/// Every address that may be a node's: those configured, those of the provider, those heard of before.
async fn addresses(cluster: &Cluster, deadline: Instant) -> (Vec<SocketAddr>, Option<Error>) {
    let mut addresses: Vec<SocketAddr> = cluster.known().nodes.keys().copied().collect();
    let mut error = None;
    for (host, port) in &cluster.config.hosts {
        match resolve(host, *port, deadline).await {
            Ok(found) => addresses.extend(found),
            Err(failed) => error = Some(failed),
        }
    }
    #[cfg(feature = "provider")]
    if let Some(url) = &cluster.config.provider {
        match super::provider::nodes(url, deadline).await {
            Ok(found) => addresses.extend(found),
            Err(failed) => error = Some(failed),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    (addresses, error)
}

/// The first IPv4 address of a host: GridDB's client port has no other.
pub(super) async fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Option<SocketAddr>, Error> {
    match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(mut found)) => Ok(found.find(SocketAddr::is_ipv4)),
        Ok(Err(error)) => Err(Error::with_both(
            ErrorKind::Unavailable,
            format!("the name {host} cannot be resolved"),
            error,
        )),
        Err(_) => Err(Error::with_message(
            ErrorKind::Unavailable,
            format!("the name {host} is not resolved in time"),
        )),
    }
}

fn nobody() -> Error {
    Error::with_message(ErrorKind::Unavailable, "no node answers")
}

fn split() -> Error {
    let message = "the addresses belong to different clusters: they name different masters";
    Error::with_message(ErrorKind::SplitCluster, message)
}
