//! Calls of Secrets Manager: the current version of one secret is read, written and deleted.

use serde_json::{Value, json};

use crate::client::{Client, Error};
use crate::{Stored, read_time};

/// Returns the current value of a secret; `None` if there is no such secret, or if it has no value.
/// `id` is a name or an ARN.
///
/// # Errors
///
/// See [`Error`]. A secret of bytes counts as one without a value.
pub async fn get_secret(client: &Client, id: &str) -> Result<Option<Stored>, Error> {
    let output = match call(client, "GetSecretValue", &json!({ "SecretId": id })).await {
        Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
        other => other?,
    };
    match (output["Name"].as_str(), output["SecretString"].as_str(), output["VersionId"].as_str()) {
        (Some(name), Some(value), Some(version)) => {
            let written = read_time(&output["CreatedDate"]);
            let (name, value, version) = (name.to_owned(), value.to_owned(), version.to_owned());
            Ok(Some(Stored { name, value, version, written }))
        }
        (Some(_), None, Some(_)) => Ok(None),
        _ => Err(Error::Unavailable("GetSecretValue answered without a secret".to_owned())),
    }
}

/// Returns the KMS key that a secret is encrypted with; `None` is the account's own key, or that there is
/// no such secret.
///
/// # Errors
///
/// See [`Error`].
pub async fn key_of_secret(client: &Client, id: &str) -> Result<Option<String>, Error> {
    match call(client, "DescribeSecret", &json!({ "SecretId": id })).await {
        Err(error) if error.is("ResourceNotFoundException") => Ok(None),
        other => Ok(other?["KmsKeyId"].as_str().map(str::to_owned)),
    }
}

/// Makes a value the current one of a secret that exists.
///
/// # Errors
///
/// See [`Error`].
pub async fn put_secret(client: &Client, id: &str, value: &str) -> Result<(), Error> {
    let input = json!({ "SecretId": id, "SecretString": value, "ClientRequestToken": token() });
    call(client, "PutSecretValue", &input).await.map(drop)
}

/// Creates a secret. Returns `false` if there is one of this name. `kms_key` encrypts it; `None` is
/// the account's own key.
///
/// # Errors
///
/// See [`Error`].
pub async fn create_secret(client: &Client, name: &str, value: &str, kms_key: Option<&str>) -> Result<bool, Error> {
    let mut input = json!({ "Name": name, "SecretString": value, "ClientRequestToken": token() });
    if let Some(key) = kms_key {
        input["KmsKeyId"] = Value::from(key);
    }
    match call(client, "CreateSecret", &input).await {
        Err(error) if error.is("ResourceExistsException") => Ok(false),
        other => other.map(|_| true),
    }
}

/// Deletes a secret at once, without the days in which it could be restored. One that is not there
/// is no error.
///
/// # Errors
///
/// See [`Error`].
pub async fn delete_secret(client: &Client, id: &str) -> Result<(), Error> {
    let input = json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true });
    match call(client, "DeleteSecret", &input).await {
        Err(error) if error.is("ResourceNotFoundException") => Ok(()),
        other => other.map(drop),
    }
}

/// Returns a token of a request, by which a retry is known: 32 hexadecimal digits.
fn token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

async fn call(client: &Client, operation: &str, input: &Value) -> Result<Value, Error> {
    client.json("secretsmanager", "1.1", &format!("secretsmanager.{operation}"), input).await
}
