//! Calls of CloudFront that only read: how a distribution is configured, which keys a key group has.
//! For diagnosis; nothing else needs these rights.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::client::Error;
use crate::cloudfront::CloudFront;

/// The configuration of a distribution, as far as private content is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistributionConfig {
    /// Whether it answers requests.
    pub enabled: bool,
    /// Its alternate domain names.
    pub aliases: Vec<String>,
    /// The origins.
    pub origins: Vec<DistributionOrigin>,
    /// The cache behaviours in their order, the default one last.
    pub behaviours: Vec<Behaviour>,
}

/// An origin of a distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistributionOrigin {
    /// Its name in the distribution.
    pub id: String,
    /// Its host.
    pub domain: String,
    /// The id of the Origin Access Control that may sign requests to it.
    pub access_control: Option<String>,
    /// Whether an origin access identity, which is the older way, signs requests to it.
    pub has_identity: bool,
}

/// A cache behaviour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// The path pattern; `*` for the default behaviour.
    pub path: String,
    /// The id of its origin.
    pub origin: String,
    /// The ids of the trusted key groups; empty if viewers need no signature of a key group.
    pub key_groups: Vec<String>,
    /// Whether it answers over plain HTTP.
    pub allows_http: bool,
}

/// An XML element.
#[derive(Debug, Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<Self>,
}

impl Node {
    /// Parses a document. Of one that is not well-formed, returns what precedes the fault.
    fn parse(xml: &str) -> Self {
        let (mut reader, mut open) = (Reader::from_str(xml), vec![Self::default()]);
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => {
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Ok(Event::Text(text)) => {
                    if let (Some(node), Ok(text)) = (open.last_mut(), text.decode()) {
                        node.text.push_str(text.trim());
                    }
                }
                Ok(Event::End(_)) => {
                    if let Some(node) = open.pop()
                        && let Some(parent) = open.last_mut()
                    {
                        parent.children.push(node);
                    }
                }
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        while open.len() > 1 {
            let node = open.pop().unwrap_or_default();
            if let Some(parent) = open.last_mut() {
                parent.children.push(node);
            }
        }
        open.pop().unwrap_or_default()
    }

    /// Returns the first element below this one by a path of names.
    fn find(&self, path: &[&str]) -> Option<&Self> {
        let Some((name, rest)) = path.split_first() else { return Some(self) };
        self.children.iter().find(|child| child.name == *name)?.find(rest)
    }

    /// Returns the text at a path; empty if there is none.
    fn text(&self, path: &[&str]) -> String {
        self.find(path).map_or(String::new(), |node| node.text.clone())
    }

    /// Returns the elements with a name at a path.
    fn all(&self, path: &[&str], name: &str) -> Vec<&Self> {
        let children = self.find(path).into_iter().flat_map(|node| node.children.iter());
        children.filter(|child| child.name == name).collect()
    }
}

impl CloudFront {
    /// Returns the configuration of a distribution (`GetDistributionConfig`).
    pub async fn distribution_config(&self, distribution: &str) -> Result<DistributionConfig, Error> {
        let xml = self.read(&format!("distribution/{distribution}/config")).await?;
        let document = Node::parse(&xml);
        let config = document.find(&["DistributionConfig"]).ok_or_else(|| no_document("DistributionConfig"))?;
        Ok(distribution_config(config))
    }

    /// Returns the ids of the public keys of a key group (`GetKeyGroup`).
    pub async fn key_group_keys(&self, key_group: &str) -> Result<Vec<String>, Error> {
        let xml = self.read(&format!("key-group/{key_group}")).await?;
        let document = Node::parse(&xml);
        let config = document.find(&["KeyGroup", "KeyGroupConfig"]).ok_or_else(|| no_document("KeyGroup"))?;
        Ok(config.all(&["Items"], "PublicKey").into_iter().map(|node| node.text.clone()).collect())
    }

    /// Returns the PEM of a public key (`GetPublicKey`).
    pub async fn public_key_pem(&self, id: &str) -> Result<String, Error> {
        let xml = self.read(&format!("public-key/{id}")).await?;
        let pem = crate::xml::text_of(&xml, "EncodedKey").ok_or_else(|| no_document("PublicKey"))?;
        // Some tools give the line breaks as entities or as characters.
        Ok(pem.replace("\\n", "\n"))
    }

    /// Returns when an Origin Access Control signs requests: `always`, `never` or `no-override`, which is
    /// only where the viewer sends no `Authorization` (`GetOriginAccessControl`).
    pub async fn signing_behaviour(&self, access_control: &str) -> Result<String, Error> {
        let xml = self.read(&format!("origin-access-control/{access_control}")).await?;
        crate::xml::text_of(&xml, "SigningBehavior").ok_or_else(|| no_document("OriginAccessControl"))
    }

    /// Sends a GET request and returns the body of the response.
    async fn read(&self, path: &str) -> Result<String, Error> {
        let request = self.request(http::Method::GET, path, String::new());
        Ok(self.client.send(&request).await?.body)
    }
}

fn no_document(name: &str) -> Error {
    Error::Unavailable(format!("CloudFront answered without a {name}"))
}

fn distribution_config(config: &Node) -> DistributionConfig {
    let origin = |node: &Node| DistributionOrigin {
        id: node.text(&["Id"]),
        domain: node.text(&["DomainName"]),
        access_control: Some(node.text(&["OriginAccessControlId"])).filter(|id| !id.is_empty()),
        has_identity: !node.text(&["S3OriginConfig", "OriginAccessIdentity"]).is_empty(),
    };
    let behaviour = |node: &Node, path: String| Behaviour {
        path,
        origin: node.text(&["TargetOriginId"]),
        key_groups: if node.text(&["TrustedKeyGroups", "Enabled"]) == "true" {
            node.all(&["TrustedKeyGroups", "Items"], "KeyGroup").into_iter().map(|group| group.text.clone()).collect()
        } else {
            Vec::new()
        },
        allows_http: node.text(&["ViewerProtocolPolicy"]) == "allow-all",
    };
    let named = config.all(&["CacheBehaviors", "Items"], "CacheBehavior").into_iter();
    let named = named.map(|node| behaviour(node, node.text(&["PathPattern"])));
    let default = config.find(&["DefaultCacheBehavior"]).map(|node| behaviour(node, "*".to_owned()));
    DistributionConfig {
        enabled: config.text(&["Enabled"]) == "true",
        aliases: config.all(&["Aliases", "Items"], "CNAME").into_iter().map(|node| node.text.clone()).collect(),
        origins: config.all(&["Origins", "Items"], "Origin").into_iter().map(origin).collect(),
        behaviours: named.chain(default).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_with_its_behaviours_in_order() {
        let xml = r#"<?xml version="1.0"?>
            <DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
              <Aliases><Quantity>1</Quantity><Items><CNAME>img.test</CNAME></Items></Aliases>
              <Origins><Quantity>2</Quantity><Items>
                <Origin><Id>s3</Id><DomainName>b.s3.amazonaws.com</DomainName>
                  <OriginAccessControlId>EOAC</OriginAccessControlId></Origin>
                <Origin><Id>open</Id><DomainName>c.s3.amazonaws.com</DomainName><OriginAccessControlId></OriginAccessControlId>
                  <S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig></Origin>
              </Items></Origins>
              <DefaultCacheBehavior><TargetOriginId>s3</TargetOriginId>
                <TrustedKeyGroups><Enabled>true</Enabled><Quantity>1</Quantity><Items><KeyGroup>g1</KeyGroup></Items></TrustedKeyGroups>
                <ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy></DefaultCacheBehavior>
              <CacheBehaviors><Items><CacheBehavior><PathPattern>open/*</PathPattern><TargetOriginId>open</TargetOriginId>
                <TrustedKeyGroups><Enabled>false</Enabled></TrustedKeyGroups>
                <ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy></CacheBehavior></Items></CacheBehaviors>
              <Enabled>true</Enabled>
            </DistributionConfig>"#;
        let read = distribution_config(Node::parse(xml).find(&["DistributionConfig"]).unwrap());
        assert!(read.enabled);
        assert_eq!(read.aliases, ["img.test"]);
        let origin = |origin: &DistributionOrigin| {
            (origin.id.clone(), origin.access_control.clone().unwrap_or_default(), origin.has_identity)
        };
        let signed: Vec<_> = read.origins.iter().map(origin).collect();
        assert_eq!(signed, [("s3".into(), "EOAC".into(), false), ("open".into(), String::new(), false)]);
        let paths: Vec<(&str, usize, bool)> =
            read.behaviours.iter().map(|one| (&*one.path, one.key_groups.len(), one.allows_http)).collect();
        assert_eq!(paths, [("open/*", 0, true), ("*", 1, false)]);
        assert!(Node::parse("<a><b>").find(&["a", "b"]).is_some(), "a document that is cut off");
    }
}
