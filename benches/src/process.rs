//! Starts, observes and stops server processes.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Result;

/// A running server.
pub(crate) struct Server {
    child: Child,
    pid: u32,
    /// The address that it listens on, as `ADDRESS:PORT`.
    pub(crate) address: String,
    /// The `Authorization` header of its client, which it prints when it is ready.
    pub(crate) authorization: String,
}

impl Server {
    /// Starts one of the servers of this program; see [`crate::serve`]. `spread` lets it use every core.
    pub(crate) async fn start(what: &str, on: &str, spread: bool) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", what, on, if spread { "all" } else { "0" }]);
        Self::of(command).await
    }

    /// Starts a server that prints `listening on http://ADDRESS` once it is ready.
    pub(crate) async fn of(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or("the server is gone")?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        let read = output.read_line(&mut line);
        let _ = tokio::time::timeout(Duration::from_secs(120), read)
            .await
            .map_err(|_| "the server does not start")??;
        let said = line.trim_end().strip_prefix("listening on http://").ok_or("the server did not start")?;
        let (address, authorization) = said.split_once(' ').unwrap_or((said, ""));
        Ok(Self { child, pid, address: address.to_owned(), authorization: authorization.to_owned() })
    }

    /// The CPU time used so far by all its threads, including finished ones.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The second field is a name in parentheses and may contain anything.
        let (_, rest) = stat.rsplit_once(')').ok_or("no such process")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory_of(self.pid)
    }

    /// Kills it, as a crash would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Like [`kill`](Self::kill), while others still talk to it.
    pub(crate) fn crash(&self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    /// Asks it to exit, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await??;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid.try_into()?).ok_or("no such process")?;
        Ok(kill_process(pid, signal)?)
    }
}

/// Resident memory of a process in bytes.
pub(crate) fn memory_of(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("the memory of the process is unknown")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("the memory of the process is unknown")?.parse()?;
    Ok(kib * 1024)
}

/// Pins this process to one core, if there is more than one.
pub(crate) fn pin(core: usize) -> Result<()> {
    if std::thread::available_parallelism()?.get() > core {
        let mut set = rustix::thread::CpuSet::new();
        set.set(core);
        rustix::thread::sched_setaffinity(None, &set)?;
    }
    Ok(())
}
