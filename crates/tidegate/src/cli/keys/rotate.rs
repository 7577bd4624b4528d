//! `tidegate keys rotate`: replaces the signing key that AWS keeps, without a reader who is refused.
//! Every step can be repeated, and what is done is written down before the next one begins.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use aws::CloudFront;
use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::rotation::{Rotation, now, until};
use super::{Kind, kind_of};
use crate::app::open_aws;
use crate::cli::print;
use crate::config::key_document::KeyDocument;
use crate::config::{Config, RemoteKeySetting, secrets};
use crate::model::rfc3339;
use crate::state::key_store::KeyStore;

/// The ending of the name under which a rotation is kept, beside the key.
const ENDING: &str = "-rotation";
/// The pause between two looks at the distribution.
const POLL: Duration = Duration::from_secs(10);

/// Options of `keys rotate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    /// Print the steps, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Only continue a rotation that was begun, and do nothing if there is none.
    #[arg(long)]
    resume: bool,
    /// Create the parameter or the secret if it is not there yet.
    #[arg(long, conflicts_with = "resume")]
    create: bool,
    /// How far to go before the command ends. The old key is retired when the last link signed with
    /// it has ended; a later run does it, too.
    #[arg(long, value_enum, default_value = "switched")]
    until: Until,
    /// How long to wait after the distribution says that it is deployed, before the new key signs:
    /// CloudFront does not say when its edges have a key group.
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    deploy_wait: u64,
    /// How long to wait before the old key is retired. Default: the longest lifetime of a link, and
    /// the time that servers take to read the new key.
    #[arg(long, value_name = "SECONDS")]
    retire_after: Option<u64>,
    /// The KMS key that encrypts. Default: that of the parameter or secret now.
    #[arg(long, value_name = "ID")]
    kms_key_id: Option<String>,
    /// A folder of public keys that edges of their own read: the new key is added, the old one removed.
    #[arg(long, value_name = "FOLDER")]
    public_keys: Option<PathBuf>,
    /// The key type. Default: `CLOUDFRONT_KEY_TYPE`.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    Switched,
    Retired,
}

/// The parts that a rotation works with.
struct Rotate<'a> {
    args: &'a RotateArgs,
    config: &'a Config,
    setting: &'a RemoteKeySetting,
    store: KeyStore,
    cloudfront: CloudFront,
    /// The key group.
    group: &'a str,
    /// The names of the key and of the rotation.
    names: (String, String),
    kms_key: Option<String>,
}

/// Rotates the key, or prints how.
pub(super) async fn run(config: &Config, args: &RotateArgs) -> anyhow::Result<()> {
    let setting = config.cloudfront.remote_key.as_ref().context(
        "this server's key is not kept by AWS: set CLOUDFRONT_PRIVATE_KEY_SSM_PARAM or CLOUDFRONT_PRIVATE_KEY_SECRET_ID. \
         A key in the data folder is replaced by `tidegate keys generate`",
    )?;
    let group = config.cloudfront.key_group.as_deref();
    let group = group.context("set CLOUDFRONT_KEY_GROUP_ID to the key group that the new key shall be in")?;
    let client = open_aws(config).await?;
    let store = KeyStore::new(client.clone(), setting.place.clone());
    let cloudfront = CloudFront::new(client, config.cloudfront.api.clone());
    let found = store.read(setting.place.name()).await.with_context(|| setting.place.to_string())?;
    let name = found.as_ref().map_or(setting.place.name(), |stored| &stored.name).to_owned();
    let names = (name.clone(), format!("{name}{ENDING}"));
    let mut rotate =
        Rotate { args, config, setting, store, cloudfront, group, names, kms_key: args.kms_key_id.clone() };
    let current = found.map(|stored| KeyDocument::parse(&stored.value, setting.given_id.as_deref()));
    let current = current.transpose().map_err(anyhow::Error::msg).with_context(|| setting.place.to_string())?;
    let begun = rotate.read_rotation().await?;
    rotate.require_group(current.as_ref(), begun.as_ref()).await?;
    if args.dry_run {
        return rotate.print_plan(current.as_ref(), begun.as_ref());
    }
    if begun.is_none() && args.resume {
        line("nothing", "no rotation was begun");
        return Ok(());
    }
    ensure!(
        current.is_some() || args.create,
        "{} is not there; run with --create to have it created, if that is its right name",
        setting.place
    );
    if rotate.kms_key.is_none() && current.is_some() {
        let about = || {
            format!(
                "the KMS key of {} can't be found out (ssm:DescribeParameters or secretsmanager:DescribeSecret); give \
                 --kms-key-id",
                setting.place
            )
        };
        rotate.kms_key = rotate.store.kms_key(&rotate.names.0).await.with_context(about)?;
    }
    let mut rotation = match begun {
        Some(rotation) => {
            line("resume", &format!("the rotation in {}", rotate.names.1));
            rotation
        }
        None => rotate.make(current.as_ref()).await?,
    };
    if rotation.switched_at.is_none() {
        rotate.switch(&mut rotation, current).await?;
    }
    rotate.retire(&rotation).await
}

/// Prints what was done, or will be.
fn line(step: &str, text: &str) {
    print(&format!("{step:<9} {text}\n"));
}

impl Rotate<'_> {
    /// Reads the rotation that was begun.
    async fn read_rotation(&self) -> anyhow::Result<Option<Rotation>> {
        let stored = self.store.read(&self.names.1).await.with_context(|| self.names.1.clone())?;
        stored.map(|stored| Rotation::parse(&stored.value)).transpose().with_context(|| self.names.1.clone())
    }

    /// Writes down what is done.
    async fn remember(&self, rotation: &Rotation) -> anyhow::Result<()> {
        let (name, json) = (&self.names.1, rotation.to_json()?);
        self.store.replace(name, &json, self.kms_key.as_deref()).await.with_context(|| name.clone())
    }

    /// Fails if the key group is another one than readers' signatures are checked by.
    async fn require_group(&self, current: Option<&KeyDocument>, begun: Option<&Rotation>) -> anyhow::Result<()> {
        let group = self.cloudfront.key_group(self.group).await;
        let group = group.with_context(|| format!("the key group {} (CLOUDFRONT_KEY_GROUP_ID)", self.group))?;
        if let Some(distribution) = &self.config.cloudfront.distribution {
            let found = self.cloudfront.distribution(distribution).await;
            let found = found.with_context(|| format!("the distribution {distribution}"))?;
            ensure!(
                found.key_groups.iter().any(|id| id == self.group),
                "the distribution {distribution} does not trust the key group {}: set CLOUDFRONT_KEY_GROUP_ID to one that \
                 its behaviours name",
                self.group
            );
        }
        let Some(current) = current.filter(|_| begun.is_none()) else { return Ok(()) };
        ensure!(
            group.keys.contains(&current.id),
            "the key {} of {} is not in the key group {}: is this the right group?",
            current.id,
            self.setting.place,
            self.group
        );
        Ok(())
    }

    /// Makes a pair and keeps it, or finds the one that another run has just made.
    async fn make(&self, current: Option<&KeyDocument>) -> anyhow::Result<Rotation> {
        let kind = self.args.kind.map_or(self.config.cloudfront.key_kind, Kind::into);
        let old = current.map(|document| (document.id.clone(), document.public.clone()));
        let rotation = Rotation::new(old, kind)?;
        let (name, json) = (&self.names.1, rotation.to_json()?);
        let created = self.store.create(name, &json, self.kms_key.as_deref()).await;
        if created.with_context(|| name.clone())? {
            line("make", &format!("a pair of the type {}, kept in {name}", kind_of(&rotation.public_key)));
            return Ok(rotation);
        }
        line("resume", &format!("the rotation in {name}, which another run began"));
        self.read_rotation().await?.context("another run has just ended the rotation")
    }

    /// Does all steps up to the new key's first signature.
    async fn switch(&self, rotation: &mut Rotation, current: Option<KeyDocument>) -> anyhow::Result<()> {
        let id = match &rotation.id {
            Some(id) => id.clone(),
            None => {
                let name = rotation.public_key_name()?;
                let id = self.cloudfront.create_public_key(&name, &name, &rotation.public_key).await?;
                line("create", &format!("the public key {id} in CloudFront, named {name}"));
                rotation.id = Some(id.clone());
                self.remember(rotation).await?;
                id
            }
        };
        if current.as_ref().is_some_and(|document| document.id == id) {
            line("switch", &format!("was done: {} holds {id}", self.setting.place));
            return self.remember_switch(rotation).await;
        }
        let holds = current.as_ref().map(|document| document.id.clone());
        ensure!(
            holds == rotation.old,
            "{} holds another key than when this rotation began; remove {} to begin a new one",
            self.setting.place,
            self.names.1
        );
        if rotation.announced_at.is_none() {
            let keys = self.cloudfront.change_key_group(self.group, |keys| add(keys, &id)).await?;
            line("group", &format!("{} has {}", self.group, keys.join(", ")));
            if let Some(folder) = &self.args.public_keys {
                secrets::add_public_key(folder, &id, &rotation.public_key)?;
                line("announce", &format!("{id} in {}", folder.display()));
            }
            if let Some(current) = &current {
                let mut others = others_of(current, &[&id]);
                others.push((id.clone(), rotation.public_key.clone()));
                self.write_key(&current.with_others(others)?, true).await?;
                line("announce", &format!("{id} in {}: the edges of Tidegate trust it", self.setting.place));
            }
            rotation.announced_at = Some(now());
            self.remember(rotation).await?;
        }
        self.wait_for_edges(rotation.announced_at.unwrap_or_default()).await?;
        self.require_unchanged(current.as_ref()).await?;
        let private: SecretString = rotation.private_key.clone().context("the rotation has no private key")?.into();
        let mut others = Vec::new();
        if let Some(current) = &current {
            others = others_of(current, &[&id, &current.id]);
            others.push((current.id.clone(), current.public.clone()));
        }
        let document = KeyDocument::new(id.clone(), private, Some(others)).map_err(anyhow::Error::msg)?;
        self.write_key(&document, current.is_some()).await?;
        line(
            "switch",
            &format!("{} holds {id}: servers sign with it {} s from now on", self.setting.place, self.reading()),
        );
        self.remember_switch(rotation).await
    }

    async fn remember_switch(&self, rotation: &mut Rotation) -> anyhow::Result<()> {
        rotation.switched_at = Some(now());
        // From here on, the key is nowhere but in its own place.
        rotation.private_key = None;
        self.remember(rotation).await
    }

    /// Waits until the edges of CloudFront and of Tidegate can be expected to have the new key.
    async fn wait_for_edges(&self, announced_at: u64) -> anyhow::Result<()> {
        if let Some(distribution) = &self.config.cloudfront.distribution {
            while !self.cloudfront.distribution(distribution).await?.is_deployed {
                line("wait", &format!("for the distribution {distribution} to be deployed"));
                tokio::time::sleep(POLL).await;
            }
        }
        let left = until(announced_at, self.args.deploy_wait.max(self.reading()));
        if !left.is_zero() {
            line("wait", &format!("{} s, until every edge has the new key", left.as_secs()));
            tokio::time::sleep(left).await;
        }
        Ok(())
    }

    /// Returns the seconds after which every server has read a change of the key.
    fn reading(&self) -> u64 {
        2 * self.setting.refresh.as_secs()
    }

    /// Returns the seconds between the switch and the end of the last link signed with the old key.
    /// The links of a key that everybody has are worth nothing.
    fn retire_after(&self, rotation: &Rotation) -> u64 {
        let links = if rotation.old_is_published { 0 } else { self.config.longest_grant().as_secs() };
        // A server switches up to three readings after the switch.
        self.args.retire_after.unwrap_or(links + 3 * self.setting.refresh.as_secs() + 60)
    }

    /// Removes the old key, if its time has come.
    async fn retire(&self, rotation: &Rotation) -> anyhow::Result<()> {
        let (Some(id), Some(switched_at)) = (&rotation.id, rotation.switched_at) else { return Ok(()) };
        if let Some(old) = &rotation.old {
            let left = until(switched_at, self.retire_after(rotation));
            if !left.is_zero() {
                let at = rfc3339(SystemTime::now() + left);
                if self.args.until == Until::Switched {
                    line("later", &format!("{old} is retired by a run after {at}, when its last links have ended"));
                    return Ok(());
                }
                line("wait", &format!("until {at}, when the last links signed with {old} have ended"));
                tokio::time::sleep(left).await;
            }
            // Whoever has put the old key back needs it in the group.
            self.held(id).await?;
            let keys = self.cloudfront.change_key_group(self.group, |keys| remove(keys, old)).await?;
            line("group", &format!("{} has {}", self.group, keys.join(", ")));
            self.forget(id, old).await?;
            if let Some(folder) = &self.args.public_keys {
                secrets::remove_public_key(folder, old)?;
            }
            let deleted = self.cloudfront.delete_public_key(old).await?;
            let kept = if deleted { "deleted" } else { "kept, because another key group has it" };
            line("retire", &format!("{old} is {kept}"));
        }
        self.store.delete(&self.names.1).await.with_context(|| self.names.1.clone())?;
        line("done", &format!("{id} signs"));
        Ok(())
    }

    /// Returns what servers read now, which must be the key `id`.
    async fn held(&self, id: &str) -> anyhow::Result<KeyDocument> {
        let stored =
            self.store.read(&self.names.0).await?.with_context(|| format!("{} is gone", self.setting.place))?;
        let document =
            KeyDocument::parse(&stored.value, self.setting.given_id.as_deref()).map_err(anyhow::Error::msg)?;
        ensure!(
            document.id == id,
            "{} holds {} and not {id}: remove {} to begin a new rotation",
            self.setting.place,
            document.id,
            self.names.1
        );
        Ok(document)
    }

    /// Returns an error unless all is as it was before the wait: somebody may have given the rotation
    /// up meanwhile, or another run may have ended it.
    async fn require_unchanged(&self, current: Option<&KeyDocument>) -> anyhow::Result<()> {
        let begun = self.store.read(&self.names.1).await?;
        ensure!(begun.is_some(), "{} is gone: the rotation was given up or ended meanwhile", self.names.1);
        match current {
            Some(current) => self.held(&current.id).await.map(drop),
            None => Ok(()),
        }
    }

    /// Removes the old key from those that the edges of Tidegate trust.
    async fn forget(&self, id: &str, old: &str) -> anyhow::Result<()> {
        let document = self.held(id).await?;
        if document.others.iter().flatten().any(|(known, _)| known == old) {
            let others = others_of(&document, &[old]);
            self.write_key(&document.with_others(others)?, true).await?;
        }
        Ok(())
    }

    /// Writes the key where servers read it.
    async fn write_key(&self, document: &KeyDocument, exists: bool) -> anyhow::Result<()> {
        let (name, json, kms_key) = (&self.names.0, document.to_json(), self.kms_key.as_deref());
        let place = || self.setting.place.to_string();
        if exists {
            return self.store.replace(name, &json, kms_key).await.with_context(place);
        }
        let created = self.store.create(name, &json, kms_key).await.with_context(place)?;
        ensure!(created, "{} is there already and holds no key that can be read: remove it, and run again", place());
        Ok(())
    }

    /// Prints what a run would do.
    fn print_plan(&self, current: Option<&KeyDocument>, begun: Option<&Rotation>) -> anyhow::Result<()> {
        let (place, group, beside) = (&self.setting.place, self.group, &self.names.1);
        let old = match begun {
            Some(rotation) => rotation.old.clone(),
            None => current.map(|document| document.id.clone()),
        };
        let rotation = match begun {
            Some(rotation) => rotation,
            None => {
                &Rotation { old_is_published: current.is_some_and(KeyDocument::is_published), ..Rotation::default() }
            }
        };
        let id = rotation.id.as_deref().unwrap_or("the new key");
        let old_id = old.as_deref().unwrap_or("no key");
        let retire = self.retire_after(rotation);
        let done = |is_done: bool| if is_done { "done" } else { "to do" };
        let made = begun.is_some();
        let grouped = rotation.announced_at.is_some();
        let switched = rotation.switched_at.is_some();
        let steps = [
            ("make", made, format!("a pair, kept in {beside}")),
            ("create", rotation.id.is_some(), "its public key in CloudFront".to_owned()),
            ("group", grouped, format!("add {id} to the key group {group}")),
            ("announce", grouped, format!("{id} in {place}, beside {old_id}")),
            ("wait", switched, format!("for the distribution, and {} s", self.args.deploy_wait.max(self.reading()))),
            ("switch", switched, format!("{place} to {id}")),
            ("retire", false, format!("{old_id} {retire} s later: from the group, from {place}, and in CloudFront")),
            ("done", false, format!("remove {beside}")),
        ];
        for (step, is_done, text) in steps {
            line(step, &format!("{:<6} {text}", done(is_done)));
        }
        Ok(())
    }
}

/// Adds a key to a group. Returns whether it was not there.
fn add(keys: &mut Vec<String>, id: &str) -> bool {
    let is_new = !keys.iter().any(|known| known == id);
    if is_new {
        keys.push(id.to_owned());
    }
    is_new
}

/// Removes a key from a group. Returns whether it was there.
fn remove(keys: &mut Vec<String>, id: &str) -> bool {
    let before = keys.len();
    keys.retain(|known| known != id);
    keys.len() < before
}

/// Returns the other keys of a document without some.
fn others_of(document: &KeyDocument, without: &[&str]) -> Vec<(String, String)> {
    let all = document.others.iter().flatten();
    all.filter(|(id, _)| !without.contains(&id.as_str())).cloned().collect()
}
