//! Every shared function called by a stranger: it is denied, and nothing changes.

use std::time::{Duration, SystemTime};

use tidegate::db::Cursor;
use tidegate::error::Error;
use tidegate::library::{audit, downloads, grants, objects, tokens};
use tidegate::model::access::Action;
use tidegate::model::caller::Caller;
use tidegate::model::event::EventFilter;
use tidegate::model::ids::{ObjectId, UserId};
use tidegate::model::owner::{Owner, OwnerKind};
use tidegate::model::principal::{Principal, Roles};
use tidegate::sign_in::issuer::NewToken;
use tidegate::surfaces::disks::{self, NewDiskUpload};
use tidegate::uploads;

use crate::support::{TestApp, user};

const KIND: OwnerKind = OwnerKind::Disks;

const HOUR: Duration = Duration::from_secs(3600);

fn scope(owner: Option<&Owner>, object: Option<ObjectId>) -> EventFilter {
    EventFilter { owner: owner.cloned(), object: object.map(|object| (KIND, object)), since: SystemTime::UNIX_EPOCH }
}

fn token() -> NewToken {
    NewToken { user: UserId::parse("alice").unwrap(), org: None, roles: Roles::default() }
}

#[tokio::test]
async fn every_shared_function_denies_a_stranger() {
    let test = TestApp::start().await;
    let app = &*test.app;
    let ready = ObjectId::parse(&test.image("alice", b"bytes").await).unwrap();
    let (open, upload) = test.begin("alice", &serde_json::json!({})).await;
    let open = ObjectId::parse(&open).unwrap();
    let (_, alice) = user("alice");
    let (bob, _) = user("bob");
    let before = test.files();
    for (stranger, expected) in [(&bob, "FORBIDDEN"), (&Caller::from(Principal::Anonymous), "UNAUTHENTICATED")] {
        let parts = vec![(1, "etag".to_owned())];
        let outcomes: [(&str, Result<(), Error>); 15] = [
            ("disks::begin", disks::begin(app, stranger, &alice, NewDiskUpload::default()).await.map(drop)),
            ("uploads::sign_parts", uploads::sign_parts(app, stranger, KIND, open, &upload, &[1]).await.map(drop)),
            ("uploads::list_parts", uploads::list_parts(app, stranger, KIND, open).await.map(drop)),
            ("uploads::complete", uploads::complete(app, stranger, KIND, open, &upload, parts).await.map(drop)),
            ("uploads::abort", uploads::abort(app, stranger, KIND, open).await),
            ("objects::find", objects::find(app, stranger, Action::Read, KIND, ready).await.map(drop)),
            ("objects::find_ready", objects::find_ready(app, stranger, KIND, ready).await.map(drop)),
            ("objects::list", objects::list(app, stranger, &alice, None, Cursor::START, 10).await.map(drop)),
            ("disks::delete", disks::delete(app, stranger, KIND, ready).await),
            ("grants::issue", grants::issue(app, stranger, KIND, ready).await.map(drop)),
            ("uploads::find_open", uploads::find_open(app, stranger, KIND, open).await.map(drop)),
            ("audit::list", audit::list(app, stranger, scope(Some(&alice), None), Cursor::START, 10).await.map(drop)),
            ("audit::list", audit::list(app, stranger, scope(None, Some(ready)), Cursor::START, 10).await.map(drop)),
            ("tokens::issue", tokens::issue(app, stranger, &token(), HOUR).await.map(drop)),
            ("downloads::open", downloads::open(app, stranger, KIND, ready).await.map(drop)),
        ];
        for (function, outcome) in outcomes {
            assert_eq!(outcome.err().map(|error| error.code()), Some(expected), "{function}");
        }
    }
    assert_eq!(test.files(), before);
    test.finish().await;
}

#[tokio::test]
async fn every_route_denies_a_stranger() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let body = serde_json::json!({ "uploadId": "x", "partNumber": 1, "parts": [{ "partNumber": 1, "etag": "x" }] });
    for path in ["metadata", "stream-url", "parts", "range"] {
        let answer = app.get("bob", &format!("/v1/images/{image}/{path}")).await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN".into()), "{path}");
    }
    for path in ["upload-url", "complete", "abort"] {
        let answer = app.post("bob", &format!("/v1/images/{image}/{path}"), &body).await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN".into()), "{path}");
    }
    assert_eq!(app.delete("bob", &format!("/v1/images/{image}")).await.refusal().0, 403);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/metadata")).await.status, 200);
    app.finish().await;
}
