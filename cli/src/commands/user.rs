//! `gridauth user`.

use gridauth::identity::SignUpError;
use gridauth::{GridAuth, ListOptions};
use serde_json::{Value, json};

use super::members::assigned;
use crate::arguments::UserCommand;
use crate::failure::Failure;
use crate::input::{confirm, new_password};
use crate::output::{Output, shown, table};

pub(crate) async fn run(auth: &GridAuth, command: &UserCommand, output: &Output) -> Result<(), Failure> {
    match command {
        UserCommand::Add { username, sub, claim, password_file } => {
            let claims = assigned(claim)?;
            let password = new_password(password_file.as_deref(), username)?;
            // The sign-up decides whether the name is free.
            let mut user = auth.users().sign_up(username, &password).await.map_err(sign_up_failed)?;
            if sub.is_some() || !claims.is_empty() {
                let subject = sub.as_deref().unwrap_or(user.subject()).to_owned();
                let put = auth.put_user(username, &password, &subject, claims).await;
                user = match put {
                    Ok(user) => user,
                    Err(error) => {
                        let failure = sign_up_failed(error);
                        auth.remove_user(username).await.map_err(Failure::failed)?;
                        return Err(failure);
                    }
                };
            }
            let document = json!({ "username": user.username(), "sub": user.subject() });
            output.print(&document, || {
                vec![format!("user {}", shown(user.username())), format!("sub {}", shown(user.subject()))]
            })
        }
        UserCommand::List => list(auth, output).await,
        UserCommand::Password { username, password_file } => {
            let password = new_password(password_file.as_deref(), username)?;
            if !auth.set_password(username, &password).await.map_err(sign_up_failed)? {
                return Err(no_user(username));
            }
            output.print(&json!({ "username": username }), || {
                vec![format!("{}: the password is changed; sessions and grants have ended", shown(username))]
            })
        }
        UserCommand::Remove { username, yes } => {
            confirm(*yes, &format!("Remove the user {username:?} with all sessions, grants and consents"))?;
            if !auth.remove_user(username).await.map_err(Failure::failed)? {
                return Err(no_user(username));
            }
            output.print(&json!({ "removed": username }), || vec![format!("removed {}", shown(username))])
        }
    }
}

fn no_user(username: &str) -> Failure {
    Failure::NotFound(format!("there is no user {username:?}"))
}

fn sign_up_failed(error: SignUpError) -> Failure {
    match error {
        SignUpError::Username | SignUpError::Password | SignUpError::PasswordPolicy(_) => {
            Failure::Usage(error.to_string())
        }
        error => Failure::failed(error),
    }
}

async fn list(auth: &GridAuth, output: &Output) -> Result<(), Failure> {
    let (mut documents, mut unreadable) = (Vec::new(), Vec::new());
    let mut rows = vec![["username", "sub"].map(str::to_owned).to_vec()];
    let mut options = ListOptions::new().limit(ListOptions::MAX_LIMIT);
    loop {
        let page = auth.list_users(options.clone()).await?;
        for user in &page.items {
            documents.push(json!({
                "username": user.username(),
                "sub": user.subject(),
                "signed_up_at": user.signed_up().as_secs(),
                "claims": Value::Object(user.claims().clone()),
            }));
            rows.push(vec![user.username().to_owned(), user.subject().to_owned()]);
        }
        unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => options = options.after(next),
            None => break,
        }
    }
    for id in &unreadable {
        output.note(&format!("the user {id:?} cannot be read: see gridauth doctor"));
    }
    output.print(&json!({ "users": documents, "unreadable": unreadable }), || table(&rows))
}
