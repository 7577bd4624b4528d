//! Reads a bucket policy (AWS, "IAM JSON policy elements") as far as delivery is concerned: who may
//! read which keys. A pure function of its text; S3 alone decides what a policy allows.

use serde_json::Value;

/// The actions that read an object.
const READS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];
/// Actions that a statement about all requests covers.
const ANY_ACTIONS: [&str; 4] = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"];

/// What a policy says of reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// The key patterns that everybody may read.
    pub(super) public: Vec<String>,
    /// The key patterns that CloudFront may read.
    pub(super) cdn: Vec<String>,
    /// Whether CloudFront may read for any distribution of any account.
    pub(super) any_distribution: bool,
    /// The ARNs of the distributions that CloudFront may read for.
    pub(super) distributions: Vec<String>,
    /// Whether requests without TLS are denied.
    pub(super) denies_plain_http: bool,
}

/// Parses a policy; `None` if it is not one.
pub(super) fn parse(text: &str, bucket: &str) -> Option<Reading> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let mut reading = Reading::default();
    for statement in one_or_many(&policy["Statement"]) {
        let reads = READS.iter().any(|action| is_about(statement, action));
        let keys = key_patterns(statement, bucket);
        match statement["Effect"].as_str() {
            Some("Deny") => reading.denies_plain_http |= denies_all_plain_http(statement, bucket),
            Some("Allow") if reads && is_everybody(statement) && statement["Condition"].is_null() => {
                reading.public.extend(keys);
            }
            Some("Allow") if reads && is_cloudfront(&statement["Principal"]) => {
                reading.cdn.extend(keys);
                let condition = &statement["Condition"];
                let distributions = required(condition, "aws:SourceArn");
                // An origin access identity belongs to one account, and names nothing more.
                reading.any_distribution |= is_service(&statement["Principal"])
                    && distributions.is_empty()
                    && required(condition, "aws:SourceAccount").is_empty();
                reading.distributions.extend(distributions);
            }
            _ => {}
        }
    }
    Some(reading)
}

/// Returns whether one of the patterns covers a key.
pub(super) fn covers(patterns: &[String], key: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, key))
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<String> {
    one_or_many(value).into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Returns the pattern of keys in the ARN of objects of this bucket.
fn key_pattern(arn: &str, bucket: &str) -> Option<String> {
    if arn == "*" {
        return Some("*".to_owned());
    }
    let (_, resource) = arn.split_once(":s3:::")?;
    let (named, key) = resource.split_once('/').unwrap_or((resource, ""));
    // A bucket's own ARN names no object, unless it ends in an asterisk.
    let key = if key.is_empty() && named.ends_with('*') { "*" } else { key };
    (matches(named, bucket) && !key.is_empty()).then(|| key.to_owned())
}

/// Returns the patterns of keys that a statement is about. All of them if it names those that it is not
/// about.
fn key_patterns(statement: &Value, bucket: &str) -> Vec<String> {
    if !statement["NotResource"].is_null() {
        return vec!["*".to_owned()];
    }
    texts(&statement["Resource"]).into_iter().filter_map(|arn| key_pattern(&arn, bucket)).collect()
}

/// Returns whether a statement is about an action. Names of actions have no case.
fn is_about(statement: &Value, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let names =
        |element: &str| texts(&statement[element]).iter().any(|one| matches(&one.to_ascii_lowercase(), &action));
    if statement["NotAction"].is_null() { names("Action") } else { !names("NotAction") }
}

/// Returns whether a statement is about everybody, also if it names a few who are left out.
fn is_everybody(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    !statement["NotPrincipal"].is_null()
        || principal.as_str() == Some("*")
        || texts(&principal["AWS"]).iter().any(|one| one == "*")
}

/// Returns whether a statement denies every request without TLS: of everybody, for any action and any
/// key, under no further condition.
fn denies_all_plain_http(statement: &Value, bucket: &str) -> bool {
    statement["NotPrincipal"].is_null()
        && is_everybody(statement)
        && ANY_ACTIONS.iter().all(|action| is_about(statement, action))
        && statement["NotResource"].is_null()
        && key_patterns(statement, bucket).iter().any(|pattern| pattern.chars().all(|c| c == '*'))
        && is_plain_http(&statement["Condition"])
}

/// Returns the values one of which a condition requires of a key; none if another value may pass, as
/// with a pattern or a negated operator.
fn required(condition: &Value, key: &str) -> Vec<String> {
    const OPERATORS: [&str; 4] = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];
    let of_operators =
        condition.as_object().into_iter().flatten().filter(|(name, _)| OPERATORS.contains(&name.as_str()));
    let of_keys = of_operators.flat_map(|(_, tests)| tests.as_object().into_iter().flatten());
    let mut values = of_keys.filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| texts(values));
    let is_exact = |values: &Vec<String>| values.iter().all(|value| !value.contains(['*', '?']));
    values.find(is_exact).unwrap_or_default()
}

fn is_service(principal: &Value) -> bool {
    texts(&principal["Service"]).iter().any(|one| one == "cloudfront.amazonaws.com")
}

fn is_cloudfront(principal: &Value) -> bool {
    is_service(principal)
        || texts(&principal["AWS"]).iter().any(|one| one.contains("CloudFront Origin Access Identity"))
}

/// Returns the one member of an object that has no other.
fn only_member(value: &Value) -> Option<(&String, &Value)> {
    let members = value.as_object()?;
    members.iter().next().filter(|_| members.len() == 1)
}

/// Returns whether a condition holds for all requests without TLS: it is the only one.
fn is_plain_http(condition: &Value) -> bool {
    let Some((operator, tests)) = only_member(condition) else { return false };
    let Some((key, value)) = only_member(tests) else { return false };
    let is_false = |one: &Value| one.as_bool() == Some(false) || one.as_str() == Some("false");
    matches!(operator.as_str(), "Bool" | "BoolIfExists")
        && key.eq_ignore_ascii_case("aws:SecureTransport")
        && one_or_many(value).into_iter().any(is_false)
}

/// Matches a text with a pattern of `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of, mut star) = (0, 0, None::<(usize, usize)>);
    while of < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((asterisk, from)) = star else { return false };
                star = Some((asterisk, from + 1));
                at = asterisk + 1;
                of = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readers_and_what_they_read() {
        let text = r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
             "Resource": ["arn:aws:s3:::b/images/*", "arn:aws:s3:::b/spaces/*/pub/*", "arn:aws:s3:::other/*"],
             "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::1:distribution/E"}}},
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::b/open/*"},
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}
        ]}"#;
        let read = parse(text, "b").unwrap();
        assert!(read.denies_plain_http && !read.any_distribution);
        assert_eq!(
            (read.cdn.as_slice(), read.public.as_slice()),
            (&["images/*".into(), "spaces/*/pub/*".into()][..], &["open/*".into()][..])
        );
        assert!(covers(&read.cdn, "spaces/x/pub/y/z") && !covers(&read.cdn, ".incoming/x"));
        let all = r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}"#;
        let read = parse(all, "b").unwrap();
        assert!(covers(&read.cdn, ".quarantine/x") && read.any_distribution && !read.denies_plain_http);
        assert_eq!(parse("no policy", "b"), None);
    }

    fn statement(more: &str) -> Reading {
        parse(&format!(r#"{{"Statement": {{{more}}}}}"#), "b").unwrap()
    }

    #[test]
    fn what_a_statement_leaves_out_is_what_it_allows() {
        let objects = r#""Resource": "arn:aws:s3:::b/images/*""#;
        let open = format!(r#""Effect": "Allow", "Principal": "*", {objects}"#);
        for action in [
            r#""Action": "S3:getobject""#,
            r#""Action": "*""#,
            r#""Action": ["s3:GetObjectVersion"]"#,
            r#""NotAction": "s3:PutObject""#,
            r#""NotAction": ["s3:Put*", "s3:Delete*"]"#,
        ] {
            assert_eq!(statement(&format!("{open}, {action}")).public, ["images/*"], "{action}");
        }
        for action in
            [r#""NotAction": "s3:*""#, r#""NotAction": ["s3:Get*", "s3:List*"]"#, r#""Action": "s3:GetBucketAcl""#]
        {
            assert!(statement(&format!("{open}, {action}")).public.is_empty(), "{action}");
        }
        let others = r#""Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject""#;
        assert_eq!(statement(&format!("{others}, {objects}")).public, ["images/*"]);
        let rest =
            r#""Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b/x/*""#;
        assert_eq!(statement(rest).public, ["*"]);
    }

    #[test]
    fn plain_http_is_denied_only_by_what_leaves_nothing_open() {
        let all = r#""Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#;
        let condition = r#""Condition": {"Bool": {"AWS:secureTransport": [false]}}"#;
        assert!(statement(&format!("{all}, {condition}")).denies_plain_http);
        for (from, to) in [
            (r#"{"AWS": "*"}"#, r#"{"AWS": "arn:aws:iam::1:root"}"#),
            (r#""Principal": {"AWS": "*"}"#, r#""NotPrincipal": {"AWS": "arn:aws:iam::1:root"}"#),
            (r#""s3:*""#, r#""s3:PutObject""#),
            (r#""Action": "s3:*""#, r#""NotAction": "s3:Get*""#),
            ("b/*", "b/images/*"),
            (r#""Resource""#, r#""NotResource""#),
        ] {
            assert!(!statement(&format!("{}, {condition}", all.replace(from, to))).denies_plain_http, "{to}");
        }
        for narrowed in [
            r#""Bool": {"aws:SecureTransport": "true"}"#,
            r#""Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}"#,
            r#""Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}"#,
            r#""StringEquals": {"aws:SecureTransport": "false"}"#,
        ] {
            assert!(!statement(&format!(r#"{all}, "Condition": {{{narrowed}}}"#)).denies_plain_http, "{narrowed}");
        }
        assert!(!statement(all).denies_plain_http, "a statement that denies everything is no rule about TLS");
    }

    #[test]
    fn a_distribution_is_named_only_by_what_lets_no_other_pass() {
        let read = |condition: &str| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"Service": "cloudfront.amazonaws.com"}},
                "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/images/*", "Condition": {condition}}}}}"#
            );
            let read = parse(&text, "b").unwrap();
            (read.any_distribution, read.distributions)
        };
        let arn = "arn:aws:cloudfront::1:distribution/E";
        for operator in ["StringEquals", "ArnLike"] {
            assert_eq!(
                read(&format!(r#"{{"{operator}": {{"aws:sourceARN": ["{arn}"]}}}}"#)),
                (false, vec![arn.to_owned()])
            );
        }
        assert_eq!(read(r#"{"StringEquals": {"AWS:SourceAccount": "1"}}"#), (false, vec![]));
        for open in [
            r#"{"StringLike": {"AWS:SourceArn": "*"}}"#,
            r#"{"StringLike": {"AWS:SourceArn": "arn:aws:cloudfront::1:distribution/*"}}"#,
            r#"{"StringNotEquals": {"AWS:SourceArn": "arn:aws:cloudfront::1:distribution/E"}}"#,
            r#"{"StringEqualsIfExists": {"AWS:SourceArn": "arn:aws:cloudfront::1:distribution/E"}}"#,
            r#"{"StringEquals": {"aws:PrincipalTag/AWS:SourceArn": "x"}}"#,
        ] {
            assert_eq!(read(open), (true, vec![]), "{open}");
        }
    }

    proptest! {
        #[test]
        fn patterns_match_what_they_are_made_of(parts in proptest::collection::vec("[a-c/]{0,4}", 1..5), fill in "[a-c/]{0,4}") {
            prop_assert!(matches(&parts.join("*"), &parts.join(&fill)));
            let longer = format!("{}x", parts.join(&fill));
            let is_open = parts.last().is_some_and(String::is_empty) && parts.len() > 1;
            prop_assert_eq!(matches(&parts.join("*"), &longer), is_open);
        }
    }
}
