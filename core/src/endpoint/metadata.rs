use serde_json::{Map, Value};

use crate::jose::Algorithm;
use crate::model::AuthMethod;

/// Authorization server metadata (RFC 8414 section 2), assembled from what endpoints, grants and extensions add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Metadata without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a member.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Appends values to a list member, without those that it already has. Creates the member if necessary, even for no values.
    pub fn add(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = impl Into<Value>>) {
        let list = self.0.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(list) = list else { return };
        for value in values.into_iter().map(Into::into) {
            if !list.contains(&value) {
                list.push(value);
            }
        }
    }

    /// Adds the methods by which clients authenticate at an endpoint: `token_endpoint` and the like. Where one of them has assertions,
    /// their algorithms are added too (RFC 8414 section 2).
    pub fn add_authentication<'a>(
        &mut self,
        endpoint: &str,
        methods: impl IntoIterator<Item = &'a AuthMethod>,
    ) {
        let methods: Vec<&AuthMethod> = methods.into_iter().collect();
        self.add(format!("{endpoint}_auth_methods_supported"), methods.iter().map(|method| method.as_str()));
        let algorithms = format!("{endpoint}_auth_signing_alg_values_supported");
        if methods.contains(&&AuthMethod::PrivateKeyJwt) {
            self.add(&*algorithms, Algorithm::ALL.map(Algorithm::name));
        }
        if methods.contains(&&AuthMethod::SecretJwt) {
            self.add(&*algorithms, ["HS256"]);
        }
    }

    /// A member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The JSON document.
    pub(crate) fn to_document(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}
