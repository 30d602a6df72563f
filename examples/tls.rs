//! TLS is the caller's: a server and a client over streams of tokio-rustls, with a certificate that signs itself.
//!
//! `cargo run --release --manifest-path examples/web/Cargo.toml --bin tls`

use std::error::Error;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wsframe::CloseCode;
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::Client;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der())?;

    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(server))));

    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("localhost")?, stream).await?;
    let mut socket = WebSocket::connect(stream, &Client::random("localhost", "/")?, Options::new()).await?;
    socket.send("Hello over TLS").await?;
    let message = socket.next().await.ok_or("the connection has ended")??;
    println!("echo: {}", message.text().unwrap_or_default());
    println!("the client: {}", socket.close(CloseCode::NORMAL, "done").await?);
    println!("the server: {}", serving.await??);
    Ok(())
}

/// One connection.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> Result<String> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut socket = WebSocket::accept(acceptor.accept(stream).await?, Options::new()).await?;
    while let Some(message) = socket.next().await {
        socket.feed(message?).await?;
    }
    Ok(socket.ended().ok_or("the connection did not end")?.to_string())
}
