//! Wakes tasks of this server when something has changed. Notifications without a waiting subscriber
//! are merged into one.

use tokio::sync::watch;

/// Sends notifications that carry no value.
#[derive(Debug)]
pub struct Notifier(watch::Sender<()>);

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
