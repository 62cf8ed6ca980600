use crate::protocol::Scope;

/// Which claims a scope gives (OpenID Connect Core section 5.4).
const STANDARD: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The claims that each scope gives: the standard ones, and those of the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeClaims(Vec<(String, Vec<String>)>);

impl ScopeClaims {
    /// Lets a scope give these claims too.
    pub(crate) fn add(&mut self, scope: String, claims: Vec<String>) {
        self.0.push((scope, claims));
    }

    /// Each scope with a claim that it gives.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let standard =
            STANDARD.iter().flat_map(|(scope, claims)| claims.iter().map(|claim| (*scope, *claim)));
        let own = self.0.iter().flat_map(|(scope, claims)| claims.iter().map(|claim| (&**scope, &**claim)));
        standard.chain(own)
    }

    /// The scopes that give a claim. One in a language, `name#ja`, is given by the scope of its base (OpenID Connect Core section 5.2).
    pub(crate) fn scopes_of(&self, claim: &str) -> impl Iterator<Item = &str> {
        let base = base_of(claim);
        self.pairs().filter(move |(_, given)| *given == base).map(|(scope, _)| scope)
    }

    /// Whether the scope gives this claim.
    pub(super) fn gives(&self, scope: &Scope, claim: &str) -> bool {
        self.scopes_of(claim).any(|token| scope.contains(token))
    }

    /// The names of all claims that a scope gives.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs().map(|(_, claim)| claim)
    }
}

/// The name of a claim without its language.
pub(super) fn base_of(claim: &str) -> &str {
    claim.split_once('#').map_or(claim, |(base, _)| base)
}
