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
        let (words, error, _) = ask_all(cluster, deadline, false).await;
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
    let (words, error, listed) = ask_all(cluster, deadline, true).await;
    let mut masters = words.iter().filter(|word| word.is_master);
    let first = masters.next().map(|word| word.master);
    if masters.any(|word| Some(word.master) != first) {
        return Err(split());
    }
    let found = choose(&words).ok_or_else(|| error.unwrap_or_else(nobody))?;
    if let Some(listed) = listed {
        cluster.forget_strangers(&listed);
    }
    Ok(found)
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

/// Asks every node at once, those configured or listed and those heard of before. `hurry` stops waiting a moment after
/// one has said that it is the master. Gives back the configured and listed addresses too, if all could be found out.
async fn ask_all(
    cluster: &Cluster,
    deadline: Instant,
    hurry: bool,
) -> (Vec<Word>, Option<Error>, Option<Vec<SocketAddr>>) {
    let (listed, mut error) = listed(cluster, deadline).await;
    let mut addresses: Vec<SocketAddr> = cluster.known().nodes.keys().copied().collect();
    addresses.extend(&listed);
    addresses.sort_unstable();
    addresses.dedup();
    let listed = error.is_none().then_some(listed);
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
    (words, error, listed)
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
    let ticket = connection.send(deadline, |batch| {
        batch.add(Statement::GetPartitionAddress, |out, id| {
            partition_address::encode_master(out, id);
            Ok(())
        })
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

/// The addresses that are configured and those that the provider lists.
async fn listed(cluster: &Cluster, deadline: Instant) -> (Vec<SocketAddr>, Option<Error>) {
    let mut addresses = Vec::new();
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

#[cfg(all(test, feature = "provider"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::sync::{Arc, Mutex};

    use griddb_test_node::{Options, TestNode};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::config::Config;

    /// A provider that lists these ports of this machine.
    async fn provider(ports: Arc<Mutex<Vec<u16>>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                let node =
                    |port: &u16| format!(r#"{{"transaction":{{"address":"127.0.0.1","port":{port}}}}}"#);
                let nodes: Vec<String> = ports.lock().unwrap().iter().map(node).collect();
                let head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
                stream.write_all(format!("{head}[{}]", nodes.join(",")).as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn nodes_that_are_no_longer_listed_are_forgotten() {
        let node = TestNode::start(Options::new()).await.unwrap();
        let port = node.address().port();
        let ports = Arc::new(Mutex::new(vec![port]));
        let provider = provider(Arc::clone(&ports)).await;
        let url = format!("griddb://admin:admin@/gridauth?provider=http://{provider}/nodes");
        let cluster = Cluster::start(Config::parse(&url).unwrap()).await.unwrap();
        let deadline = || Instant::now() + Duration::from_secs(5);
        // Nobody listens on such low ports.
        for gone in 1..=20 {
            *ports.lock().unwrap() = vec![port, gone];
            again(&cluster, deadline()).await.unwrap();
            assert!(cluster.known().nodes.len() <= 2);
        }
        *ports.lock().unwrap() = vec![port];
        again(&cluster, deadline()).await.unwrap();
        assert_eq!(cluster.known().nodes.len(), 1);
        // One with an open connection is kept, listed or not.
        *ports.lock().unwrap() = vec![21];
        again(&cluster, deadline()).await.unwrap();
        assert!(cluster.known().nodes.contains_key(&node.address().into()));
    }
}
