//! A client program as a process, and the conversation with it: one line of JSON each way at a time.
//!
//! The suite sends the name of a flow and the address of the server. When the program would send a person's browser to a
//! URL, it sends that URL and gets the URL that the browser ends up at. At the end it reports success, or what went wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::site::Person;
use crate::tools::Interpreter;

const PATIENCE: Duration = Duration::from_secs(60);

/// How a flow failed.
pub(crate) enum Failure {
    /// The program reports what is wrong, and is ready for another flow.
    Told(String),
    /// The program no longer responds.
    Lost(String),
}

/// A running program. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
}

impl Program {
    pub(crate) fn start(interpreter: &Interpreter, script: &str) -> Self {
        let mut child = Command::new(&interpreter.command)
            .arg(interpreter.scripts.join(script))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // The issuer is on the loopback interface, without TLS.
            .env("AUTHLIB_INSECURE_TRANSPORT", "1")
            .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("its input is piped");
        let output = child.stdout.take().expect("its output is piped");
        let mut errors = child.stderr.take().expect("its errors are piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&stderr);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = errors.read(&mut chunk) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        });
        Self { child, input, lines, stderr }
    }

    /// Runs a flow, with this person at the browser.
    pub(crate) fn go_through(&mut self, flow: &str, person: &mut Person<'_>) -> Result<(), Failure> {
        self.tell(&person.briefing(flow))?;
        loop {
            let said = self.hear()?;
            if let Some(url) = said["visit"].as_str() {
                let allow = said["allow"].as_bool().expect("a decision");
                self.tell(&json!({ "redirect": person.visit(url, allow) }))?;
            } else if let Some(what) = said["failed"].as_str() {
                return Err(Failure::Told(format!("{what}\n{}", self.errors())));
            } else {
                assert_eq!(said, json!({ "through": flow }));
                return Ok(());
            }
        }
    }

    fn tell(&mut self, what: &Value) -> Result<(), Failure> {
        let told = writeln!(self.input, "{what}");
        told.map_err(|error| Failure::Lost(format!("it does not listen: {error}\n{}", self.errors())))
    }

    fn hear(&self) -> Result<Value, Failure> {
        let line = self.lines.recv_timeout(PATIENCE);
        let line =
            line.map_err(|error| Failure::Lost(format!("it is silent: {error}\n{}", self.errors())))?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::Lost(format!("{error}: {line}\n{}", self.errors())))
    }

    fn errors(&self) -> String {
        std::mem::take(&mut self.stderr.lock().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
