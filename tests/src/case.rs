//! A case, and the context that it runs in.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once, OnceLock};

use crate::demo::{Demo, Deployment, Options};
use crate::http::Request;
use crate::matrix::Combination;
use crate::{random, record};

/// One rule, and the function that checks it.
#[derive(Clone, Copy)]
pub struct Case {
    /// The rule in words.
    pub name: &'static str,
    /// Where it is written.
    pub rule: &'static str,
    /// Panics if the rule is broken.
    pub run: fn(&Context),
}

/// Defines the cases of a file: where each rule is written, and the function that checks it.
#[macro_export]
macro_rules! cases {
    ($($rule:literal => $run:ident,)*) => {
        /// The cases of this subject.
        pub(crate) const CASES: &[$crate::Case] =
            &[$($crate::Case { name: stringify!($run), rule: $rule, run: $run }),*];
    };
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl User {
    /// A user who has not signed up yet.
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

/// The processes shared by all cases of a combination.
#[derive(Default)]
struct Shared {
    standard: OnceLock<Demo>,
    https: OnceLock<Demo>,
    graceless: OnceLock<Demo>,
}

/// What a case is given: a combination of framework and store, and processes that run on it.
#[derive(Clone)]
pub struct Context {
    /// The framework and the store.
    pub combination: Combination,
    shared: Arc<Shared>,
}

impl Context {
    /// A context for the cases of this combination.
    pub fn new(combination: Combination) -> Self {
        Self { combination, shared: Arc::default() }
    }

    /// A process with the standard seed, shared with other cases.
    pub fn app(&self) -> &Demo {
        self.shared.standard.get_or_init(|| self.start(&Options::new("standard")))
    }

    /// Like [`app`](Self::app), with an `https` issuer that has a path.
    pub fn https(&self) -> &Demo {
        self.shared
            .https
            .get_or_init(|| self.start(&Options::new("https").env("GRIDAUTH_ISSUER", HTTPS_ISSUER)))
    }

    /// Like [`app`](Self::app), without a grace window for refresh tokens.
    pub fn graceless(&self) -> &Demo {
        self.shared
            .graceless
            .get_or_init(|| self.start(&Options::new("graceless").env("GRIDAUTH_REFRESH_GRACE", "0")))
    }

    /// A new deployment for this case alone.
    pub fn deployment(&self) -> Arc<Deployment> {
        Deployment::new(self.combination)
    }

    /// A new process on a new deployment, for this case alone.
    pub fn start(&self, options: &Options) -> Demo {
        Demo::start(&self.deployment(), options)
    }

    /// A user who has signed up at [`app`](Self::app).
    pub fn user(&self) -> User {
        self.user_at(self.app())
    }

    /// A user who has signed up at this process.
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

/// Runs `body`, and turns a panic into an error.
///
/// # Errors
/// The location and message of the panic.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let message = message_of(info.payload());
            LAST_PANIC.with(|last| *last.borrow_mut() = format!("{location}: {message}"));
        }));
    });
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| LAST_PANIC.with(RefCell::take))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Runs `body` on this many threads at once, each with its number, and collects the results.
///
/// # Panics
/// If one of them does.
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
                Err(_) => panic!("one of {threads} threads could not be joined"),
            })
            .collect();
        record::at_once(answers);
        given
    })
}
