//! Members of a JSON object, from a file and from options.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::arguments::ClientMembers;
use crate::failure::Failure;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The members that the options name: those of the file, then the others.
pub(crate) fn of_client(members: &ClientMembers) -> Result<Map<String, Value>, Failure> {
    let mut merged = match &members.file {
        Some(file) => object_in(file)?,
        None => Map::new(),
    };
    let mut add = |name: &str, value: Value| merged.insert(name.to_owned(), value);
    for (name, text) in [
        ("client_name", &members.name),
        ("scope", &members.scope),
        ("token_endpoint_auth_method", &members.auth_method),
    ] {
        if let Some(text) = text {
            add(name, json!(text));
        }
    }
    for (name, list) in [
        ("redirect_uris", &members.redirect_uri),
        ("grant_types", &members.grant_type),
        ("response_types", &members.response_type),
    ] {
        if !list.is_empty() {
            add(name, json!(list));
        }
    }
    for (name, flag) in
        [("gridauth_first_party", members.first_party), ("gridauth_resource_server", members.resource_server)]
    {
        if let Some(flag) = flag {
            add(name, json!(flag));
        }
    }
    merged.extend(assigned(&members.set)?);
    Ok(merged)
}

/// The members of arguments of the form NAME=VALUE.
pub(crate) fn assigned(arguments: &[String]) -> Result<Map<String, Value>, Failure> {
    let split = |argument: &String| {
        let (name, value) = argument
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::usage(format!("{argument:?} is not of the form NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        Ok((name.to_owned(), value))
    };
    arguments.iter().map(split).collect()
}

fn object_in(path: &Path) -> Result<Map<String, Value>, Failure> {
    let cannot = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST).read_to_string(&mut text)
    } else {
        fs::File::open(path).map_err(cannot)?.take(LONGEST).read_to_string(&mut text)
    };
    read.map_err(cannot)?;
    // The error would quote what it cannot read, which may be a secret.
    let parsed: Result<Value, _> = serde_json::from_str(&text);
    match parsed {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Failure::usage(format!("{}: it is not a JSON object", path.display()))),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Failure::usage(format!("{}: no JSON at line {line}, column {column}", path.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_text() {
        let given = ["a=1", "b=x y", "c=[\"u\"]", "d=", "e=null", "f=a=b"].map(str::to_owned);
        let members = Value::Object(assigned(&given).unwrap());
        assert_eq!(members, json!({ "a": 1, "b": "x y", "c": ["u"], "d": "", "e": null, "f": "a=b" }));
        for wrong in ["a", "=1"] {
            assert!(assigned(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
