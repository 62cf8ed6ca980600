//! The README's tour of the demo: its curl commands are read from the README and sent.

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::User;
use gridauth_conformance::oauth::{Redirect, Tokens};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases};
use serde_json::{Value, json};

cases! {
    "README.md, Try the demo" => the_tour_of_the_demo_works,
}

/// The address that the README uses.
const THERE: &str = "http://127.0.0.1:8080";

/// The fenced blocks of the section with this heading, each with its language.
fn blocks(heading: &str) -> Vec<(&'static str, &'static str)> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let fenced = section.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a fence ends its line")).collect()
}

/// The curl commands of a block, each split into words.
fn commands(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    joined.lines().filter(|line| line.starts_with("curl ")).map(words).collect()
}

/// The words of a line; a word may be in double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in line.split('"').enumerate() {
        let mut pieces = if number % 2 == 1 { vec![part] } else { part.split(' ').collect() }.into_iter();
        let last = words.last_mut().expect("there is one");
        last.push_str(pieces.next().unwrap_or_default());
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Sends what curl would send, with this value for the shell variable.
#[track_caller]
fn curl(app: &Demo, words: &[String], variable: (&str, &str)) -> Response {
    let mut words = words.iter().skip(1).map(|word| word.replace(variable.0, variable.1));
    let (mut target, mut headers, mut data, mut parts) = (None, Vec::new(), Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value goes with the option");
        match word.as_str() {
            "-i" => {}
            "-d" => data.push(value()),
            "-F" => parts.push(value()),
            "-H" => headers.push(value()),
            _ => {
                let path = word
                    .strip_prefix(THERE)
                    .unwrap_or_else(|| panic!("neither a known option nor a URL of the demo: {word}"));
                assert_eq!(target.replace(path.to_owned()), None, "a second URL");
            }
        }
    }
    let target = target.expect("a URL");
    let parts: Vec<(&str, &str)> = parts.iter().filter_map(|part| part.split_once('=')).collect();
    let mut request = match (data.is_empty(), parts.is_empty()) {
        (true, true) => Request::get(target),
        (false, true) => Request::raw_form(target, data.join("&")),
        (true, false) => Request::multipart(target, &parts),
        (false, false) => panic!("curl takes -d or -F"),
    };
    for header in headers {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    app.send(&request)
}

fn the_tour_of_the_demo_works(context: &Context) {
    let blocks = blocks("Try the demo");
    let [("sh", start), ("sh", private), ("sh", seeded), ("text", url), ("sh", redemption)] = &*blocks else {
        panic!("unexpected blocks: {blocks:?}");
    };
    assert_eq!(start.trim(), "cargo run --release -p axum-app");
    let deployment = context.deployment();
    let options = Options::new("the tour of the README").no_seed();
    let mut app = Demo::start(&deployment, &options);

    let commands_of_private = commands(private);
    let [sign_up, sign_in, without, with] = &*commands_of_private else {
        panic!("other commands: {private}");
    };
    let none = ("$NOTHING", "");
    assert_eq!(curl(&app, sign_up, none).expect(201).json(), json!({"username": "israel"}));
    let tokens = Tokens::of(&curl(&app, sign_in, none));
    curl(&app, without, none).expect(401);
    let token = ("$TOKEN", tokens.access.as_str());
    assert!(with.iter().any(|word| word.contains(token.0)));
    assert!(curl(&app, with, token).expect(200).text().starts_with("This is a private page"));
    if context.combination.store.durable {
        app.kill();
        app = Demo::start(&deployment, &options);
        curl(&app, with, token).expect(200);
    }
    app.kill();

    let (_, heredoc) = seeded.split_once("cat > seed.json <<'JSON'\n").expect("a seed file");
    let (seed, started) = heredoc.split_once("\nJSON\n").expect("the end of the seed file");
    assert_eq!(started.trim(), "GRIDAUTH_SEED=seed.json cargo run --release -p axum-app");
    let app = Demo::start(&deployment, &Options::new("the seed of the README").seed_text(seed.to_owned()));
    let seed: Value = serde_json::from_str(seed).expect("the seed is JSON");
    let text = |member: &str| seed["users"][0][member].as_str().expect("a text").to_owned();
    let user = User { username: text("username"), password: text("password") };
    let mut browser = Browser::new(&app);
    let page = browser.get(url.trim().strip_prefix(THERE).expect("it is there"));
    assert!(is_sign_in(&page), "{page:#}");
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page), "{page:#}");
    let redirect = Redirect::of(&browser.allow(&page));
    assert_eq!((redirect.uri.as_str(), redirect.get("state")), ("http://127.0.0.1:9999/cb", Some("xyz")));

    let code = ("$CODE", redirect.get("code").expect("a code"));
    let commands = commands(redemption);
    assert!(commands.len() == 1 && commands[0].iter().any(|word| word.contains(code.0)), "{commands:?}");
    let tokens = Tokens::of(&curl(&app, &commands[0], code));
    assert_eq!(tokens.scope, "notes.read");
    app.send(&Request::get("/notes").bearer(&tokens.access)).expect(200);
}
