//! The lines for axum that the README has, so that they compile.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::Client;

async fn serve(mut socket: WebSocket<impl AsyncRead + AsyncWrite + Unpin>) {
    while let Some(Ok(message)) = socket.next().await {
        _ = socket.feed(message).await;
    }
}

#[rustfmt::skip]
async fn upgrade(mut request: axum::extract::Request) -> Result<Response<Body>, StatusCode> {
    let upgrade = hyper::upgrade::on(&mut request);
    let fields = || request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let checked = wsframe::handshake::check("GET", true, fields).map_err(|_| StatusCode::BAD_REQUEST)?;
    let response = Response::builder().status(101);
    let response = checked.answer().fields().fold(response, |response, (name, value)| response.header(name, value));
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        serve(WebSocket::server(TokioIo::new(stream), Options::new())).await;
    });
    response.body(Body::empty()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[tokio::test]
async fn they_are_in_the_readme_and_echo() {
    let source = include_str!("readme.rs");
    let start = source.find("async fn upgrade").unwrap();
    let lines = &source[start..start + source[start..].find("\n}\n").unwrap() + 3];
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```rust,ignore\n{lines}```\n")));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/", axum::routing::any(upgrade));
    tokio::spawn(async { axum::serve(listener, routes).await });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let client = Client::random("localhost", "/").unwrap();
    let mut socket = WebSocket::connect(stream, &client, Options::new()).await.unwrap();
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().text(), Some("Hello"));
}
