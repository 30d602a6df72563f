//! An echo server within axum: pages and WebSockets on one port, over HTTP/1.1 and over HTTP/2 (RFC 8441). The head is parsed by
//! hyper, checked by wsframe, and the upgraded stream is an endpoint.
//!
//! `cargo run --release --manifest-path examples/web/Cargo.toml --bin axum [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given.

use std::{env, process};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, Method, Response, StatusCode, Version};
use axum::routing::{any, get};
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use wsframe::deflate::Policy;
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::{Refusal, check, check_connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);
    // HTTP/2 asks with CONNECT, so the route is for any method.
    let routes = Router::new().route("/", get(|| async { "The WebSocket is at /echo.\n" })).route("/echo", any(echo));
    axum::serve(ListenerWithoutDelay(listener), routes).await
}

/// A small answer must not wait for the acknowledgement of the one before it.
struct ListenerWithoutDelay(TcpListener);

impl axum::serve::Listener for ListenerWithoutDelay {
    type Io = tokio::net::TcpStream;
    type Addr = core::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        // At worst it is slower.
        _ = stream.set_nodelay(true);
        (stream, address)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn echo(mut request: Request) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    match answer(&request) {
        Ok((response, agreed)) => {
            tokio::spawn(async move {
                // The client may have gone meanwhile.
                let Ok(stream) = upgrade.await else { return };
                let mut socket = WebSocket::server(TokioIo::new(stream), Options::new());
                if let Some(agreed) = agreed {
                    socket = socket.with_deflate(agreed);
                }
                while let Some(Ok(message)) = socket.next().await {
                    // The end says why.
                    _ = socket.feed(message).await;
                }
                if let Some(ended) = socket.ended() {
                    eprintln!("{ended}");
                }
            });
            response
        }
        Err(refusal) => {
            let mut response = Response::new(Body::from(refusal.remedy()));
            *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            for (name, value) in refusal.fields() {
                set(&mut response, name, value);
            }
            response
        }
    }
}

type Agreed = Option<wsframe::deflate::Agreement>;

/// The response that accepts the request, and what it agrees to.
fn answer(request: &Request) -> Result<(Response<Body>, Agreed), Refusal> {
    let fields = || request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let request = if request.method() == Method::CONNECT {
        check_connect(request.extensions().get::<Protocol>().map(Protocol::as_str), fields)?
    } else {
        check(request.method().as_str(), request.version() == Version::HTTP_11, fields)?
    };
    let mut answer = request.answer();
    let agreement = request.deflate(&Policy::SMALL);
    if let Some((_, value)) = &agreement {
        answer = answer.with_extensions(value).map_err(|_| Refusal::of_status(500))?;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.fields() {
        set(&mut response, name, value);
    }
    Ok((response, agreement.map(|(agreed, _)| agreed)))
}

fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.parse()) {
        response.headers_mut().insert(name, value);
    }
}
