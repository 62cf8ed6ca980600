//! The commands, one file a subject.

mod access;
mod client;
mod data;
mod doctor;
mod keys;
mod members;
mod user;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::output::Output;
use crate::store;

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    if let Command::Completions { shell } = arguments.command {
        let mut command = Arguments::command();
        clap_complete::generate(shell, &mut command, "gridauth", &mut std::io::stdout());
        return Ok(ExitCode::SUCCESS);
    }
    let store = store::open(&arguments).await?;
    match &arguments.command {
        Command::Copy(copy) => {
            data::copy(&store, copy, output).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Snapshot { path } => {
            data::snapshot(&store, path, output).await?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let auth = store::server(&arguments, store).await?;
    match &arguments.command {
        Command::Client(command) => client::run(&auth, command, output).await?,
        Command::User(command) => user::run(&auth, command, output).await?,
        Command::Access(command) => access::run(&auth, command, output).await?,
        Command::Sweep => data::sweep(&auth, output).await?,
        Command::Doctor => return doctor::run(&auth, output).await,
        Command::Keys(command) => keys::run(&auth, command, output).await?,
        Command::Secret(_) => keys::reseal(&arguments, &auth, output).await?,
        Command::Copy(_) | Command::Snapshot { .. } | Command::Completions { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
