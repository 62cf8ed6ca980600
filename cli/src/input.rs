//! Passwords and secrets: from the terminal or a file, never from an argument, which other users of the machine could see.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use gridauth::token::Secret;

use crate::failure::Failure;

/// The longest secret that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The first line of a file; `-` is standard input.
pub(crate) fn secret_from(path: &Path) -> Result<Secret, Failure> {
    let cannot = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST).read_to_string(&mut text)
    } else {
        fs::File::open(path).map_err(cannot)?.take(LONGEST).read_to_string(&mut text)
    };
    read.map_err(cannot)?;
    let line = Secret::from(text.lines().next().unwrap_or_default());
    drop(Secret::from(text));
    if line.expose().is_empty() {
        return Err(Failure::usage(format!("{}: its first line is empty", path.display())));
    }
    Ok(line)
}

/// A new password: from a file, or typed twice.
pub(crate) fn new_password(file: Option<&Path>, of: &str) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return secret_from(file);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for the password: give it with --password-file",
        ));
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Secret::from).map_err(Failure::failed);
    let first = ask(format!("New password of {of}: "))?;
    if ask("Once more: ".to_owned())?.expose() != first.expose() {
        return Err(Failure::usage("the passwords differ"));
    }
    Ok(first)
}

/// Asks whether something is to be done that cannot be undone.
pub(crate) fn confirm(is_confirmed: bool, what: &str) -> Result<(), Failure> {
    if is_confirmed {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{what}: confirm with --yes")));
    }
    write!(io::stderr().lock(), "{what}? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}

/// Writes a secret to a new file that only its owner can read.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let cannot = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut file = options.open(path).map_err(cannot)?;
    writeln!(file, "{secret}").and_then(|()| file.sync_all()).map_err(cannot)
}
