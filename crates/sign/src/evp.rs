//! Parses keys, signs and verifies through aws-lc's EVP interface; holds the only `unsafe` code of
//! this crate. aws-lc-rs offers neither RSA nor ECDSA with SHA-1, CloudFront's default hash, so
//! these functions call the C library that aws-lc-rs already links. Knows no policies; see `keys`
//! for the safe types.

#![expect(unsafe_code, reason = "calls the C library")]

use std::ptr::{null, null_mut};

use aws_lc_sys as ffi;

use crate::keys::{Hash, KeyKind};

/// A parsed key, private or public; freed on drop.
pub(crate) struct Key(*mut ffi::EVP_PKEY);

// SAFETY: an EVP_PKEY is reference counted and immutable after parsing; aws-lc documents signing and
// verifying with one key from several threads as safe. Nothing here mutates it after construction.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the pointer came from aws-lc, is not null and is freed once.
        unsafe { ffi::EVP_PKEY_free(self.0) }
    }
}

/// Returns a C byte-string reader over `der`, which must outlive it.
fn cbs(der: &[u8]) -> ffi::CBS {
    ffi::CBS { data: der.as_ptr(), len: der.len() }
}

/// Takes ownership of a parsed key. Returns `None` if parsing failed or bytes are left over.
fn from_parsed(pointer: *mut ffi::EVP_PKEY, rest: &ffi::CBS) -> Option<Key> {
    if pointer.is_null() {
        // SAFETY: only empties this thread's error queue.
        unsafe { ffi::ERR_clear_error() };
        return None;
    }
    let key = Key(pointer);
    (rest.len == 0).then_some(key)
}

impl Key {
    /// Parses a PKCS#8 private key.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let mut input = cbs(der);
        // SAFETY: `input` borrows `der`, which outlives the call.
        let pointer = unsafe { ffi::EVP_parse_private_key(&raw mut input) };
        from_parsed(pointer, &input)
    }

    /// Parses an RFC 8017 `RSAPrivateKey` (PKCS#1).
    pub(crate) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let mut input = cbs(der);
        // SAFETY: every pointer is checked before use; `EVP_PKEY_assign_RSA` takes ownership of `rsa`
        // only when it succeeds, so a failure frees both.
        unsafe {
            let rsa = ffi::RSA_parse_private_key(&raw mut input);
            if rsa.is_null() {
                ffi::ERR_clear_error();
                return None;
            }
            let key = ffi::EVP_PKEY_new();
            if key.is_null() || ffi::EVP_PKEY_assign_RSA(key, rsa) != 1 {
                ffi::RSA_free(rsa);
                ffi::EVP_PKEY_free(key);
                return None;
            }
            from_parsed(key, &input)
        }
    }

    /// Parses an RFC 5915 `ECPrivateKey` (SEC1) on P-256.
    pub(crate) fn from_sec1(der: &[u8]) -> Option<Self> {
        let mut input = cbs(der);
        // SAFETY: as in `from_pkcs1`.
        unsafe {
            let ec = ffi::EC_KEY_parse_private_key(&raw mut input, ffi::EC_group_p256());
            if ec.is_null() {
                ffi::ERR_clear_error();
                return None;
            }
            let key = ffi::EVP_PKEY_new();
            if key.is_null() || ffi::EVP_PKEY_assign_EC_KEY(key, ec) != 1 {
                ffi::EC_KEY_free(ec);
                ffi::EVP_PKEY_free(key);
                return None;
            }
            from_parsed(key, &input)
        }
    }

    /// Parses an RFC 5280 `SubjectPublicKeyInfo`.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        let mut input = cbs(der);
        // SAFETY: `input` borrows `der`, which outlives the call.
        let pointer = unsafe { ffi::EVP_parse_public_key(&raw mut input) };
        from_parsed(pointer, &input)
    }

    /// Returns the key type: RSA of 2048 bits or ECDSA on P-256. Returns `None` for any other key,
    /// which CloudFront does not accept.
    pub(crate) fn kind(&self) -> Option<KeyKind> {
        // SAFETY: the key is valid; `get0` pointers are borrowed from it and not kept.
        unsafe {
            match ffi::EVP_PKEY_id(self.0) {
                ffi::EVP_PKEY_RSA if ffi::EVP_PKEY_bits(self.0) == 2048 => Some(KeyKind::Rsa2048),
                ffi::EVP_PKEY_EC => {
                    let ec = ffi::EVP_PKEY_get0_EC_KEY(self.0);
                    let curve = ffi::EC_GROUP_get_curve_name(ffi::EC_KEY_get0_group(ec));
                    (curve == ffi::NID_X9_62_prime256v1).then_some(KeyKind::P256)
                }
                _ => None,
            }
        }
    }

    /// Returns the public key as DER `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> Option<Vec<u8>> {
        let mut out = vec![0u8; 1024];
        let mut cbb = std::mem::MaybeUninit::<ffi::CBB>::uninit();
        let mut data: *mut u8 = null_mut();
        let mut len = 0usize;
        // SAFETY: the CBB writes into `out`, which outlives it, and never beyond its length.
        unsafe {
            if ffi::CBB_init_fixed(cbb.as_mut_ptr(), out.as_mut_ptr(), out.len()) != 1 {
                return None;
            }
            let ok = ffi::EVP_marshal_public_key(cbb.as_mut_ptr(), self.0) == 1
                && ffi::CBB_finish(cbb.as_mut_ptr(), &raw mut data, &raw mut len) == 1;
            if !ok {
                ffi::CBB_cleanup(cbb.as_mut_ptr());
                ffi::ERR_clear_error();
                return None;
            }
        }
        out.truncate(len);
        Some(out)
    }

    /// Signs `message` with RSASSA-PKCS1-v1_5 (deterministic) or with ECDSA in ASN.1 DER. Returns
    /// `None` if the library fails.
    pub(crate) fn sign(&self, hash: Hash, message: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: the context is freed on every path; `out` has the maximum signature size that
        // aws-lc reports, `len` passes that size, and `message` outlives the call.
        unsafe {
            let context = ffi::EVP_MD_CTX_new();
            if context.is_null() {
                return None;
            }
            let mut len = usize::try_from(ffi::EVP_PKEY_size(self.0)).unwrap_or(0);
            let mut out = vec![0u8; len];
            let ok = ffi::EVP_DigestSignInit(context, null_mut(), digest(hash), null_mut(), self.0) == 1
                && ffi::EVP_DigestSign(context, out.as_mut_ptr(), &raw mut len, message.as_ptr(), message.len()) == 1;
            ffi::EVP_MD_CTX_free(context);
            if !ok {
                ffi::ERR_clear_error();
                return None;
            }
            out.truncate(len);
            Some(out)
        }
    }

    /// Returns whether `signature` is valid for `message` under this key.
    pub(crate) fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        // SAFETY: the context is freed on every path; both slices outlive the call.
        unsafe {
            let context = ffi::EVP_MD_CTX_new();
            if context.is_null() {
                return false;
            }
            let ok = ffi::EVP_DigestVerifyInit(context, null_mut(), digest(hash), null_mut(), self.0) == 1
                && ffi::EVP_DigestVerify(context, signature.as_ptr(), signature.len(), message.as_ptr(), message.len())
                    == 1;
            ffi::EVP_MD_CTX_free(context);
            if !ok {
                ffi::ERR_clear_error();
            }
            ok
        }
    }
}

/// Returns aws-lc's static descriptor of the hash algorithm.
fn digest(hash: Hash) -> *const ffi::EVP_MD {
    // SAFETY: both return pointers to static tables.
    let table = unsafe {
        match hash {
            Hash::Sha1 => ffi::EVP_sha1(),
            Hash::Sha256 => ffi::EVP_sha256(),
        }
    };
    debug_assert_ne!(table, null());
    table
}
