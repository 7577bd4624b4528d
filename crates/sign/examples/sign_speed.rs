//! Measures signatures per second of one thread, for the benchmark beside `openssl speed`.
//! Arguments: seconds, key type (`rsa` or `p256`) and hash (`sha1` or `sha256`). Prints one number.

use std::io::Write as _;
use std::time::{Duration, Instant};

use sign::{Hash, KeyKind, Resource, Signer, SigningKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().unwrap_or_default().parse()?;
    let kind = if arguments.next().as_deref() == Some("p256") { KeyKind::P256 } else { KeyKind::Rsa2048 };
    let hash = if arguments.next().as_deref() == Some("sha256") { Hash::Sha256 } else { Hash::Sha1 };
    let (key, _) = SigningKey::generate(kind)?;
    let signer = Signer::new("K2JCJMDEHXQW5F", key, hash);
    let resource = Resource::below("https://d111111abcdef8.cloudfront.net/images/user/image/version/")?;
    let (started, mut signed) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        // A complete grant: the policy, its signature, and both in URL-safe base64.
        signer.sign_resource(&resource, 1_893_456_000 + signed).ok_or("signing failed")?;
        signed += 1;
    }
    let rate = signed * 1000 / u64::try_from(started.elapsed().as_millis())?.max(1);
    writeln!(std::io::stdout(), "{rate}")?;
    Ok(())
}
