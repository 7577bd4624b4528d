//! Writes canned and custom policies byte for byte, and parses the custom policies of requests.
//! Never evaluates a condition; see `verify`.

use serde::Deserialize;

use crate::resource::Resource;

/// Returns the canned policy for a URL: a fixed form without white space. The policy itself is
/// never sent. The edge rebuilds it from the request, so a single different byte makes the
/// signature invalid.
pub fn canned_policy(resource: &str, expires: u64) -> String {
    format!(
        "{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{expires}}}}}}}]}}"
    )
}

/// Returns a custom policy for `resource`. It has the same form as a canned policy and is sent with
/// the request.
pub fn custom_policy(resource: &Resource, expires: u64) -> String {
    canned_policy(resource.as_str(), expires)
}

/// A parsed custom policy. Its conditions are evaluated by [`Verifier`](crate::Verifier).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The `Resource` pattern. Without one the policy covers every URL that the key is trusted for.
    pub resource: Option<String>,
    /// `DateLessThan`, in epoch seconds. Required.
    pub not_after: u64,
    /// `DateGreaterThan`, in epoch seconds.
    pub not_before: Option<u64>,
    /// The `IpAddress` condition, as written.
    pub source_ip: Option<String>,
}

impl Policy {
    /// Parses a policy document. Returns `None` for anything but one statement with the known
    /// conditions, each at most once. An unknown member could be a restriction, so it is refused
    /// rather than ignored.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(json).ok()?;
        let statement = match document.statement {
            Statements::One(statement) => statement,
            Statements::Many(statements) => <[Statement; 1]>::try_from(statements).ok().map(|[one]| one)?,
        };
        let condition = statement.condition;
        Some(Self {
            resource: statement.resource,
            not_after: condition.date_less_than.epoch,
            not_before: condition.date_greater_than.map(|at| at.epoch),
            source_ip: condition.ip_address.map(|ip| ip.source),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "Statement")]
    statement: Statements,
}

/// The `Statement` member. SDKs and older documents write an array; the current developer guide
/// writes a single object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Statements {
    One(Statement),
    Many(Vec<Statement>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Resource")]
    resource: Option<String>,
    #[serde(rename = "Condition")]
    condition: Condition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "DateLessThan")]
    date_less_than: EpochTime,
    #[serde(rename = "DateGreaterThan")]
    date_greater_than: Option<EpochTime>,
    #[serde(rename = "IpAddress")]
    ip_address: Option<SourceIp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochTime {
    #[serde(rename = "AWS:EpochTime")]
    epoch: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceIp {
    #[serde(rename = "AWS:SourceIp")]
    source: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_repeated_and_missing_members_are_refused() {
        let lt = r#""DateLessThan":{"AWS:EpochTime":1}"#;
        for bad in [
            r#"{"Statement":[]}"#.to_owned(),
            r#"{"Statement":[{"Resource":"*","Condition":{}}]}"#.to_owned(),
            r#"{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":"1"}}}]}"#.to_owned(),
            r#"{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1.5}}}]}"#.to_owned(),
            format!(r#"{{"Statement":[{{"Resource":"*","Resource":"a","Condition":{{{lt}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Resource":"*","Condition":{{{lt},{lt}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Condition":{{{lt}}}}},{{"Condition":{{{lt}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Condition":{{{lt},"StringLike":{{}}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Effect":"Deny","Condition":{{{lt}}}}}]}}"#),
            "[".repeat(100_000),
        ] {
            assert_eq!(Policy::parse(bad.as_bytes()), None, "{}", &bad[..bad.len().min(80)]);
        }
        let absent = format!(r#"{{"Statement":{{"Condition":{{{lt}}}}}}}"#);
        assert_eq!(
            Policy::parse(absent.as_bytes()),
            Some(Policy { resource: None, not_after: 1, not_before: None, source_ip: None })
        );
    }

    proptest! {
        #[test]
        fn a_written_policy_parses_back(path in "[a-z0-9/_-]{0,40}", expires in any::<u64>()) {
            let resource = Resource::below(&format!("https://h.test/{path}/")).unwrap();
            let policy = Policy::parse(custom_policy(&resource, expires).as_bytes()).unwrap();
            prop_assert_eq!(policy.resource.as_deref(), Some(resource.as_str()));
            prop_assert_eq!(policy.not_after, expires);
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Policy::parse(&bytes);
        }
    }
}
