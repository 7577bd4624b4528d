//! Wakes tasks of this server when something has changed. Notifications without a waiting subscriber
//! are merged into one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Sends notifications that carry no value.
#[derive(Debug)]
pub struct Notifier(watch::Sender<()>);

/// Sends notifications about one of many keys.
#[derive(Debug)]
pub struct KeyedNotifier<K>(Mutex<HashMap<K, Notifier>>);

impl<K: Hash + Eq + Clone> KeyedNotifier<K> {
    /// Wakes every subscription of a key.
    pub fn notify(&self, key: &K) {
        if let Some(notifier) = self.lock().get(key) {
            notifier.notify();
        }
    }

    /// Wakes every subscription.
    pub fn notify_all(&self) {
        self.lock().values().for_each(Notifier::notify);
    }

    /// Returns a subscription to the notifications about a key from now on. Forgets keys without
    /// subscriptions.
    pub fn subscribe(&self, key: &K) -> Subscription {
        let mut notifiers = self.lock();
        notifiers.retain(|_, notifier| notifier.0.receiver_count() > 0);
        notifiers.entry(key.clone()).or_default().subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Notifier>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Default for KeyedNotifier<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A subscription to a [`Notifier`].
#[derive(Debug)]
pub struct Subscription(watch::Receiver<()>);

impl Notifier {
    /// Creates a notifier without notifications.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes every subscription: at once, or at its next [`Subscription::notified`].
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// Returns a subscription to the notifications from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }
}

impl Default for Notifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscription {
    /// Waits for a notification since the last call.
    pub async fn notified(&mut self) {
        // A notifier that is dropped sends nothing more.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
