//! A bell: whoever listens hears that something came about since they listened last, however often it rang.

use tokio::sync::watch;

/// What is rung.
#[derive(Debug)]
pub struct Bell(watch::Sender<()>);

/// An ear of it.
#[derive(Debug)]
pub struct Ear(watch::Receiver<()>);

impl Bell {
    /// One that nobody has rung.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes all who listen, and whoever listens next who has an ear already.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears what is rung from now on.
    pub fn ear(&self) -> Ear {
        Ear(self.0.subscribe())
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Ear {
    /// Waits until it has rung since the last time.
    pub async fn heard(&mut self) {
        // A bell that is gone rings no more.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
