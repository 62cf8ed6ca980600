//! A test node as a process of its own, for clients in other languages and for trying an application out.
//!
//! ```text
//! griddb-test-node [--port 10001] [--partitions 128] [--user admin] [--password admin] [--cluster gridauth]
//!                  [--log-write-mode 1] [--login-flaw]
//! ```
//!
//! Prints one line when it listens. Its data are in memory: they go with the process.

use griddb_test_node::{LogWrite, Options, TestNode};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match parse(std::env::args().skip(1)) {
        Ok(options) => run(options).await,
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            drop(writeln!(std::io::stderr(), "griddb-test-node: {problem}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let node = TestNode::start(options).await.map_err(|error| error.to_string())?;
    writeln!(std::io::stdout(), "griddb-test-node listens on {}", node.address())
        .map_err(|error| error.to_string())?;
    std::future::pending().await
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut user, mut password) = ("admin".to_owned(), "admin".to_owned());
    let mut options = Options::new().port(10001);
    while let Some(name) = arguments.next() {
        if name == "--login-flaw" {
            options = options.login_flaw(true);
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} needs a number"));
        options = match name.as_str() {
            "--port" => options.port(u16::try_from(number()?).map_err(|_| "--port is too large")?),
            "--partitions" => options.partitions(number()?),
            "--user" => {
                user = value;
                options
            }
            "--password" => {
                password = value;
                options
            }
            "--cluster" => options.cluster(&value),
            "--log-write-mode" => options.log_write(match value.as_str() {
                "0" | "-1" => LogWrite::EveryCommit,
                _ => LogWrite::Every(Duration::from_secs(u64::from(number()?))),
            }),
            _ => return Err(format!("unknown argument {name}")),
        };
    }
    Ok(options.user(&user, &password))
}
