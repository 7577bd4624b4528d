//! Rounds expiry times to windows. Requests within one window get the same expiry, hence the same
//! signature, hence byte-identical URLs that browsers and CDNs can cache.

/// The shortest lifetime that is rounded, in seconds.
const MIN_ROUNDED_LIFETIME: u64 = 60;

/// Returns the expiry, in epoch seconds, of a grant of `lifetime` seconds requested at `now`.
///
/// With the window `w = lifetime / 4` the result is `floor(now / w) * w + lifetime`. The remaining
/// time is more than three quarters of `lifetime` and at most `lifetime`.
pub fn window_expiry(now: u64, lifetime: u64) -> u64 {
    if lifetime < MIN_ROUNDED_LIFETIME {
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
        fn the_remaining_time_is_at_least_three_quarters(now in 0u64..4_000_000_000, lifetime in 60u64..10_000_000) {
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
