//! The arguments of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use gridauth::identity::UsernameComparison;
use gridauth::jose::Algorithm;

/// Administers the store of a gridauth server: clients, users, access, keys, copies and checks.
///
/// The embedded store is open in one process at a time: stop the application first, or call its admin API. Exit status: 0 done, 1
/// failed, 2 wrong arguments, 3 there is no such thing, 4 `doctor` found problems.
#[derive(Debug, Parser)]
#[command(name = "gridauth", version)]
pub(crate) struct Arguments {
    /// The store: file:PATH, sqlite:PATH, griddb://…, postgres://…, or @FILE for a file with the URL; by default the variable GRIDAUTH_STORE.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A file with the application's secret; by default the variable GRIDAUTH_SECRET.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// A file with the application's secret before this one; by default the variable GRIDAUTH_SECRET_PREVIOUS.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) previous_secret_file: Option<PathBuf>,
    /// How the application compares usernames.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) usernames: Usernames,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How usernames are compared.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Usernames {
    /// By the PRECIS profile Nickname, without regard to case: the default of the library too.
    #[default]
    Nickname,
    /// Character by character.
    Exact,
}

impl From<Usernames> for UsernameComparison {
    fn from(usernames: Usernames) -> Self {
        match usernames {
            Usernames::Nickname => Self::Nickname,
            Usernames::Exact => Self::Exact,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Registered clients.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Users in the server's store.
    #[command(subcommand)]
    User(UserCommand),
    /// Who has access to what.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Removes expired rows. Running servers do it by themselves.
    Sweep,
    /// Copies everything to another store and compares it. Tokens stay valid there.
    Copy(CopyArguments),
    /// Writes the embedded store to a new file, which is a store of its own.
    Snapshot {
        /// The new file.
        path: PathBuf,
    },
    /// Reads every row and says what is wrong. Changes nothing.
    Doctor,
    /// Signing keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The application's secret.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Registers a client. One that needs a secret gets one, which is printed once.
    Add {
        /// The `client_id`; a random one if it is left out.
        client_id: Option<String>,
        #[command(flatten)]
        members: ClientMembers,
        /// Write the secret to this new file instead of printing it.
        #[arg(long, value_name = "FILE")]
        secret_out: Option<PathBuf>,
    },
    /// Lists the clients.
    List,
    /// Shows a client as client metadata (RFC 7591).
    Show {
        /// The `client_id`.
        client_id: String,
    },
    /// Changes a client. What is not named stays.
    Edit {
        /// The `client_id`.
        client_id: String,
        #[command(flatten)]
        members: ClientMembers,
        /// Leave out this member of the metadata.
        #[arg(long, value_name = "MEMBER")]
        unset: Vec<String>,
    },
    /// Gives a client a new secret. The one that it has stays valid for a while.
    RotateSecret {
        /// The `client_id`.
        client_id: String,
        /// How long the former secret stays valid: 30m, 24h or 7d; 0 ends all former ones at once.
        #[arg(long, default_value = "24h", value_parser = duration)]
        overlap: Duration,
        /// Write the secret to this new file instead of printing it.
        #[arg(long, value_name = "FILE")]
        secret_out: Option<PathBuf>,
    },
    /// Removes a client with all its grants and consents.
    Remove {
        /// The `client_id`.
        client_id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Members of a client's metadata.
#[derive(Args, Debug)]
pub(crate) struct ClientMembers {
    /// A file with client metadata (RFC 7591) as a JSON object; `-` is standard input. The other options replace its members.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The name that users see.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A redirect URI. All that are given replace those that there are.
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Vec<String>,
    /// A grant type. All that are given replace those that there are.
    #[arg(long, value_name = "TYPE")]
    pub(crate) grant_type: Vec<String>,
    /// A response type. All that are given replace those that there are.
    #[arg(long, value_name = "TYPE")]
    pub(crate) response_type: Vec<String>,
    /// The scope that it may ask for, as a space-separated list.
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// How it authenticates: client_secret_basic, none, private_key_jwt, …
    #[arg(long, value_name = "METHOD")]
    pub(crate) auth_method: Option<String>,
    /// Ask users for no consent.
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) first_party: Option<bool>,
    /// Let it introspect every token.
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) resource_server: Option<bool>,
    /// Any other member, as MEMBER=VALUE. A value that is JSON is taken as that, anything else as text.
    #[arg(long, value_name = "MEMBER=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Creates a user. The password is typed, or read from a file.
    Add {
        /// The username.
        username: String,
        /// The subject; a random one if it is left out. It is never given to another person.
        #[arg(long)]
        sub: Option<String>,
        /// An OpenID Connect claim, as NAME=VALUE. A value that is JSON is taken as that, anything else as text.
        #[arg(long, value_name = "NAME=VALUE")]
        claim: Vec<String>,
        /// A file with the password in its first line; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Lists the users.
    List,
    /// Gives a user another password, and ends the user's sessions and grants.
    Password {
        /// The username.
        username: String,
        /// A file with the password in its first line; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Removes a user with all sessions, grants and consents.
    Remove {
        /// The username.
        username: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Lists the grants of a user, or of a client.
    List {
        #[command(flatten)]
        of: AccessOf,
    },
    /// Ends access: one grant, all of a user, all of a client, or what a client has of a user.
    Revoke {
        /// The id of a grant.
        #[arg(long, value_name = "ID", conflicts_with_all = ["user", "client"], required_unless_present_any = ["user", "client"])]
        grant: Option<String>,
        /// The subject of a user. The user's sessions end too, unless --client names one client, whose consent is withdrawn then.
        #[arg(long, value_name = "SUB")]
        user: Option<String>,
        /// A `client_id`.
        #[arg(long, value_name = "CLIENT")]
        client: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct AccessOf {
    /// The subject of a user.
    #[arg(long, value_name = "SUB")]
    pub(crate) user: Option<String>,
    /// A `client_id`.
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CopyArguments {
    /// The target: a URL, or @FILE for a file with the URL. The source is --store.
    pub(crate) to: String,
    /// Make the target equal to the source whatever it has: rows that the source lacks are removed from it.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Lists the signing keys.
    List,
    /// Makes a new key. It is published now and signs a day later.
    Rotate {
        /// The algorithm: RS256, ES256 or EdDSA.
        #[arg(value_parser = algorithm)]
        algorithm: Algorithm,
        /// It signs at once: for a key that must not sign any more.
        #[arg(long)]
        at_once: bool,
    },
    /// Removes a key that is compromised. What it signed is not believed any more.
    Withdraw {
        /// The key's id.
        kid: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Seals everything anew under the secret, which was sealed under the previous one or the store's own. Then the previous one can be
    /// given up.
    Rotate,
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name).ok_or_else(|| {
        let names = Algorithm::ALL.map(Algorithm::name);
        format!("it must be one of {}", names.join(", "))
    })
}

/// A number with the unit `s`, `m`, `h` or `d`, or 0.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a number with its unit: 90s, 30m, 24h or 7d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(unit_at);
    let secs: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(secs).filter(|secs| *secs <= MOST_SECS).map(Duration::from_secs).ok_or_else(wrong)
}

/// Ten years.
const MOST_SECS: u64 = 10 * 365 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for wrong in ["", "7", "d", "-1d", "7 d", "1w", "99999999999999999999d", "4000d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
