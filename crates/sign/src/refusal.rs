//! Why a request may not pass: CloudFront's words for the client, ours for the log.

/// Why a request may not pass; the code and the message of CloudFront's error body. Expired and forged
/// are one answer, so that nothing can be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No key pair id in the URL or the cookies, or no signature at all.
    MissingKey,
    /// A key pair id that is not trusted.
    InvalidKey,
    /// The signature is not in CloudFront's base64.
    MalformedSignature,
    /// The policy does not decode or is not a policy.
    MalformedPolicy,
    /// Everything else. What it was is for the log only.
    AccessDenied(Denied),
}

/// What is behind [`Refusal::AccessDenied`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// A reserved parameter is there twice.
    Ambiguous,
    /// A hash algorithm that does not exist.
    Hash,
    /// A policy and an expiry, or none of them.
    Terms,
    /// An expiry that is no time.
    Expires,
    /// The signature is not good for what it stands beside.
    Signature,
    /// The grant has not begun.
    Early,
    /// The grant has ended.
    Expired,
    /// The policy is for another address.
    Address,
    /// The policy is for something else.
    Resource,
    /// The host is not one that is served. Not found out here.
    Host,
    /// What is asked for lies in no place that is served. Not found out here.
    Place,
}

impl Denied {
    /// In a few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Ambiguous => "a parameter of the signature is there twice",
            Self::Hash => "the hash algorithm is unknown",
            Self::Terms => "not exactly one of Policy and Expires is there",
            Self::Expires => "Expires is no time",
            Self::Signature => "the signature is not good for this URL or policy",
            Self::Early => "the grant has not begun",
            Self::Expired => "the grant has ended",
            Self::Address => "the policy is for another address",
            Self::Resource => "the policy is for another resource",
            Self::Host => "the host is not this edge's",
            Self::Place => "the path lies in no served root",
        }
    }
}

impl Refusal {
    /// CloudFront's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingKey => "MissingKey",
            Self::InvalidKey => "InvalidKey",
            Self::MalformedSignature => "MalformedSignature",
            Self::MalformedPolicy => "MalformedPolicy",
            Self::AccessDenied(_) => "AccessDenied",
        }
    }

    /// CloudFront's error message.
    pub fn message(self) -> &'static str {
        match self {
            Self::MissingKey => "Missing Key-Pair-Id query parameter or cookie value",
            Self::InvalidKey => "Unknown Key",
            Self::MalformedSignature => "Could not unencode Signature",
            Self::MalformedPolicy => "Malformed Policy",
            Self::AccessDenied(_) => "Access denied",
        }
    }

    /// What it was, for those who run the edge.
    pub fn reason(self) -> &'static str {
        match self {
            Self::AccessDenied(denied) => denied.reason(),
            other => other.message(),
        }
    }
}
