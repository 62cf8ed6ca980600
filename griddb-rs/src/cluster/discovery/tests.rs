#[cfg(feature = "provider")]
use std::sync::{Arc, Mutex};

use griddb_test_node::{Options, TestNode};
#[cfg(feature = "provider")]
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::config::Config;

fn at(node: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node], 10001))
}

fn says(from: u8, master: u8) -> Reply {
    Reply { from: at(from), is_master: from == master, master: at(master), partitions: 128 }
}

/// The verdict on these replies, for a client of the cluster of nodes 1 and 2 whose master was node 1.
fn judged(replies: &[Reply]) -> Result<Option<SocketAddr>, ErrorKind> {
    let known = Known { members: [at(1), at(2)].into(), ..Known::default() };
    let survey = Survey { replies: replies.to_vec(), ..Survey::default() };
    let judged = survey.judge(&known).map_err(|error| error.kind())?;
    Ok(judged.map(|found| found.master))
}

#[test]
fn only_nodes_of_the_cluster_are_believed() {
    assert_eq!(judged(&[]), Ok(None));
    assert_eq!(judged(&[says(1, 1)]), Ok(Some(at(1))));
    // Another member was elected.
    assert_eq!(judged(&[says(2, 2)]), Ok(Some(at(2))));
    assert_eq!(judged(&[says(1, 2), says(2, 2)]), Ok(Some(at(2))));
    // A new member follows the master.
    assert_eq!(judged(&[says(3, 1)]), Ok(Some(at(1))));
    // A new member was elected, and an old one knows it.
    assert_eq!(judged(&[says(3, 3), says(2, 3)]), Ok(Some(at(3))));
    assert_eq!(judged(&[says(2, 3)]), Ok(Some(at(3))));
    assert_eq!(judged(&[says(3, 3), says(4, 3), says(2, 3)]), Ok(Some(at(3))));
    // The old master is gone, and members still name it.
    assert_eq!(judged(&[says(2, 1), says(3, 3)]), Ok(Some(at(1))));
    // No member knows these.
    assert_eq!(judged(&[says(3, 3)]), Err(ErrorKind::Unavailable));
    assert_eq!(judged(&[says(3, 4), says(4, 4)]), Err(ErrorKind::Unavailable));
    assert_eq!(judged(&[says(3, 3), says(1, 1)]), Err(ErrorKind::SplitCluster));
    // The old master wakes up.
    assert_eq!(judged(&[says(1, 1), says(2, 2)]), Err(ErrorKind::Unavailable));
    assert_eq!(judged(&[says(1, 1), says(2, 3), says(3, 3)]), Err(ErrorKind::Unavailable));
}

#[test]
fn the_same_address_behind_two_nats_is_two_nodes() {
    let named = at(9);
    let mut known = Known { members: [at(1), named].into(), ..Known::default() };
    known.reached_as.insert(named, at(1));
    let says = |from| Reply { from: at(from), is_master: true, master: named, partitions: 128 };
    let judge = |replies: &[Reply]| {
        let survey = Survey { replies: replies.to_vec(), ..Survey::default() };
        survey.judge(&known).map(|found| found.unwrap().reached).map_err(|error| error.kind())
    };
    assert_eq!(judge(&[says(1)]), Ok(Some(at(1))));
    assert_eq!(judge(&[says(2)]), Err(ErrorKind::Unavailable));
    assert_eq!(judge(&[says(2), says(1)]), Err(ErrorKind::SplitCluster));
    // Reached directly first, and through another address later.
    known.reached_as.insert(named, named);
    let survey = Survey { replies: vec![says(2)], ..Survey::default() };
    assert_eq!(survey.judge(&known).unwrap().unwrap().reached, Some(at(2)));
}

#[test]
fn a_host_name_whose_nodes_have_all_moved_is_followed() {
    let mut known = Known { members: [at(1)].into(), ..Known::default() };
    let judge = |known: &Known, list: &[u8]| {
        let lists = vec![(0, list.iter().map(|node| at(*node)).collect())];
        let survey = Survey { replies: vec![says(3, 3)], lists, ..Survey::default() };
        survey.judge(known).map(|found| found.unwrap().master).map_err(|error| error.kind())
    };
    // This name never resolved to a member.
    assert_eq!(judge(&known, &[3]), Err(ErrorKind::Unavailable));
    known.listings.insert(0);
    assert_eq!(judge(&known, &[3]), Ok(at(3)));
    assert_eq!(judge(&known, &[1, 3]), Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn an_impossible_number_of_partitions_is_refused() {
    let node = TestNode::start(Options::new().partitions(70_000)).await.unwrap();
    let config = Config::new("admin", "admin", "gridauth").host("127.0.0.1", node.address().port());
    let Err(error) = Cluster::start(config).await else { panic!("it started") };
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

/// A provider that lists these ports of the loopback address.
#[cfg(feature = "provider")]
async fn provider(ports: Arc<Mutex<Vec<u16>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            let node = |port: &u16| format!(r#"{{"transaction":{{"address":"127.0.0.1","port":{port}}}}}"#);
            let nodes: Vec<String> = ports.lock().unwrap().iter().map(node).collect();
            let head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
            stream.write_all(format!("{head}[{}]", nodes.join(",")).as_bytes()).await.unwrap();
        }
    });
    address
}

#[cfg(feature = "provider")]
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
    // A node with an open connection stays, listed or not.
    *ports.lock().unwrap() = vec![21];
    again(&cluster, deadline()).await.unwrap();
    assert!(cluster.known().nodes.contains_key(&node.address().into()));
}
