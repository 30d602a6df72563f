//! The opening handshake over a transport.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::timeout;

use super::WebSocket;
use super::options::Options;
#[cfg(feature = "zlib-rs")]
use crate::deflate::{Agreement, AnswerError};
use crate::handshake::{
    Accepted, Client, Failure, HeadFields, HeadFinder, NotOffered, Refusal, Request, RequestHead, Response,
    ResponseFinder, ResponseHead, WriteError,
};
use crate::keys::{KeySource, OsKeys, Unmasked};

/// A request that a server has read and not answered: look at it, then accept it or refuse it.
///
/// ```no_run
/// use tokio::net::TcpStream;
/// use wsframe::endpoint::{OpenError, Opening, Options, WebSocket};
/// use wsframe::handshake::Refusal;
///
/// async fn open(socket: TcpStream) -> Result<WebSocket<TcpStream>, OpenError> {
///     let mut opening = Opening::read(socket, Options::new()).await?;
///     let trusted = match opening.request() {
///         Ok(request) => request.origin().is_none_or(|origin| origin == "https://example.com"),
///         Err(refusal) => return Err(opening.refuse(refusal).await),
///     };
///     if !trusted {
///         return Err(opening.refuse(Refusal::FORBIDDEN).await);
///     }
///     // The first of these that the client offers, if it does.
///     _ = opening.choose_protocol(&["chat.v2", "chat"]);
///     opening.accept().await
/// }
/// ```
pub struct Opening<S> {
    io: S,
    received: BytesMut,
    head_len: usize,
    options: Options,
    protocol: Option<Box<str>>,
    fields: Vec<(String, String)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    /// Reads the head of a request. One that is not HTTP, or too long, is refused here.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn read(io: S, options: Options) -> Result<Opening<S>, OpenError> {
        // A connection keeps the room of the futures that open it, for as long as it lives.
        Box::pin(Opening::read_unboxed(io, options)).await
    }

    async fn read_unboxed(mut io: S, options: Options) -> Result<Opening<S>, OpenError> {
        let mut received = BytesMut::new();
        let head = within(options.open_within, read_head(&mut io, &mut received)).await?;
        let head = head.and_then(|len| RequestHead::parse(received.get(..len).unwrap_or_default()).map(|_| len));
        let opening = |head_len| Opening { io, received, head_len, options, protocol: None, fields: Vec::new() };
        match head {
            Ok(len) => Ok(opening(len)),
            Err(refusal) => Err(opening(0).refuse(refusal).await),
        }
    }

    /// The head: its method, target and fields.
    #[allow(clippy::missing_panics_doc, reason = "the same bytes were parsed before")]
    pub fn head(&self) -> RequestHead<'_> {
        let head = self.received.get(..self.head_len).unwrap_or_default();
        RequestHead::parse(head).expect("the head was parsed when it was read")
    }

    /// The request, if it keeps the rules of the handshake: what the client offers, and where it comes from.
    ///
    /// # Errors
    /// The rule that it breaks, to be passed to [`refuse`](Opening::refuse). [`Refusal::NotUpgrade`] may be a request for a page or a
    /// health check, which [`respond`](Opening::respond) can answer.
    pub fn request(&self) -> Result<Request<HeadFields<'_>>, Refusal> {
        self.head().check()
    }

    /// Accepts the first of these subprotocols that the client offers.
    ///
    /// # Errors
    /// [`NotOffered`], if it offers none of them. The request can still be accepted, without one.
    pub fn choose_protocol(&mut self, protocols: &[&str]) -> Result<(), NotOffered> {
        let request = self.request().map_err(|_| NotOffered::new())?;
        let is_offered = |protocol: &&&str| request.protocols().any(|offered| offered == **protocol);
        let chosen = protocols.iter().find(is_offered).ok_or_else(NotOffered::new)?;
        self.protocol = Some((*chosen).into());
        Ok(())
    }

    /// Adds a field to the answer, such as `Set-Cookie`, or `Location` and `WWW-Authenticate` to a refusal.
    pub fn add_field(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.fields.push((name.into(), value.into()));
    }

    /// Accepts the request: the connection is open. A request that breaks the rules is refused.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn accept(self) -> Result<WebSocket<S>, OpenError> {
        Box::pin(self.accept_unboxed()).await
    }

    async fn accept_unboxed(mut self) -> Result<WebSocket<S>, OpenError> {
        let answer = match self.request() {
            Ok(request) => self.answer(&request)?,
            Err(refusal) => return Err(self.refuse_unboxed(refusal).await),
        };
        within(self.options.open_within, write(&mut self.io, &answer.head)).await?;
        self.received.advance(self.head_len);
        let mut socket = WebSocket::server(self.io, self.options).with_received(self.received);
        socket.protocol = self.protocol;
        #[cfg(feature = "zlib-rs")]
        if let Some(agreed) = answer.agreed {
            socket = socket.with_deflate(agreed);
        }
        Ok(socket)
    }

    /// The answer that accepts the request.
    fn answer(&self, request: &Request<HeadFields<'_>>) -> Result<Answer, WriteError> {
        let mut answer = request.answer();
        if let Some(protocol) = &self.protocol {
            answer = answer.with_protocol(protocol).map_err(|_| WriteError::Offer)?;
        }
        #[cfg(feature = "zlib-rs")]
        let agreed = self.options.deflate.and_then(|policy| request.deflate(&policy));
        #[cfg(feature = "zlib-rs")]
        if let Some((_, value)) = &agreed {
            answer = answer.with_extensions(value).map_err(|_| WriteError::Offer)?;
        }
        let fields = borrowed(&self.fields);
        Ok(Answer {
            head: written(|out| answer.write(out, &fields))?,
            #[cfg(feature = "zlib-rs")]
            agreed: agreed.map(|(agreed, _)| agreed),
        })
    }

    /// Refuses the request, with the remedy as text for whoever made it, and closes the transport. Returns the error that says so.
    pub async fn refuse(self, refusal: Refusal) -> OpenError {
        Box::pin(self.refuse_unboxed(refusal)).await
    }

    async fn refuse_unboxed(self, refusal: Refusal) -> OpenError {
        let fields = borrowed(&self.fields);
        match written(|out| refusal.write(out, &fields, refusal.remedy())) {
            Ok(response) => match self.respond(&response).await {
                Ok(()) => OpenError::Refused(refusal),
                Err(error) => error,
            },
            Err(error) => error.into(),
        }
    }

    /// Answers with these bytes, which must be a whole HTTP response with `Connection: close`, and closes the transport: for a page or
    /// a health check on the same port.
    ///
    /// # Errors
    /// [`OpenError::Io`] and [`OpenError::TimedOut`].
    pub async fn respond(mut self, response: &[u8]) -> Result<(), OpenError> {
        within(self.options.open_within, async {
            write(&mut self.io, response).await?;
            self.io.shutdown().await
        })
        .await?;
        // Closing with unread input would reset the connection, and the client could miss the response.
        _ = timeout(self.options.timing.linger(), copy(&mut self.io, &mut sink())).await;
        Ok(())
    }
}

/// A head that accepts, and what it agrees to.
struct Answer {
    head: Vec<u8>,
    #[cfg(feature = "zlib-rs")]
    agreed: Option<Agreement>,
}

impl<S> fmt::Debug for Opening<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S, Unmasked> {
    /// The server's side of the opening handshake: reads a request, and accepts it if it keeps the rules. To look at it first, or to
    /// serve pages on the same port, use [`Opening`]. The transport is connected; TLS is its own matter. Set `TCP_NODELAY` on it.
    ///
    /// # Errors
    /// [`OpenError`]. A request that breaks the rules was answered with its status.
    pub async fn accept(io: S, options: Options) -> Result<WebSocket<S>, OpenError> {
        let open = async move { Opening::read_unboxed(io, options).await?.accept_unboxed().await };
        Box::pin(open).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S, OsKeys> {
    /// The client's side of the opening handshake, over a transport that is connected; TLS is its own matter. Set `TCP_NODELAY` on it.
    /// Frames are masked with keys of the operating system.
    ///
    /// ```no_run
    /// use tokio::net::TcpStream;
    /// use wsframe::endpoint::{Options, WebSocket};
    /// use wsframe::handshake::Client;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let stream = TcpStream::connect("example.com:80").await?;
    /// let client = Client::random("example.com", "/chat")?.with_protocols(&["chat"]);
    /// let mut socket = WebSocket::connect(stream, &client, Options::new()).await?;
    /// socket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect(io: S, client: &Client<'_>, options: Options) -> Result<WebSocket<S, OsKeys>, OpenError> {
        WebSocket::connect_with(io, client, options, OsKeys::new(), |_| {}).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: KeySource> WebSocket<S, K> {
    /// [`WebSocket::connect`] with another source of masking keys, and a look at the fields of the answer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect_with(
        io: S,
        client: &Client<'_>,
        options: Options,
        keys: K,
        on_answer: impl FnOnce(&Accepted<'_, HeadFields<'_>>),
    ) -> Result<WebSocket<S, K>, OpenError> {
        Box::pin(WebSocket::connect_unboxed(io, client, options, keys, on_answer)).await
    }

    async fn connect_unboxed(
        mut io: S,
        client: &Client<'_>,
        options: Options,
        keys: K,
        on_answer: impl FnOnce(&Accepted<'_, HeadFields<'_>>),
    ) -> Result<WebSocket<S, K>, OpenError> {
        #[cfg(feature = "zlib-rs")]
        let offer = options.deflate.map(|policy| policy.offer());
        #[cfg(feature = "zlib-rs")]
        let client = &match &offer {
            Some(offer) => client.clone().with_extensions(offer),
            None => client.clone(),
        };
        let head = written(|out| client.write(out))?;
        let mut received = BytesMut::new();
        let mut finder = ResponseFinder::new();
        let open = async {
            write(&mut io, &head).await?;
            loop {
                if let Some((response, end)) = client.read(&mut finder, &received)? {
                    return Ok::<_, OpenError>((status_of(response), end));
                }
                read_more(&mut io, &mut received).await?;
            }
        };
        let (refused, end) = match timeout(options.open_within, open).await {
            Ok(result) => result?,
            Err(_) => return Err(OpenError::TimedOut),
        };
        if let Some(status) = refused {
            return Err(OpenError::Rejected(Rejected { status, received, head_len: end }));
        }
        // Once more, now that nothing is read into the buffer any more.
        let Some((Response::Accepted(accepted), _)) = client.read(&mut ResponseFinder::new(), &received)? else {
            return Err(OpenError::Failure(Failure::Malformed));
        };
        #[cfg(feature = "zlib-rs")]
        let agreed = options.deflate.map(|policy| accepted.deflate(&policy)).transpose()?.flatten();
        on_answer(&accepted);
        let protocol = accepted.protocol().map(Box::from);
        received.advance(end);
        let mut socket = WebSocket::client(io, keys, options).with_received(received);
        socket.protocol = protocol;
        #[cfg(feature = "zlib-rs")]
        if let Some(agreed) = agreed {
            socket = socket.with_deflate(agreed);
        }
        Ok(socket)
    }
}

/// The status, unless it is that of acceptance.
fn status_of(response: Response<'_>) -> Option<u16> {
    match response {
        Response::Accepted(_) => None,
        Response::Refused(head) => Some(head.status()),
    }
}

/// The answer of a server that does not accept: 401, 404, a redirection, 503.
#[derive(Debug)]
pub struct Rejected {
    status: u16,
    received: BytesMut,
    head_len: usize,
}

impl Rejected {
    /// The status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The values of the fields with this name, such as `Location`, `Retry-After` or `WWW-Authenticate`.
    pub fn field(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        let head = self.received.get(..self.head_len).unwrap_or_default();
        ResponseHead::parse(head).ok().into_iter().flat_map(move |head| head.field(name))
    }

    /// The beginning of the body, as far as it came with the head.
    pub fn body(&self) -> &[u8] {
        self.received.get(self.head_len..).unwrap_or_default()
    }
}

/// Why a connection was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The transport failed, or ended before the handshake did ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)).
    Io(io::Error),
    /// The handshake took too long: see [`Options::with_open_within`].
    TimedOut,
    /// The server, this end, refused the request, and has said so.
    Refused(Refusal),
    /// The server does not accept.
    Rejected(Rejected),
    /// The server accepts, but its answer breaks a rule.
    Failure(Failure),
    /// The server accepts compression that was not offered so (feature `zlib-rs`).
    #[cfg(feature = "zlib-rs")]
    Deflate(AnswerError),
    /// The head could not be written: a field of the caller is not what HTTP allows.
    Write(WriteError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> OpenError {
        OpenError::Failure(failure)
    }
}

#[cfg(feature = "zlib-rs")]
impl From<AnswerError> for OpenError {
    fn from(error: AnswerError) -> OpenError {
        OpenError::Deflate(error)
    }
}

impl From<WriteError> for OpenError {
    fn from(error: WriteError) -> OpenError {
        OpenError::Write(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(error) => write!(f, "the opening handshake failed: {error}"),
            OpenError::TimedOut => f.write_str("the opening handshake took too long"),
            OpenError::Refused(refusal) => write!(f, "refused: {refusal}"),
            OpenError::Rejected(rejected) => write!(f, "the server does not accept: status {}", rejected.status),
            OpenError::Failure(failure) => failure.fmt(f),
            #[cfg(feature = "zlib-rs")]
            OpenError::Deflate(error) => error.fmt(f),
            OpenError::Write(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            OpenError::Io(error) => Some(error),
            OpenError::Refused(refusal) => Some(refusal),
            OpenError::Failure(failure) => Some(failure),
            #[cfg(feature = "zlib-rs")]
            OpenError::Deflate(error) => Some(error),
            OpenError::Write(error) => Some(error),
            OpenError::TimedOut | OpenError::Rejected(_) => None,
        }
    }
}

/// For functions that return `io::Result`.
impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        match error {
            OpenError::Io(error) => error,
            OpenError::TimedOut => io::Error::new(io::ErrorKind::TimedOut, error),
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Reads up to the end of a head, and returns its length.
async fn read_head(io: &mut (impl AsyncRead + Unpin), received: &mut BytesMut) -> io::Result<Result<usize, Refusal>> {
    let mut finder = HeadFinder::new();
    loop {
        match finder.find(received) {
            Ok(Some(len)) => return Ok(Ok(len)),
            Ok(None) => read_more(io, received).await?,
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
}

async fn read_more(io: &mut (impl AsyncRead + Unpin), received: &mut BytesMut) -> io::Result<()> {
    received.reserve(512);
    match io.read_buf(received).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn write(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, OpenError> {
    Ok(timeout(time, work).await.map_err(|_| OpenError::TimedOut)??)
}

/// What `write` writes, however long it is.
fn written(write: impl Fn(&mut [u8]) -> Result<usize, WriteError>) -> Result<Vec<u8>, WriteError> {
    let mut out = vec![0; 1024];
    loop {
        match write(&mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(WriteError::BufferTooSmall { needed }) => out.resize(needed, 0),
            Err(error) => return Err(error),
        }
    }
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
