//! The test's own binary, run as another process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// What comes before what we say, among what the test harness prints.
const MARK: &str = "@ ";

/// A test of this binary that runs as a process of its own. It is killed when this goes.
pub(crate) struct Process {
    child: Child,
    /// The lines that it said; ends when it does.
    pub(crate) said: Receiver<String>,
}

impl Process {
    /// Starts the ignored test `name`, which finds `argument` in the environment.
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
                // The harness begins a line with the name of the test, and ours ends it.
                if let Some((_, line)) = line.split_once(MARK)
                    && say.send(line.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// Ends it as a power cut would, and waits until it is gone.
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

/// In the process: what it was started with; nothing where the test was started by hand.
pub(crate) fn argument() -> Option<String> {
    std::env::var(ARGUMENT).ok()
}

/// In the process: says a line, whole.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
