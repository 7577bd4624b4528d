//! Signs and verifies CloudFront signed URLs, signed cookies and HMAC links. Owns policies, keys,
//! signatures and the rules that accept or refuse a request. Opens no file and no network
//! connection; callers pass the time and the client address. Source: CloudFront developer guide,
//! "Serve private content with signed URLs and signed cookies". Start reading at `signer` to issue
//! and at `verify` to check.

mod encoding;
mod evp;
mod keys;
mod links;
mod pattern;
mod policy;
mod refusal;
mod resource;
mod signature_cache;
mod signer;
mod verify;
mod window;

pub use encoding::{decode as decode_url_safe, encode as encode_url_safe};
pub use keys::{Hash, KeyError, KeyKind, PublicKey, SigningKey, pem_block};
pub use links::{Disposition, LinkSigner, LinkTerms, MAX_LINK_LIFETIME};
pub use policy::{Policy, canned_policy, custom_policy};
pub use refusal::{Denied, Refusal};
pub use resource::{Resource, ResourceError};
pub use signer::{PolicySignature, Signer};
pub use verify::{Allowed, Request, Verifier};
pub use window::window_expiry;
