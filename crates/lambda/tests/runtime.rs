//! The loop on a Runtime API that is a socket of this test: what is sent back for an event, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use http::Response;
use lambda::{Answer, ByteStream, Interrupted, run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Reads until `end` has come, and returns everything.
async fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut some = [0; 4096];
        let count = socket.read(&mut some).await.unwrap();
        assert!(count > 0, "the connection ends after {text}");
        text.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    text
}

/// Gives one event to the loop, and returns its answer up to `end`.
async fn answer_of(answer: fn() -> Answer, end: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_until(&mut socket, "\r\n\r\n").await;
        let headers = "Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                       Lambda-Runtime-Invocation-Id: i1\r\nContent-Length: 2";
        socket.write_all(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{{}}").as_bytes()).await.unwrap();
        let text = read_until(&mut socket, end).await;
        socket.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        read_until(&mut socket, "/invocation/next").await;
        socket.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        text
    };
    let running = run(&address, |_| async move { answer() });
    let (text, ended) = tokio::join!(serving, running);
    assert!(ended.unwrap_err().to_string().contains("410"));
    text
}

fn streaming(parts: Vec<Result<Bytes, Interrupted>>) -> Answer {
    let content: ByteStream = Box::pin(stream::iter(parts));
    Answer::Stream(Response::builder().header("content-length", "6").header("set-cookie", "a=1").body(content).unwrap())
}

#[tokio::test]
async fn a_stream_that_is_interrupted_ends_with_trailers_that_name_no_cause() {
    let text = answer_of(
        || streaming(vec![Ok(Bytes::from_static(b"abc")), Err(Interrupted)]),
        "\r\nlambda-runtime-function-error-body: ",
    );
    let text = text.await;
    let (head, rest) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /2018-06-01/runtime/invocation/r1/response "), "{head}");
    assert!(head.contains("lambda-runtime-invocation-id: i1"), "{head}");
    assert!(head.contains("lambda-runtime-function-response-mode: streaming"), "{head}");
    let (body, trailers) = rest.split_once("\r\n0\r\n").unwrap();
    assert!(body.ends_with("\r\n3\r\nabc"), "{body}");
    assert!(body.contains(r#""content-length":"6""#) && body.contains(r#""cookies":["a=1"]"#), "{body}");
    assert!(trailers.contains("lambda-runtime-function-error-type: Runtime.ResponseInterrupted"), "{trailers}");
    let document = trailers.split("error-body: ").nth(1).unwrap().lines().next().unwrap();
    let document = String::from_utf8(STANDARD.decode(document).unwrap()).unwrap();
    assert!(document.contains("see the log"), "{document}");
}

#[tokio::test]
async fn a_whole_stream_has_no_trailers() {
    let text = answer_of(|| streaming(vec![Ok(Bytes::from_static(b"abcdef"))]), "\r\n0\r\n\r\n").await;
    assert!(!text.contains("error-type:"), "{text}");
}

#[tokio::test]
async fn failures_and_panics_are_errors_of_the_invocation() {
    let failed = || Answer::Failed { kind: "UnknownEvent".into(), message: "of another shape".into() };
    let text = answer_of(failed, r#""errorType":"UnknownEvent"}"#).await;
    assert!(text.starts_with("POST /2018-06-01/runtime/invocation/r1/error "), "{text}");
    let text = answer_of(|| panic!("with a secret"), r#""errorType":"Panic"}"#).await;
    assert!(!text.contains("secret"), "{text}");
}
