//! Calls of Systems Manager Parameter Store: one parameter is read, written and deleted. Parameters
//! are always of the type `SecureString`, whose values AWS encrypts.

use serde_json::{Value, json};

use crate::client::{Client, Error};
use crate::{Stored, read_time};

/// The largest value of a parameter in the standard tier, in bytes.
pub const MAX_VALUE: usize = 4096;

/// Returns a parameter, decrypted; `None` if there is none. `name` may be an ARN.
///
/// # Errors
///
/// See [`Error`].
pub async fn get_parameter(client: &Client, name: &str) -> Result<Option<Stored>, Error> {
    let input = json!({ "Name": name, "WithDecryption": true });
    let output = match call(client, "GetParameter", &input).await {
        Err(error) if error.is("ParameterNotFound") => return Ok(None),
        other => other?,
    };
    let parameter = &output["Parameter"];
    match (parameter["Name"].as_str(), parameter["Value"].as_str(), parameter["Version"].as_i64()) {
        (Some(name), Some(value), Some(version)) => {
            let written = read_time(&parameter["LastModifiedDate"]);
            let (name, value, version) = (name.to_owned(), value.to_owned(), version.to_string());
            Ok(Some(Stored { name, value, version, written }))
        }
        _ => Err(Error::Unavailable("GetParameter answered without a parameter".to_owned())),
    }
}

/// Returns the KMS key that a parameter is encrypted with; `None` is the account's own key.
///
/// # Errors
///
/// See [`Error`].
pub async fn key_of_parameter(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let filter = json!({ "Key": "Name", "Option": "Equals", "Values": [name] });
    let output = call(client, "DescribeParameters", &json!({ "ParameterFilters": [filter] })).await?;
    Ok(output["Parameters"][0]["KeyId"].as_str().map(str::to_owned))
}

/// Writes a parameter. With `create` set, refuses to replace one; `false` then says that there is
/// one. `kms_key` encrypts it; `None` is the account's own key, also if another encrypted the value
/// before.
///
/// # Errors
///
/// See [`Error`].
pub async fn put_parameter(
    client: &Client,
    name: &str,
    value: &str,
    kms_key: Option<&str>,
    create: bool,
) -> Result<bool, Error> {
    let mut input = json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": !create });
    if let Some(key) = kms_key {
        input["KeyId"] = Value::from(key);
    }
    match call(client, "PutParameter", &input).await {
        Err(error) if create && error.is("ParameterAlreadyExists") => Ok(false),
        other => other.map(|_| true),
    }
}

/// Deletes a parameter. One that is not there is no error.
///
/// # Errors
///
/// See [`Error`].
pub async fn delete_parameter(client: &Client, name: &str) -> Result<(), Error> {
    match call(client, "DeleteParameter", &json!({ "Name": name })).await {
        Err(error) if error.is("ParameterNotFound") => Ok(()),
        other => other.map(drop),
    }
}

async fn call(client: &Client, operation: &str, input: &Value) -> Result<Value, Error> {
    client.json("ssm", "1.1", &format!("AmazonSSM.{operation}"), input).await
}
