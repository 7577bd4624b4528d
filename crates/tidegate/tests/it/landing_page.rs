//! The page at `/start`: what it says in development, and what it does not say to strangers.

use crate::support::TestApp;

#[tokio::test]
async fn in_development_it_names_the_data_folder_and_a_request_that_works() {
    let app = TestApp::start().await;
    let page = app.get("ann", "/start").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains(&app.folder.path().display().to_string()), "{text}");
    assert!(text.contains(&format!("curl -sS {}/api/spaces", app.api())), "{text}");
    assert!(text.contains("-H &#39;X-User-Id: ann&#39;"), "{text}");
    assert!(text.contains(&format!("<a href=\"{}/\">", app.api())), "{text}");
    // Every link leads somewhere.
    let links: Vec<&str> = text.split("href=\"/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let led = app.send("GET", &format!("{}/{link}", app.api()), &[], Vec::new()).await;
        assert_eq!(led.status, 200, "/{link}");
    }
    app.finish().await;
}

#[tokio::test]
async fn in_production_strangers_do_not_see_the_data_folder() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&[
        ("ENV", "prod"),
        ("SURFACES", "files"),
        ("UPLOAD_SIGNING_KEY", SECRET),
        ("AUTH_SERVICE_TOKEN", SECRET),
    ])
    .await;
    assert!(app.app.config.in_production());
    let page = app.send("GET", &format!("{}/start", app.api()), &[], Vec::new()).await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.contains(&format!("curl -sS {}/v1/files/all", app.api())), "{text}");
    assert!(text.contains("X-Service-Token: $SERVICE_TOKEN") && !text.contains(SECRET), "{text}");
    let folder = app.folder.path().display().to_string();
    assert!(!text.contains(&folder) && !text.contains("Data folder"), "{text}");
    app.finish().await;
}
