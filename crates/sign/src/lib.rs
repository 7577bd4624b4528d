//! CloudFront signed URLs and signed cookies: policies, keys, signing, and the edge's verdict.
//!
//! Owns every byte that is signed and every rule by which a signature is accepted. Touches no
//! file and no network; time and client address come in as arguments. Facts are from the CloudFront
//! developer guide ("Serve private content with signed URLs and signed cookies").

mod encoding;
mod evp;
mod keys;
mod links;
mod pattern;
mod policy;
mod refusal;
mod resource;
mod seen;
mod signer;
mod verify;
mod window;

pub use encoding::{decode as decode_url_safe, encode as encode_url_safe};
pub use keys::{Hash, KeyError, KeyKind, PublicKey, SigningKey, pem_block};
pub use links::{LinkSigner, MAX_LINK_LIFETIME, Shown, Terms as LinkTerms};
pub use policy::{Policy, canned_policy, custom_policy};
pub use refusal::{Denied, Refusal};
pub use resource::{Resource, ResourceError};
pub use signer::{PolicySignature, Signer};
pub use verify::{Allowed, Request, Verifier};
pub use window::window_expiry;
