//! Window-stable expiry: requests inside one window get the same instant, hence the same signature,
//! hence byte-identical URLs that browsers and CDNs can cache.

/// Lifetimes below this are not rounded, in seconds.
const SHORTEST_ROUNDED: u64 = 60;

/// The expiry, in epoch seconds, of a grant of `lifetime` seconds asked for at `now`.
///
/// With the window `w = lifetime / 4` the answer is `floor(now / w) * w + lifetime`, so what is left
/// is more than three quarters of the lifetime and never more than all of it.
pub fn window_expiry(now: u64, lifetime: u64) -> u64 {
    if lifetime < SHORTEST_ROUNDED {
        return now.saturating_add(lifetime);
    }
    let window = lifetime / 4;
    (now / window * window).saturating_add(lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn between_three_quarters_and_all_of_it_is_left(now in 0u64..4_000_000_000, lifetime in 60u64..10_000_000) {
            let left = window_expiry(now, lifetime) - now;
            prop_assert!(left <= lifetime);
            prop_assert!(left > lifetime - lifetime / 4 - 1);
        }

        #[test]
        fn one_window_has_one_expiry(window in 0u64..1_000_000, a in 0u64..900, b in 0u64..900) {
            let start = window * 900;
            prop_assert_eq!(window_expiry(start + a, 3600), window_expiry(start + b, 3600));
        }
    }

    #[test]
    fn short_lifetimes_are_exact() {
        assert_eq!(window_expiry(1_000, 59), 1_059);
    }
}
