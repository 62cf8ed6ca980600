//! `gridauth`: changes what a gridauth server keeps in its store. `gridauth help` tells the commands, and `docs/operating.md` when to
//! use which.

mod arguments;
mod commands;
mod failure;
mod input;
mod output;
mod progress;
mod store;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::Arguments;
use self::output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let output = Output::new(arguments.json);
    match commands::run(arguments, &output).await {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}
