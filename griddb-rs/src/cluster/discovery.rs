//! Finding the master by asking every known node.

use std::{
    collections::HashSet,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use super::{Cluster, Known, listing};
use crate::{
    error::{Error, ErrorKind},
    random,
    wire::{message::partition_address, statement::Statement},
};

/// How long other nodes have to contradict a node that says it is the master.
const GRACE: Duration = Duration::from_millis(500);
/// The longest pause before all nodes are asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What the nodes say about their master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The master's address as the master itself reports it.
    pub(super) master: SocketAddr,
    /// The address at which the master answered, if it answered.
    pub(super) reached: Option<SocketAddr>,
    /// The addresses of the nodes that name this master.
    pub(super) named_by: Vec<SocketAddr>,
    /// Indexes of the host names and lists that resolve to one of these nodes.
    pub(super) listings: Vec<usize>,
    pub(super) partitions: u32,
}

/// One node's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reply {
    from: SocketAddr,
    is_master: bool,
    master: SocketAddr,
    partitions: u32,
}

/// The replies of all nodes.
#[derive(Default)]
struct Survey {
    replies: Vec<Reply>,
    error: Option<Error>,
    /// The addresses behind each host name and list, by its index. Those that could not be resolved are missing.
    lists: Vec<(usize, Vec<SocketAddr>)>,
    /// All configured and listed addresses, if every name and list could be resolved.
    listed: Option<Vec<SocketAddr>>,
}

/// When to stop waiting for replies before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Shortly after two replies contradict each other.
    Contradiction,
    /// Shortly after a node says that it is the master.
    Master,
}

enum Event {
    Listed(usize, Result<Vec<SocketAddr>, Error>),
    Answered(Result<Reply, Error>),
}

type Pending<'a> = Pin<Box<dyn Future<Output = Event> + Send + 'a>>;

/// Finds the master when a client starts. Every address is asked, and all must name the same master. During an
/// election they may disagree for a while, so a contradiction counts only if it lasts.
pub(super) async fn first(cluster: &Cluster, deadline: Instant) -> Result<Found, Error> {
    let deadline = deadline.min(Instant::now() + cluster.config.connect_timeout);
    let mut contradicted = false;
    loop {
        let survey = ask_all(cluster, deadline, Until::Contradiction).await;
        let found = if contradictory(&survey.replies) {
            Err(split())
        } else {
            survey.choose(&survey.replies).ok_or_else(|| survey.error.unwrap_or_else(nobody))
        };
        match found {
            Err(error) if error.is_retryable() || error.kind() == ErrorKind::SplitCluster => {
                contradicted |= error.kind() == ErrorKind::SplitCluster;
                // Silence afterwards does not settle a contradiction.
                pause_before(deadline, if contradicted { split() } else { error }).await?;
            }
            found => return found,
        }
    }
}

/// Finds the master after the known one is gone. During an election nodes may go on naming the old one for a
/// while.
pub(super) async fn again(cluster: &Cluster, deadline: Instant) -> Result<Found, Error> {
    let deadline = deadline.min(Instant::now() + cluster.config.connect_timeout);
    loop {
        let survey = ask_all(cluster, deadline, Until::Master).await;
        let judged = survey.judge(&cluster.known());
        match judged {
            Ok(Some(found)) => {
                if let Some(listed) = survey.listed {
                    cluster.forget_strangers(&listed);
                }
                return Ok(found);
            }
            Ok(None) => return Err(survey.error.unwrap_or_else(nobody)),
            // The node that knows the new master may not have answered yet.
            Err(error) if error.kind() == ErrorKind::SplitCluster => pause_before(deadline, error).await?,
            Err(error) => return Err(error),
        }
    }
}

async fn pause_before(deadline: Instant, error: Error) -> Result<(), Error> {
    let pause = random::jitter(PAUSE);
    if Instant::now() + pause >= deadline {
        return Err(error);
    }
    sleep(pause).await;
    Ok(())
}

fn contradictory(replies: &[Reply]) -> bool {
    replies.iter().any(|reply| reply.master != replies[0].master)
}

impl Survey {
    /// A master's own reply has priority over what other nodes say.
    fn choose(&self, replies: &[Reply]) -> Option<Found> {
        let reply = replies.iter().find(|reply| reply.is_master).or(replies.first())?;
        let named_by: Vec<SocketAddr> =
            replies.iter().filter(|other| other.master == reply.master).map(|other| other.from).collect();
        let stands_for_one = |list: &[SocketAddr]| list.iter().any(|address| named_by.contains(address));
        let listings = self.lists.iter().filter(|(_, list)| stands_for_one(list)).map(|(number, _)| *number);
        Some(Found {
            master: reply.master,
            reached: reply.is_master.then_some(reply.from),
            listings: listings.collect(),
            named_by,
            partitions: reply.partitions,
        })
    }

    /// Picks the master of the cluster that this client is connected to. A node that was silent until now may
    /// belong to another cluster. Its reply counts only if nodes of this cluster know the master that it names.
    ///
    /// # Errors
    /// A node is the master of another cluster, or the nodes of this cluster disagree.
    fn judge(&self, known: &Known) -> Result<Option<Found>, Error> {
        let moved = self.moved(known);
        let is_member = |address| known.is_member(address) || moved.contains(&address);
        let named_by_members: HashSet<SocketAddr> =
            self.replies.iter().filter(|reply| is_member(reply.from)).map(|reply| reply.master).collect();
        let (own, strange): (Vec<Reply>, Vec<Reply>) = self.replies.iter().partition(|reply| {
            let is_known = named_by_members.contains(&reply.master) || known.is_member(reply.master);
            is_member(reply.from) || is_known && (!reply.is_master || known.can_be(reply.from, reply.master))
        });
        let own_masters: Vec<Reply> = own.iter().filter(|reply| reply.is_master).copied().collect();
        if contradictory(&own_masters) {
            let message = "two nodes of the cluster each say that they are the master";
            return Err(Error::with_message(ErrorKind::Unavailable, message));
        }
        match self.choose(&own) {
            Some(_) if !own_masters.is_empty() && strange.iter().any(|reply| reply.is_master) => Err(split()),
            None if !strange.is_empty() => {
                let message = "only nodes answer that do not belong to the cluster as it is known";
                Err(Error::with_message(ErrorKind::Unavailable, message))
            }
            found => Ok(found),
        }
    }

    /// The addresses behind names and lists that resolved to members before and do not any more: the nodes have
    /// moved.
    fn moved(&self, known: &Known) -> HashSet<SocketAddr> {
        let has_moved = |(number, list): &&(usize, Vec<SocketAddr>)| {
            known.listings.contains(number) && !list.iter().any(|address| known.is_member(*address))
        };
        self.lists.iter().filter(has_moved).flat_map(|(_, list)| list).copied().collect()
    }
}

/// Asks all nodes at once: the ones seen before, the configured ones, and those behind host names and lists as
/// soon as these resolve. Resolving gets half of the time.
async fn ask_all(cluster: &Cluster, deadline: Instant, until: Until) -> Survey {
    let now = Instant::now();
    let half = now + deadline.saturating_duration_since(now) / 2;
    let question = |address: SocketAddr| -> Pending<'_> {
        Box::pin(async move { Event::Answered(ask(cluster, address, deadline).await) })
    };
    let mut listed: Vec<SocketAddr> = listing::literal(&cluster.config).collect();
    let mut asked: HashSet<SocketAddr> = cluster.known().nodes.keys().copied().collect();
    asked.extend(&listed);
    let mut pending: Vec<Pending<'_>> = asked.iter().copied().map(question).collect();
    let listings = listing::others(&cluster.config, half);
    let mut unlisted = listings.len();
    for (number, listing) in listings.into_iter().enumerate() {
        pending.push(Box::pin(async move { Event::Listed(number, listing.await) }));
    }
    let mut survey = Survey::default();
    let mut patience = deadline;
    while !pending.is_empty() {
        match timeout_at(patience, next(&mut pending)).await {
            Ok(Event::Answered(Ok(reply))) => {
                survey.replies.push(reply);
                let enough = match until {
                    Until::Contradiction => contradictory(&survey.replies),
                    Until::Master => reply.is_master,
                };
                if enough {
                    patience = patience.min(Instant::now() + GRACE);
                }
            }
            Ok(Event::Listed(number, Ok(found))) => {
                pending.extend(found.iter().copied().filter(|address| asked.insert(*address)).map(question));
                listed.extend(&found);
                survey.lists.push((number, found));
                unlisted -= 1;
            }
            // A refused login is more informative than a refused connection.
            Ok(Event::Answered(Err(refused))) if refused.is_auth() || refused.kind() == ErrorKind::Config => {
                survey.error = Some(refused);
            }
            Ok(Event::Answered(Err(failed)) | Event::Listed(_, Err(failed))) => {
                survey.error.get_or_insert(failed);
            }
            Err(_) => break,
        }
    }
    survey.listed = (unlisted == 0).then_some(listed);
    survey
}

/// Waits for the first future that completes, and removes it.
pub(super) async fn next<F: Future + Unpin>(pending: &mut Vec<F>) -> F::Output {
    poll_fn(|context| {
        for index in 0..pending.len() {
            if let Poll::Ready(outcome) = Pin::new(&mut pending[index]).poll(context) {
                drop(pending.swap_remove(index));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

async fn ask(cluster: &Cluster, address: SocketAddr, deadline: Instant) -> Result<Reply, Error> {
    let connection = cluster.node(address).connection(cluster, 0, deadline).await?;
    let ticket = connection.send(deadline, |batch| {
        batch.add(Statement::GetPartitionAddress, |out, id| {
            partition_address::encode_master(out, id);
            Ok(())
        })
    })?;
    let answer = ticket.await.map_err(Error::into_not_done)?;
    let info = partition_address::decode_master(&mut answer.reader())?;
    Ok(Reply {
        from: address,
        is_master: info.is_master,
        master: info.master.into(),
        partitions: info.partitions,
    })
}

fn nobody() -> Error {
    Error::with_message(ErrorKind::Unavailable, "no node answers")
}

fn split() -> Error {
    let message = "the addresses name different masters, so they belong to different clusters";
    Error::with_message(ErrorKind::SplitCluster, message)
}

#[cfg(test)]
mod tests;
