//! Connections on which nothing happens, on every door: they make room for others.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::TestApp;

/// Connects from another address of this machine.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// Returns whether a request on this connection is answered.
async fn is_answered(mut stream: TcpStream, host: SocketAddr) -> bool {
    let request = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut answer).await
    };
    matches!(tokio::time::timeout(Duration::from_secs(5), exchange).await, Ok(Ok(_)))
        && answer.starts_with(b"HTTP/1.1 ")
}

async fn doors(app: &TestApp) -> [SocketAddr; 3] {
    [app.api_address(), app.edge_address(), app.app.addresses.s3.authority.parse().unwrap()]
}

#[tokio::test]
async fn half_sent_heads_keep_nobody_out() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "40"), ("MAX_CONNECTIONS_PER_ADDRESS", "30")]).await;
    for door in doors(&app).await {
        let mut held = Vec::new();
        for number in 0..200 {
            let mut stream = connect(if number % 2 == 0 { "127.0.0.2" } else { "127.0.0.3" }, door).await;
            // Some say nothing, some a part of a head, some were answered once and stay.
            match number % 3 {
                0 => {}
                1 => stream.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap(),
                _ => {
                    stream.write_all(format!("GET /health HTTP/1.1\r\nhost: {door}\r\n\r\n").as_bytes()).await.unwrap()
                }
            }
            held.push(stream);
        }
        for from in ["127.0.0.1", "127.0.0.2", "127.0.0.4"] {
            assert!(is_answered(connect(from, door).await, door).await, "{door} from {from}");
        }
        let open = async |stream: &mut TcpStream| {
            let mut byte = [0];
            loop {
                match tokio::time::timeout(Duration::from_millis(5), stream.read(&mut byte)).await {
                    Err(_) => return true,
                    Ok(Ok(0) | Err(_)) => return false,
                    Ok(Ok(_)) => {}
                }
            }
        };
        let mut left = 0;
        for stream in &mut held {
            left += usize::from(open(stream).await);
        }
        assert!(left <= 40, "{left} connections are open");
    }
    app.finish().await;
}

#[tokio::test]
async fn sockets_of_subscriptions_are_counted() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "8"), ("MAX_CONNECTIONS_PER_ADDRESS", "4")]).await;
    let door = app.api_address();
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut stream = connect("127.0.0.2", door).await;
        let head = format!(
            "GET /graphql HTTP/1.1\r\nhost: {door}\r\nx-user-id: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\norigin: http://{door}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        sockets.push(stream);
    }
    assert!(!is_answered(connect("127.0.0.2", door).await, door).await, "four sockets are its share");
    assert!(is_answered(connect("127.0.0.3", door).await, door).await);
    drop(sockets);
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    while !is_answered(connect("127.0.0.2", door).await, door).await {
        assert!(tokio::time::Instant::now() < until, "closed sockets count for nothing");
    }
    app.finish().await;
}

#[tokio::test]
async fn connections_with_requests_are_never_closed_for_others() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "8"), ("MAX_CONNECTIONS_PER_ADDRESS", "4")]).await;
    let door = app.api_address();
    let mut uploading = Vec::new();
    for from in ["127.0.0.2", "127.0.0.3"] {
        for _ in 0..4 {
            let mut stream = connect(from, door).await;
            let head = format!(
                "POST /v1/images HTTP/1.1\r\nhost: {door}\r\nx-user-id: a\r\ncontent-type: application/json\r\n\
                 connection: close\r\ncontent-length: 2\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            uploading.push(stream);
        }
    }
    // The heads may still be on their way.
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    while is_answered(connect("127.0.0.2", door).await, door).await {
        assert!(tokio::time::Instant::now() < until, "an address has more than its share");
    }
    assert!(!is_answered(connect("127.0.0.4", door).await, door).await, "the door is full of requests");
    for mut stream in uploading {
        stream.write_all(b"}").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(is_answered(connect("127.0.0.4", door).await, door).await);
    app.finish().await;
}
