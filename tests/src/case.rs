//! A case, and what it is given.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once, OnceLock};

use crate::demo::{Demo, Deployment, Options};
use crate::http::Request;
use crate::matrix::Combination;
use crate::{random, record};

/// One rule, and what shows whether it is kept.
#[derive(Clone, Copy)]
pub struct Case {
    /// The rule in words.
    pub name: &'static str,
    /// Where it is written.
    pub rule: &'static str,
    /// Panics where the rule is broken.
    pub run: fn(&Context),
}

/// Makes the table of cases of a file: where the rule is written, and the function that checks it.
#[macro_export]
macro_rules! cases {
    ($($rule:literal => $run:ident,)*) => {
        /// The cases of this subject.
        pub(crate) const CASES: &[$crate::Case] =
            &[$($crate::Case { name: stringify!($run), rule: $rule, run: $run }),*];
    };
}

/// Somebody who has signed up.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl User {
    /// Somebody who has not signed up yet.
    pub fn new() -> Self {
        let username = random::unique("user");
        let password = random::secret_of(&username);
        Self { username, password }
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}

/// The issuer of [`Context::https`].
pub const HTTPS_ISSUER: &str = "https://id.example.com/tenant";

/// The processes that the cases of a combination share.
#[derive(Default)]
struct Shared {
    standard: OnceLock<Demo>,
    https: OnceLock<Demo>,
    graceless: OnceLock<Demo>,
}

/// What a case is given: a combination, and processes in it.
#[derive(Clone)]
pub struct Context {
    /// The combination.
    pub combination: Combination,
    shared: Arc<Shared>,
}

impl Context {
    /// For the cases of this combination.
    pub fn new(combination: Combination) -> Self {
        Self { combination, shared: Arc::default() }
    }

    /// A process with the standard seed, which other cases use too.
    pub fn app(&self) -> &Demo {
        self.shared.standard.get_or_init(|| self.start(&Options::new("standard")))
    }

    /// The same, with an issuer that is `https` and has a path.
    pub fn https(&self) -> &Demo {
        self.shared
            .https
            .get_or_init(|| self.start(&Options::new("https").env("GRIDAUTH_ISSUER", HTTPS_ISSUER)))
    }

    /// The same, without a grace window for refresh tokens.
    pub fn graceless(&self) -> &Demo {
        self.shared
            .graceless
            .get_or_init(|| self.start(&Options::new("graceless").env("GRIDAUTH_REFRESH_GRACE", "0")))
    }

    /// A deployment of its own.
    pub fn deployment(&self) -> Arc<Deployment> {
        Deployment::new(self.combination)
    }

    /// A process of its own, in a deployment of its own.
    pub fn start(&self, options: &Options) -> Demo {
        Demo::start(&self.deployment(), options)
    }

    /// Somebody who has signed up at [`app`](Self::app).
    pub fn user(&self) -> User {
        self.user_at(self.app())
    }

    /// Somebody who has signed up there.
    pub fn user_at(&self, app: &Demo) -> User {
        let user = User::new();
        let fields = [("username", user.username.as_str()), ("password", user.password.as_str())];
        app.send(&Request::form("/sign_up", &fields)).expect(201);
        user
    }
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body`; its panic is an error that tells place and message.
///
/// # Errors
/// What the panic said.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let message = message_of(info.payload());
            LAST_PANIC.with(|last| *last.borrow_mut() = format!("{place}: {message}"));
        }));
    });
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| LAST_PANIC.with(RefCell::take))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Runs `body` on so many threads at once, each with its number, and gathers what they give.
///
/// # Panics
/// Where one of them does.
pub fn at_once<T: Send>(threads: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        let (barrier, body) = (&barrier, &body);
        let running: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    record::of_thread(|| caught(|| body(number)))
                })
            })
            .collect();
        let mut answers = Vec::new();
        let given = running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok((Ok(value), answered)) => {
                    answers.extend(answered);
                    value
                }
                Ok((Err(message), _)) => panic!("in one of {threads} threads: {message}"),
                Err(_) => panic!("one of {threads} threads did not end well"),
            })
            .collect();
        record::at_once(answers);
        given
    })
}
