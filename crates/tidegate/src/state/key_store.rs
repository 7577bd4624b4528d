//! Reads and writes values in Systems Manager or Secrets Manager, whichever holds the signing key.
//! Knows nothing of what they mean.

use aws::{Client, Error, Stored, secrets, ssm};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::KeyPlace;

/// The service that holds the signing key.
#[derive(Debug, Clone)]
pub struct KeyStore {
    client: Client,
    place: KeyPlace,
}

impl KeyStore {
    /// Creates a client of the service that a key is kept in.
    pub fn new(client: Client, place: KeyPlace) -> Self {
        Self { client, place }
    }

    /// Returns where the signing key is.
    pub fn place(&self) -> &KeyPlace {
        &self.place
    }

    /// Returns the current value of a name; `None` if there is none.
    pub async fn read(&self, name: &str) -> Result<Option<Stored>, Error> {
        match self.place {
            KeyPlace::Parameter(_) => ssm::get_parameter(&self.client, name).await,
            KeyPlace::Secret(_) => secrets::get_secret(&self.client, name).await,
        }
    }

    /// Returns the KMS key that the value of a name is encrypted with; `None` is the account's own.
    pub async fn kms_key(&self, name: &str) -> Result<Option<String>, Error> {
        match self.place {
            KeyPlace::Parameter(_) => ssm::key_of_parameter(&self.client, name).await,
            KeyPlace::Secret(_) => secrets::key_of_secret(&self.client, name).await,
        }
    }

    /// Creates a value. Returns `false` if the name has one.
    pub async fn create(&self, name: &str, value: &SecretString, kms_key: Option<&str>) -> Result<bool, Error> {
        match self.place {
            KeyPlace::Parameter(_) => {
                ssm::put_parameter(&self.client, name, value.expose_secret(), kms_key, true).await
            }
            KeyPlace::Secret(_) => secrets::create_secret(&self.client, name, value.expose_secret(), kms_key).await,
        }
    }

    /// Replaces the value of a name.
    pub async fn replace(&self, name: &str, value: &SecretString, kms_key: Option<&str>) -> Result<(), Error> {
        match self.place {
            KeyPlace::Parameter(_) => {
                ssm::put_parameter(&self.client, name, value.expose_secret(), kms_key, false).await.map(drop)
            }
            KeyPlace::Secret(_) => secrets::put_secret(&self.client, name, value.expose_secret()).await,
        }
    }

    /// Deletes a name and its value. One that is not there is no error.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.place {
            KeyPlace::Parameter(_) => ssm::delete_parameter(&self.client, name).await,
            KeyPlace::Secret(_) => secrets::delete_secret(&self.client, name).await,
        }
    }
}
