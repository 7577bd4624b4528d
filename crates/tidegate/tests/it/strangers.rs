//! The stranger table: every public function that takes a caller, called by somebody without rights.
//! Each is refused as `model/rules.rs` demands for the owner's kind, and nothing changes. The same
//! call by the owner gets past authorization, so that no row is refused for another reason. `callers`
//! reads the sources and fails for a function that has neither a row nor a reason.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use store::PresignedRequest;
use tidegate::app::App;
use tidegate::db::Cursor;
use tidegate::error::Error;
use tidegate::model::access::Action;
use tidegate::model::bulk::BulkAction;
use tidegate::model::caller::Caller;
use tidegate::model::event::EventFilter;
use tidegate::model::file::{FileFilter, Visibility};
use tidegate::model::ids::{ObjectId, OrgId, SessionId, SpaceId, UserId};
use tidegate::model::object::ObjectState;
use tidegate::model::owner::{Owner, OwnerKind};
use tidegate::model::package::{AssetPath, DatasetId, NodeId, Shown};
use tidegate::model::page::Start;
use tidegate::model::principal::{Principal, Roles};
use tidegate::model::role::Role;
use tidegate::model::rules::{self, Stranger};
use tidegate::sign_in::issuer::NewToken;
use tidegate::surfaces::files::completion::Finish;
use tidegate::surfaces::files::uploads::PartBody;
use tidegate::surfaces::packages::uploads::{UploadMethod, Which};
use tidegate::surfaces::spaces::images::Wanted;
use tidegate::{access, library, surfaces, uploads, worker};

use crate::support::TestApp;

/// What a row is about, and so how a stranger is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Objects of an owner of this kind.
    Kind(OwnerKind),
    /// An upload of files, or a bulk action, by its id. Somebody else's is not there: ids are not to be tried out.
    ById,
    /// The server as a whole.
    Server,
    /// Something of the caller's own; only an anonymous caller is refused.
    Own,
}

const DISKS: About = About::Kind(OwnerKind::Disks);
const FILES: About = About::Kind(OwnerKind::Files);
const SESSION: About = About::Kind(OwnerKind::Session);
const SPACE: About = About::Kind(OwnerKind::Space);
const DATASET: About = About::Kind(OwnerKind::Dataset);

impl About {
    /// Returns the code that a signed-in stranger gets.
    fn refusal(self) -> &'static str {
        let stranger = match self {
            Self::Kind(kind) => rules::of(kind).stranger,
            Self::ById => Stranger::NotFound,
            Self::Server | Self::Own => Stranger::Forbidden,
        };
        match stranger {
            Stranger::Forbidden => "FORBIDDEN",
            Stranger::NotFound => "NOT_FOUND",
        }
    }
}

/// A call: the function, what it was about, and the code of its error.
type Row = (String, About, Option<&'static str>);

/// Calls functions one after the other and returns a row for each, named by the path that was called.
macro_rules! rows {
    ($($about:expr => $($name:ident)::+ ($($argument:expr),* $(,)?)),* $(,)?) => {
        vec![$((
            stringify!($($name)::+).replace(char::is_whitespace, ""),
            $about,
            code(Box::pin($($name)::+($($argument),*)).await),
        )),*]
    };
}

/// The same for functions that are not async.
macro_rules! decisions {
    ($($about:expr => $($name:ident)::+ ($($argument:expr),* $(,)?)),* $(,)?) => {
        vec![$((
            stringify!($($name)::+).replace(char::is_whitespace, ""),
            $about,
            code($($name)::+($($argument),*)),
        )),*]
    };
}

fn code<T>(outcome: Result<T, Error>) -> Option<&'static str> {
    outcome.err().map(|error| error.code().as_str())
}

fn person(name: &str, org: &str) -> Caller {
    let (id, org) = (UserId::parse(name).unwrap(), Some(OrgId::parse(org).unwrap()));
    Principal::User { id, org, roles: Roles::default() }.into()
}

/// What belongs to alice of the lab.
struct Belongings {
    app: Arc<App>,
    disks: Owner,
    /// An image that is READY.
    image: ObjectId,
    /// An image that is uploading, and its upload.
    open: (ObjectId, String),
    files: Owner,
    /// The key of a file.
    key: String,
    /// An open upload of a file.
    upload: String,
    session: SessionId,
    /// A media item of the session that is published, and where it was put.
    media: (ObjectId, String),
    space: SpaceId,
    /// An image of the space that is published.
    picture: ObjectId,
    dataset: DatasetId,
    /// A package that is READY.
    package: NodeId,
    /// An asset of it.
    asset: AssetPath,
    /// A package whose source file is sent in parts.
    in_parts: Which,
    /// A bulk action.
    bulk: uuid::Uuid,
}

fn photo() -> Vec<u8> {
    let (width, height, format) = (32, 32, turbojpeg::PixelFormat::RGB);
    let pixels = vec![120; width * height * 3];
    let image = turbojpeg::Image { pixels: pixels.as_slice(), width, pitch: width * 3, height, format };
    turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).unwrap().to_vec()
}

async fn put(test: &TestApp, request: &PresignedRequest, bytes: &[u8]) {
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let put = test.send(request.method, &request.url, &headers, bytes.to_vec()).await;
    assert_eq!(put.status, 200, "{}", put.text());
}

fn body(bytes: &'static [u8]) -> PartBody {
    let bytes = Box::pin(stream::iter([Ok(bytes::Bytes::from_static(bytes))]));
    PartBody { bytes, most: None }
}

fn new_file(name: &str) -> Vec<surfaces::files::uploads::NewFileUpload> {
    let (name, visibility) = (name.to_owned(), Visibility::Private);
    vec![surfaces::files::uploads::NewFileUpload { name, size: 5, mime: None, visibility }]
}

fn new_media() -> surfaces::sessions::NewSessionUpload {
    let (filename, content_type) = ("a.jpg".to_owned(), "image/jpeg".to_owned());
    surfaces::sessions::NewSessionUpload { filename, content_type, ..Default::default() }
}

fn new_picture() -> surfaces::spaces::images::NewSpaceUpload {
    let (filename, content_type) = ("a.jpg".to_owned(), "image/jpeg".to_owned());
    surfaces::spaces::images::NewSpaceUpload { filename, content_type, size: None, sha256: None }
}

fn new_object(in_parts: bool) -> surfaces::packages::uploads::NewPackageUpload {
    surfaces::packages::uploads::NewPackageUpload { in_parts, ..Default::default() }
}

fn new_bulk(space: &SpaceId) -> worker::bulk::NewBulk {
    let (kind, owner, action) = (OwnerKind::Space, space.as_str().to_owned(), BulkAction::Delete);
    worker::bulk::NewBulk { kind, owner, action, items: vec!["unknown".to_owned()] }
}

impl Belongings {
    async fn of(test: &TestApp, alice: &Caller) -> Self {
        let app = Arc::clone(&test.app);
        let user = UserId::parse("alice").unwrap();
        let image = ObjectId::parse(&test.image("alice", b"bytes").await).unwrap();
        let (open, upload_of_open) = test.begin("alice", &serde_json::json!({})).await;
        let files = Owner::Files(user.clone());
        let mut begun = Vec::new();
        for name in ["a.txt", "b.txt"] {
            begun.extend(surfaces::files::uploads::begin(&app, alice, &files, "docs", new_file(name)).await.unwrap());
        }
        let [file, other] = <[_; 2]>::try_from(begun).unwrap();
        surfaces::files::uploads::put_part(&app, alice, &file.upload_id, 1, body(b"bytes")).await.unwrap();
        let finish = Finish::default();
        surfaces::files::completion::complete(&app, alice, &file.upload_id, &finish, None).await.unwrap();
        let session = surfaces::sessions::create(&app, alice, None).await.unwrap();
        let target = surfaces::sessions::begin_upload(&app, alice, &session, new_media()).await.unwrap();
        put(test, &target.request, &photo()).await;
        let file_key = target.file_key.as_str().to_owned();
        surfaces::sessions::confirm_upload(&app, alice, &session, &file_key, None, None).await.unwrap();
        let space = surfaces::spaces::create(&app, alice, "Holidays").await.unwrap().id;
        let picture = surfaces::spaces::images::begin(&app, alice, &space, new_picture()).await.unwrap();
        put(test, &picture.request, &photo()).await;
        surfaces::spaces::images::confirm(&app, alice, &space, picture.object).await.unwrap();
        let dataset = surfaces::packages::create(&app, alice, "Cells").await.unwrap().id;
        let source = ("one", "one.bin", None);
        let one = surfaces::packages::uploads::begin_package(&app, alice, &dataset, source, new_object(false));
        let one = one.await.unwrap();
        let UploadMethod::Single(request) = &one.method else { panic!("{one:?}") };
        put(test, request, b"bytes").await;
        let which = Which::Source(one.node.clone());
        surfaces::packages::confirming::confirm(&app, alice, &which, None).await.unwrap();
        let path = AssetPath::parse("a.txt").unwrap();
        let asset = (&one.node, &path);
        let asset = surfaces::packages::uploads::begin_asset(&app, alice, &dataset, asset, new_object(false));
        let asset = asset.await.unwrap();
        let UploadMethod::Single(request) = &asset.method else { panic!("{asset:?}") };
        put(test, request, b"bytes").await;
        surfaces::packages::confirming::confirm(&app, alice, &Which::Asset(asset.object), None).await.unwrap();
        let source = ("two", "two.bin", None);
        let two = surfaces::packages::uploads::begin_package(&app, alice, &dataset, source, new_object(true));
        let two = two.await.unwrap();
        let bulk = worker::bulk::start(&app, alice, new_bulk(&space)).await.unwrap();
        test.run_jobs().await;
        Self {
            app,
            bulk,
            disks: Owner::Disks(user),
            image,
            open: (ObjectId::parse(&open).unwrap(), upload_of_open),
            files,
            key: file.key.as_str().to_owned(),
            upload: other.upload_id,
            session,
            media: (target.object, file_key),
            space,
            picture: picture.object,
            dataset,
            package: one.node,
            asset: path,
            in_parts: Which::Source(two.node),
        }
    }

    /// Rows of disk images, and of what is done with any owner's objects. Here and below, what takes something away comes
    /// last.
    async fn disks(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, disks, image, open: (open, upload), .. } = self;
        let (kind, image, open) = (OwnerKind::Disks, *image, *open);
        let parts = vec![(1, "etag".to_owned())];
        rows![
            DISKS => surfaces::disks::begin(app, caller, disks, surfaces::disks::NewDiskUpload::default()),
            DISKS => library::objects::find(app, caller, Action::Read, kind, image),
            DISKS => library::objects::find_in_any_state(app, caller, Action::Read, kind, image),
            DISKS => library::objects::find_ready(app, caller, kind, image),
            DISKS => library::objects::find_named(app, caller, kind, image),
            DISKS => library::objects::list(app, caller, disks, None, Start::First, 10),
            DISKS => library::downloads::open(app, caller, kind, image),
            DISKS => library::grants::issue(app, caller, kind, image),
            DISKS => library::thaw::thaw(app, caller, kind, image),
            DISKS => library::audit::list(app, caller, events(Some(disks), None), Cursor::START, 10),
            DISKS => library::audit::list(app, caller, events(None, Some((kind, image))), Cursor::START, 10),
            DISKS => uploads::sign_parts(app, caller, kind, open, upload, &[1]),
            DISKS => uploads::list_parts(app, caller, kind, open),
            DISKS => uploads::find_open(app, caller, kind, open),
            DISKS => uploads::complete(app, caller, kind, open, upload, parts),
            DISKS => uploads::abort(app, caller, kind, open),
            DISKS => surfaces::disks::delete(app, caller, kind, image),
        ]
    }

    async fn files(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, files, key, upload, .. } = self;
        let filter = (&FileFilter::default(), ObjectState::Ready);
        let (finish, keys, kind) = (Finish::default(), [key.clone()], sign::Disposition::Inline);
        let version = surfaces::files::links::Version::Two;
        rows![
            FILES => library::files::find(app, caller, Action::Read, key),
            FILES => library::files::find_kept(app, caller, Action::Read, key),
            FILES => library::files::find_many(app, caller, Action::Read, &[key]),
            FILES => library::files::list(app, caller, files, filter, Cursor::START, 10),
            FILES => library::files::find_position(app, caller, files, filter, 1, 1),
            FILES => library::files::totals(app, caller, files, filter),
            FILES => library::audit::list(app, caller, events(Some(files), None), Cursor::START, 10),
            FILES => surfaces::files::usage(app, caller, files),
            FILES => surfaces::files::thaw(app, caller, key),
            FILES => surfaces::files::links::issue(app, caller, key, kind, 60, version),
            FILES => surfaces::archives::create(app, caller, &keys, None),
            FILES => surfaces::archives::create_of_folder(app, caller, files, "docs", None),
            FILES => surfaces::files::uploads::begin(app, caller, files, "docs", new_file("c.txt")),
            About::ById => surfaces::files::uploads::progress(app, caller, upload),
            About::ById => surfaces::files::completion::has_parts(app, caller, upload),
            About::ById => surfaces::files::completion::complete(app, caller, upload, &finish, Some(vec![])),
            About::ById => surfaces::files::uploads::put_part(app, caller, upload, 1, body(b"bytes")),
            About::ById => surfaces::files::uploads::abort(app, caller, upload),
            FILES => surfaces::files::links::revoke(app, caller, files),
            FILES => surfaces::files::deletion::delete(app, caller, key),
            FILES => surfaces::files::deletion::delete_folder(app, caller, files, "docs"),
        ]
    }

    async fn sessions(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, session, media: (media, file_key), .. } = self;
        let (media, named) = (*media, Some(session));
        let object = Some((OwnerKind::Session, media));
        rows![
            SESSION => access::find_session(app, caller, Action::Read, session),
            SESSION => library::audit::list(app, caller, events(None, object), Cursor::START, 10),
            SESSION => surfaces::sessions::media(app, caller, named, media),
            SESSION => surfaces::sessions::media(app, caller, None, media),
            SESSION => surfaces::sessions::list(app, caller, session, (None, None), Start::First, 10),
            SESSION => surfaces::sessions::history(app, caller, named, media),
            SESSION => surfaces::sessions::watch(app, caller.clone(), session),
            SESSION => surfaces::sessions::links::follow(app, Some(caller), session, media, None),
            SESSION => surfaces::sessions::begin_upload(app, caller, session, new_media()),
            SESSION => surfaces::sessions::sign_upload_again(app, caller, session, media),
            SESSION => surfaces::sessions::confirm_upload(app, caller, session, file_key, None, None),
            SESSION => surfaces::sessions::retry(app, caller, named, media),
            SESSION => surfaces::sessions::thaw(app, caller, named, media),
            SESSION => surfaces::sessions::deletion::delete(app, caller, named, media),
            SESSION => surfaces::sessions::deletion::restore(app, caller, named, media),
            SESSION => surfaces::sessions::deletion::delete_session(app, caller, session),
            SESSION => surfaces::sessions::deletion::restore_session(app, caller, session),
        ]
    }

    async fn spaces(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, space, picture, bulk, .. } = self;
        let (picture, owner) = (*picture, Owner::Space(space.clone()));
        let (dora, ids, object) =
            (UserId::parse("dora").unwrap(), [picture.to_string()], Some((OwnerKind::Space, picture)));
        rows![
            SPACE => access::find_space(app, caller, Action::Read, space),
            SPACE => access::authorize_owner(app, caller, Action::Read, &owner),
            SPACE => worker::bulk::start(app, caller, new_bulk(space)),
            About::ById => worker::bulk::find(app, caller, *bulk),
            SPACE => library::audit::list(app, caller, events(Some(&owner), None), Cursor::START, 10),
            SPACE => library::audit::list(app, caller, events(None, object), Cursor::START, 10),
            SPACE => uploads::media_items::watch::watch(app, caller.clone(), owner.clone(), None),
            SPACE => surfaces::spaces::space(app, caller, space),
            SPACE => surfaces::spaces::members(app, caller, space, "", 10),
            SPACE => surfaces::spaces::set_member(app, caller, space, &dora, Role::Viewer),
            SPACE => surfaces::spaces::remove_member(app, caller, space, &dora),
            SPACE => surfaces::spaces::images::grant_all(app, caller, space),
            SPACE => surfaces::spaces::images::list(app, caller, space, Wanted::All, Start::First, 10),
            SPACE => surfaces::spaces::images::image(app, caller, space, picture),
            SPACE => surfaces::spaces::links::issue(app, caller, space, picture, (None, 60)),
            SPACE => surfaces::spaces::images::history(app, caller, space, picture),
            SPACE => surfaces::spaces::images::refresh(app, caller, space, &ids),
            SPACE => surfaces::spaces::images::watch(app, caller.clone(), space, None),
            SPACE => surfaces::spaces::images::begin(app, caller, space, new_picture()),
            SPACE => surfaces::spaces::images::sign_upload_again(app, caller, space, picture),
            SPACE => surfaces::spaces::images::confirm(app, caller, space, picture),
            SPACE => surfaces::spaces::images::retry(app, caller, space, picture),
            SPACE => surfaces::spaces::images::thaw(app, caller, space, picture),
            SPACE => surfaces::imports::import(app, caller, space, vec!["a.jpg".to_owned()]),
            SPACE => surfaces::spaces::images::delete(app, caller, space, picture),
            SPACE => surfaces::spaces::images::trash(app, caller, space, Start::First, 10),
            SPACE => surfaces::spaces::images::restore(app, caller, space, picture),
            SPACE => surfaces::spaces::images::delete(app, caller, space, picture),
            SPACE => surfaces::spaces::images::purge(app, caller, space, picture),
            SPACE => surfaces::spaces::images::purge_all(app, caller, space),
            SPACE => surfaces::spaces::delete(app, caller, space),
        ]
    }

    async fn packages(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, dataset, package, asset, in_parts, .. } = self;
        let (owner, ids, page) = (Owner::Dataset(dataset.clone()), [package.as_str().to_owned()], ("", 10));
        let (dora, source, of_asset) = (UserId::parse("dora").unwrap(), (package, None), (package, asset));
        let (which, new) = (Which::Source(package.clone()), AssetPath::parse("b.txt").unwrap());
        rows![
            DATASET => access::find_dataset(app, caller, Action::Read, dataset),
            DATASET => library::audit::list(app, caller, events(Some(&owner), None), Cursor::START, 10),
            DATASET => surfaces::packages::node(app, caller, Action::Read, package),
            DATASET => surfaces::packages::seen(app, caller, package),
            DATASET => surfaces::packages::children(app, caller, dataset, None, Shown::All, (Start::First, 10)),
            DATASET => surfaces::packages::changelog(app, caller, dataset, None, i64::MAX, 10),
            DATASET => surfaces::packages::links::presign(app, caller, dataset, source),
            DATASET => surfaces::packages::links::stat(app, caller, dataset, source),
            DATASET => surfaces::packages::links::sign_object(app, caller, dataset, of_asset),
            DATASET => surfaces::packages::links::sign_prefix(app, caller, dataset, package),
            DATASET => surfaces::packages::links::assets(app, caller, dataset, package, page),
            DATASET => surfaces::packages::links::asset(app, caller, dataset, of_asset),
            DATASET => surfaces::packages::manifest::manifest(app, caller, dataset, &ids),
            DATASET => surfaces::packages::thawing::thaw(app, caller, dataset, &ids),
            DATASET => surfaces::packages::members::list(app, caller, dataset, "", 10),
            DATASET => surfaces::packages::members::set(app, caller, dataset, &dora, Role::Viewer),
            DATASET => surfaces::packages::members::remove(app, caller, dataset, &dora),
            DATASET => surfaces::packages::create_collection(app, caller, dataset, "c", None),
            DATASET => surfaces::packages::uploads::begin_package(
                app, caller, dataset, ("three", "three.bin", None), new_object(false)
            ),
            DATASET => surfaces::packages::uploads::begin_asset(
                app, caller, dataset, (package, &new), new_object(false)
            ),
            DATASET => surfaces::packages::uploads::sign_parts(app, caller, in_parts, &[1]),
            DATASET => surfaces::packages::uploads::list_parts(app, caller, in_parts),
            DATASET => surfaces::packages::confirming::confirm(app, caller, &which, None),
            DATASET => surfaces::packages::deletion::delete_asset(app, caller, dataset, of_asset),
            DATASET => surfaces::packages::deletion::delete(app, caller, dataset, &ids),
            DATASET => surfaces::packages::restoring::restore(app, caller, dataset, &ids),
        ]
    }

    /// Rows of the decisions themselves.
    fn decisions(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, disks, space, .. } = self;
        let (space, role) = (Owner::Space(space.clone()), caller.user().filter(|user| user.as_str() == "alice"));
        let role = role.map(|_| Role::Owner);
        decisions![
            DISKS => access::authorize(app, caller, Action::Read, disks, None),
            SPACE => access::authorize_member(app, caller, Action::Read, (&space, role), None),
        ]
    }

    /// Rows that are no owner's. For services, or for admins.
    async fn server(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, .. } = self;
        let token = NewToken { user: UserId::parse("alice").unwrap(), org: None, roles: Roles::default() };
        let mut rows = decisions![
            About::Server => access::authorize_everywhere(app, caller, Action::Operate),
            About::Server => library::overview::settings(app, caller),
        ];
        rows.extend(rows![
            About::Server => library::audit::list(app, caller, events(None, None), Cursor::START, 10),
            About::Server => library::overview::usage(app, caller, None, None, 10),
            About::Server => library::overview::usage_days(app, caller, None, 0, 1),
            About::Server => library::overview::queues(app, caller),
            About::Server => library::keys::list(app, caller),
            About::Server => library::tokens::issue(app, caller, &token, Duration::from_secs(60)),
            About::Server => surfaces::files::set_quota(app, caller, Some("alice"), None),
        ]);
        rows
    }

    /// Rows of what a caller makes, or lists of what is theirs.
    async fn own(&self, caller: &Caller) -> Vec<Row> {
        let Self { app, .. } = self;
        rows![
            About::Own => surfaces::sessions::create(app, caller, None),
            About::Own => surfaces::sessions::list_own(app, caller, Cursor::START, 10),
            About::Own => surfaces::spaces::create(app, caller, "New"),
            About::Own => surfaces::spaces::list(app, caller, Cursor::START, 10),
            About::Own => surfaces::packages::create(app, caller, "New"),
            About::Own => surfaces::packages::list(app, caller, (i64::MAX, ""), 10),
        ]
    }
}

fn events(owner: Option<&Owner>, object: Option<(OwnerKind, ObjectId)>) -> EventFilter {
    EventFilter { owner: owner.cloned(), object, ..EventFilter::all() }
}

#[tokio::test]
async fn every_function_refuses_strangers_and_lets_the_owner_in() {
    let test = TestApp::start().await;
    let (alice, service) = (person("alice", "lab"), Caller::from(Principal::Service));
    let (bob, colleague) = (person("bob", "elsewhere"), person("carl", "lab"));
    let anonymous = Caller::from(Principal::Anonymous);
    let all = Box::pin(Belongings::of(&test, &alice)).await;
    let before = (test.files(), test.app.db.count_jobs().await.unwrap().queued);
    for stranger in [&bob, &colleague, &anonymous] {
        let mut rows = Box::pin(all.disks(stranger)).await;
        rows.extend(Box::pin(all.files(stranger)).await);
        rows.extend(Box::pin(all.spaces(stranger)).await);
        rows.extend(Box::pin(all.packages(stranger)).await);
        rows.extend(Box::pin(all.server(stranger)).await);
        rows.extend(all.decisions(stranger));
        // Sessions are their organisation's.
        if *stranger != colleague {
            rows.extend(Box::pin(all.sessions(stranger)).await);
        }
        if *stranger == anonymous {
            rows.extend(Box::pin(all.own(stranger)).await);
        }
        for (function, about, code) in rows {
            let expected = if *stranger == anonymous { "UNAUTHENTICATED" } else { about.refusal() };
            assert_eq!(code, Some(expected), "{function}, called by {}", stranger.principal.name());
        }
    }
    assert_eq!((test.files(), test.app.db.count_jobs().await.unwrap().queued), before, "strangers changed something");
    let spaces = surfaces::spaces::list(&all.app, &colleague, Cursor::START, 10).await.unwrap().0;
    let datasets = surfaces::packages::list(&all.app, &colleague, (i64::MAX, ""), 10).await.unwrap().0;
    let sessions = surfaces::sessions::list_own(&all.app, &colleague, Cursor::START, 10).await.unwrap().0;
    assert!(
        spaces.is_empty() && datasets.is_empty() && sessions.is_empty(),
        "strangers see {spaces:?} {datasets:?} {sessions:?}"
    );

    let mut rows = all.decisions(&alice);
    rows.extend(Box::pin(all.disks(&alice)).await);
    rows.extend(Box::pin(all.files(&alice)).await);
    rows.extend(Box::pin(all.sessions(&alice)).await);
    rows.extend(Box::pin(all.spaces(&alice)).await);
    rows.extend(Box::pin(all.packages(&alice)).await);
    rows.extend(Box::pin(all.server(&service)).await);
    rows.extend(Box::pin(all.own(&alice)).await);
    for (function, about, code) in rows {
        assert_ne!(code, Some(about.refusal()), "{function} refuses its owner as it refuses strangers");
        assert_ne!(code, Some("UNAUTHENTICATED"), "{function}");
        assert_ne!(code, Some("INTERNAL"), "{function}");
    }
    test.run_jobs().await;
    // What is to be removed later waits for its time.
    let waiting = test.app.db.count_jobs().await.unwrap().queued;
    test.finish_with(waiting).await;
}
