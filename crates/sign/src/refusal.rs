//! The reasons for refusing a request: CloudFront's error code and message for the client, and a
//! more precise reason for the log. Renders no response.

/// Why a request is refused, as in CloudFront's error body. Expired and forged signatures give the
/// same error, so that a client learns nothing by probing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Neither the URL nor the cookies carry a key pair id.
    MissingKey,
    /// The key pair id is not trusted.
    InvalidKey,
    /// The signature is missing or is not valid in CloudFront's base64.
    MalformedSignature,
    /// The policy can't be decoded or is not a supported policy document.
    MalformedPolicy,
    /// Any other reason. The detail is for the log only.
    AccessDenied(Denied),
}

/// The detailed reason of [`Refusal::AccessDenied`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// A reserved query parameter occurs twice.
    DuplicateParameter,
    /// The hash algorithm is not one that CloudFront knows.
    UnknownHash,
    /// The request has both a policy and an expiry, or neither.
    NotOnePolicy,
    /// The expiry is not a number of seconds.
    MalformedExpires,
    /// The signature is not valid for the URL or the policy.
    Signature,
    /// The grant is not valid yet.
    NotYetValid,
    /// The grant has expired.
    Expired,
    /// The policy restricts the grant to other client addresses.
    ClientAddress,
    /// The policy's resource does not cover the URL.
    Resource,
    /// The host is not one that the edge serves. Reported by the edge, not by this crate.
    UnknownHost,
    /// The path is outside every served root. Reported by the edge, not by this crate.
    UnservedPath,
}

impl Denied {
    /// Returns a short description for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DuplicateParameter => "a signature parameter occurs twice",
            Self::UnknownHash => "Hash-Algorithm is neither SHA1 nor SHA256",
            Self::NotOnePolicy => "exactly one of Policy and Expires is required",
            Self::MalformedExpires => "Expires is not a number of epoch seconds",
            Self::Signature => "the signature is not valid for this URL or policy",
            Self::NotYetValid => "the grant is not valid yet",
            Self::Expired => "the grant has expired",
            Self::ClientAddress => "the policy is for another client address",
            Self::Resource => "the policy is for another resource",
            Self::UnknownHost => "the host is not one of this edge's",
            Self::UnservedPath => "the path is outside every served root",
        }
    }
}

impl Refusal {
    /// Returns CloudFront's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingKey => "MissingKey",
            Self::InvalidKey => "InvalidKey",
            Self::MalformedSignature => "MalformedSignature",
            Self::MalformedPolicy => "MalformedPolicy",
            Self::AccessDenied(_) => "AccessDenied",
        }
    }

    /// Returns CloudFront's error message.
    pub fn message(self) -> &'static str {
        match self {
            Self::MissingKey => "Missing Key-Pair-Id query parameter or cookie value",
            Self::InvalidKey => "Unknown Key",
            Self::MalformedSignature => "Could not unencode Signature",
            Self::MalformedPolicy => "Malformed Policy",
            Self::AccessDenied(_) => "Access denied",
        }
    }

    /// Returns the detailed reason, for the operator's log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::AccessDenied(denied) => denied.reason(),
            other => other.message(),
        }
    }
}
