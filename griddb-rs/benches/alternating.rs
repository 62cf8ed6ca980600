//! Alternates with another client of the same server in slices of a tenth of a second. A machine's performance
//! changes from minute to minute, so only neighbouring slices are comparable.
//!
//! `GRIDAUTH_TEST_GRIDDB` names the server, and `GRIDAUTH_BENCH_PEER` is the command of the other client. That
//! program creates its rows, prints `ready`, and then answers each line `OPERATION CALLERS MILLISECONDS` on its
//! standard input with a line `MEDIAN-MICROSECONDS OPERATIONS-PER-SECOND`, until the input ends.
//! `benches/Alternating.java` does this for the official Java client and describes how to start it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use griddb_rs::{Client, Collection, ColumnType, Schema, Timestamp, tql};
use tokio::runtime::{Builder, Runtime};

const KEYS: usize = 2000;
const WARM_UP: usize = 8000;
const ROUNDS: usize = 30;

/// An operation, the number of concurrent callers on this client's single connection, and the number of the other
/// client's connections.
const CASES: [(&str, usize, usize); 6] =
    [("get", 1, 1), ("put", 1, 1), ("tql", 1, 1), ("get", 64, 8), ("put", 64, 8), ("tql", 64, 8)];

type Line = (String, String, i64, Timestamp);

fn key(n: usize) -> String {
    format!("key{:06}", n % KEYS)
}

fn row(n: usize) -> Line {
    (key(n), format!("value-{n}"), n as i64, Timestamp::from_millis(1_700_000_000_000 + n as i64))
}

async fn run(rows: &Collection, operation: &str, n: usize) {
    match operation {
        "get" => assert!(rows.get_as::<Line>(key(n)).await.unwrap().is_some()),
        "put" => assert!(rows.put(row(n)).await.unwrap()),
        _ => {
            let tql = tql::bind("select * where k = ?", &[&key(n)]).unwrap();
            assert_eq!(rows.query(tql).rows_as::<Line>().await.unwrap().len(), 1);
        }
    }
}

/// The result of one slice.
#[derive(Clone, Copy)]
struct Slice {
    median: f64,
    per_second: f64,
}

/// This client, on its own runtime.
struct Ours {
    runtime: Runtime,
    client: Client,
    rows: Collection,
}

impl Ours {
    fn new(runtime: Runtime, url: &str, name: &str) -> Self {
        let schema = Schema::new()
            .key("k", ColumnType::String)
            .nullable("v", ColumnType::String)
            .column("n", ColumnType::Long)
            .nullable("t", ColumnType::Timestamp);
        let (client, rows) = runtime.block_on(async {
            let client = Client::connect(url).await.unwrap();
            let rows = client.open_or_create(name, &schema).await.unwrap();
            for start in (0..KEYS).step_by(500) {
                rows.put_many(&(start..start + 500).map(row).collect::<Vec<_>>()).await.unwrap();
            }
            for n in 0..WARM_UP {
                run(&rows, CASES[n % CASES.len()].0, n).await;
            }
            (client, rows)
        });
        Self { runtime, client, rows }
    }

    fn slice(&self, operation: &'static str, callers: usize, length: Duration) -> Slice {
        let start = Instant::now();
        let end = start + length;
        let rows = &self.rows;
        let mut times = self.runtime.block_on(async {
            let callers: Vec<_> = (0..callers)
                .map(|caller| {
                    let rows = rows.clone();
                    tokio::spawn(async move {
                        let mut times = Vec::new();
                        for n in caller * 31.. {
                            let begun = Instant::now();
                            if begun >= end {
                                break;
                            }
                            run(&rows, operation, n).await;
                            times.push(begun.elapsed());
                        }
                        times
                    })
                })
                .collect();
            let mut all = Vec::new();
            for caller in callers {
                all.extend(caller.await.unwrap());
            }
            all
        });
        let per_second = times.len() as f64 / start.elapsed().as_secs_f64();
        times.sort_unstable();
        Slice { median: times[times.len() / 2].as_secs_f64() * 1e6, per_second }
    }

    fn close(self, name: &str) {
        self.runtime.block_on(async {
            self.client.drop_collection(name).await.unwrap();
            self.client.close().await;
        });
    }
}

/// The other client.
struct Peer {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(command: &str) -> Self {
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(output.next().unwrap().unwrap(), "ready", "the other client has not started");
        Self { process, input, output }
    }

    fn slice(&mut self, operation: &str, callers: usize, length: Duration) -> Slice {
        writeln!(self.input.as_mut().unwrap(), "{operation} {callers} {}", length.as_millis()).unwrap();
        let answer = self.output.next().unwrap().unwrap();
        let (median, per_second) = answer.split_once(' ').unwrap();
        Slice { median: median.parse().unwrap(), per_second: per_second.parse().unwrap() }
    }

    fn end(mut self) {
        drop(self.input.take());
        self.process.wait().unwrap();
    }
}

/// The median and the interquartile range.
fn middle(mut values: Vec<f64>) -> String {
    values.sort_unstable_by(f64::total_cmp);
    let at = |part: usize| values[values.len() * part / 4];
    format!("{:.2} ({:.2}..{:.2})", at(2), at(1), values[values.len() - 1 - values.len() / 4])
}

fn main() {
    let (Ok(url), Ok(command)) =
        (std::env::var("GRIDAUTH_TEST_GRIDDB"), std::env::var("GRIDAUTH_BENCH_PEER"))
    else {
        eprintln!(
            "SKIPPED: GRIDAUTH_TEST_GRIDDB names a server, GRIDAUTH_BENCH_PEER the command of a client"
        );
        return;
    };
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tag = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let names = ["one thread", "two threads"];
    let containers = ["one", "two"].map(|runtime| format!("turns_{runtime}_{tag:x}"));
    let ours = [Ours::new(one, &url, &containers[0]), Ours::new(two, &url, &containers[1])];
    let mut peer = Peer::start(&command);
    for (operation, callers, connections) in CASES {
        let length = Duration::from_millis(if callers == 1 { 100 } else { 200 });
        let mut theirs = Vec::new();
        let mut mine = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for turn in 0..3 {
                match (round + turn) % 3 {
                    2 => theirs.push(peer.slice(operation, connections, length)),
                    which => mine[which].push(ours[which].slice(operation, callers, length)),
                }
            }
        }
        let one_at_a_time = callers == 1;
        let figure = |slice: &Slice| if one_at_a_time { slice.median } else { slice.per_second };
        let (what, unit) = if one_at_a_time { ("time", "us") } else { ("throughput", "a second") };
        let figures = |slices: &[Slice]| middle(slices.iter().map(figure).collect());
        println!("{operation}, {callers} in flight, the other client's {connections}: {unit}");
        println!("  the other client: {}", figures(&theirs));
        for (name, mine) in names.iter().zip(&mine) {
            let ratios = mine.iter().zip(&theirs).map(|(mine, theirs)| figure(mine) / figure(theirs));
            println!("  {name}: {}; {what} as a part of its {}", figures(mine), middle(ratios.collect()));
        }
    }
    peer.end();
    for (ours, name) in ours.into_iter().zip(&containers) {
        ours.close(name);
    }
}
