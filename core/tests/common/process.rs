//! Runs the test's own binary as another process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// The prefix that tells our lines from those of the test harness.
const MARK: &str = "@ ";

/// A test of this binary that runs as its own process. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// The lines that it says; ends when the process does.
    pub(crate) said: Receiver<String>,
}

impl Process {
    /// Starts the ignored test `name`, which gets `argument` through the environment.
    pub(crate) fn start(name: &str, argument: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ARGUMENT, argument)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The harness may start the line with the name of the test.
                if let Some((_, line)) = line.split_once(MARK)
                    && say.send(line.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// Kills it without warning, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ARGUMENT: &str = "GRIDAUTH_TEST_ARGUMENT";

/// In the process: the argument that it was started with; `None` if the test was started by hand.
pub(crate) fn argument() -> Option<String> {
    std::env::var(ARGUMENT).ok()
}

/// In the process: says a line, in one write.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
