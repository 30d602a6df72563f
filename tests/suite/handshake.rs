//! The opening handshake: each rule broken alone, for heads and for fields that another stack has parsed; every cut; every byte.

use wsframe::handshake::{
    Client, Failure, HeadFinder, NotOffered, Refusal, RequestHead, Response, ResponseFinder, WriteError, accept_key,
    check, check_connect,
};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The fields of a request that may be accepted.
fn fields() -> Vec<(&'static str, String)> {
    [
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn head_of(line: &str, fields: &[(&str, String)]) -> Vec<u8> {
    let mut head = format!("{line}\r\n").into_bytes();
    for (name, value) in fields {
        head.extend(format!("{name}: {value}\r\n").bytes());
    }
    head.extend(b"\r\n");
    head
}

/// The verdict on a head, which must be the same by the fields alone.
fn verdict(head: &[u8]) -> Result<(), Refusal> {
    let mut finder = HeadFinder::new();
    assert_eq!(finder.find(head)?, Some(head.len()));
    let parsed = RequestHead::parse(head)?;
    let result = parsed.check().map(drop);
    assert_eq!(check(parsed.method(), parsed.is_http11(), parsed.fields()).map(drop), result);
    result
}

/// The fields with some changed: a value for a name, `None` to leave it out, or another field to add.
fn changed(changes: &[(&'static str, Option<&str>)]) -> Vec<(&'static str, String)> {
    let mut fields = fields();
    for (name, value) in changes {
        match value {
            None => fields.retain(|(field, _)| field != name),
            Some(value) => match fields.iter_mut().find(|(field, _)| field == name) {
                Some(field) => field.1 = (*value).to_owned(),
                None => fields.push((name, (*value).to_owned())),
            },
        }
    }
    fields
}

#[test]
fn each_rule_of_a_request_is_broken_alone() {
    use Refusal as R;
    let get = "GET /chat HTTP/1.1";
    assert_eq!(verdict(&head_of(get, &fields())), Ok(()));
    for (line, refusal) in [
        ("POST /chat HTTP/1.1", R::Method),
        ("get /chat HTTP/1.1", R::Method),
        ("OPTIONS * HTTP/1.1", R::Method),
        ("GET /chat HTTP/1.0", R::Version),
        ("GET /chat HTTP/2.0", R::Malformed),
        ("GET /chat", R::Malformed),
        ("GET  /chat HTTP/1.1", R::Malformed),
    ] {
        assert_eq!(verdict(&head_of(line, &fields())), Err(refusal), "{line}");
    }
    let cases: &[(&str, Option<&str>, Refusal)] = &[
        ("Host", None, R::Host),
        ("Content-Length", Some("5"), R::Body),
        ("Content-Length", Some("0, 5"), R::Body),
        ("Transfer-Encoding", Some("chunked"), R::Body),
        ("Upgrade", None, R::NotUpgrade),
        ("Upgrade", Some("h2c"), R::NotUpgrade),
        ("Upgrade", Some("websockets"), R::NotUpgrade),
        ("Upgrade", Some("not-websocket"), R::NotUpgrade),
        ("Connection", None, R::NotUpgrade),
        ("Connection", Some("keep-alive"), R::NotUpgrade),
        ("Connection", Some("not-upgrade"), R::NotUpgrade),
        ("Sec-WebSocket-Version", None, R::NoWebSocketVersion),
        ("Sec-WebSocket-Version", Some("8"), R::WebSocketVersion),
        ("Sec-WebSocket-Version", Some("13, 8"), R::WebSocketVersion),
        ("Sec-WebSocket-Version", Some("013"), R::WebSocketVersion),
        ("Sec-WebSocket-Key", None, R::Key),
        ("Sec-WebSocket-Key", Some(""), R::Key),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ="), R::Key),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZ==="), R::Key),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25j-_=="), R::Key),
        ("Sec-WebSocket-Key", Some("AAAAdGhlIHNhbXBsZSBub25jZQ=="), R::Key),
        ("Sec-WebSocket-Protocol", Some("chat,"), R::Protocol),
        ("Sec-WebSocket-Protocol", Some(""), R::Protocol),
        ("Sec-WebSocket-Protocol", Some("chat superchat"), R::Protocol),
        ("Sec-WebSocket-Protocol", Some("chat, super, chat"), R::Protocol),
        ("Sec-WebSocket-Protocol", Some("a/b"), R::Protocol),
        ("Sec-WebSocket-Extensions", Some(""), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a,"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a;"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; =1"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b="), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b=\"c"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b=\"c d\""), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b=\"\""), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b=\"c\"d"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a b"), R::Extension),
        ("Sec-WebSocket-Extensions", Some("a; b c"), R::Extension),
    ];
    for (name, value, refusal) in cases {
        assert_eq!(verdict(&head_of(get, &changed(&[(name, *value)]))), Err(*refusal), "{name}: {value:?}");
    }
    // Twice what must stand once.
    for (name, value, refusal) in [
        ("Host", "example.com", R::Host),
        ("Sec-WebSocket-Version", "13", R::NoWebSocketVersion),
        ("Sec-WebSocket-Key", KEY, R::Key),
    ] {
        let mut twice = fields();
        twice.push((name, value.to_owned()));
        assert_eq!(verdict(&head_of(get, &twice)), Err(refusal), "{name} twice");
    }
    let mut origins = fields();
    origins.extend([("Origin", "http://a".to_owned()), ("Origin", "http://a".to_owned())]);
    assert_eq!(verdict(&head_of(get, &origins)), Err(R::Origin));
    let many = |count| {
        let mut many = fields();
        many.extend((0..count).map(|_| ("X", "y".to_owned())));
        verdict(&head_of(get, &many))
    };
    assert_eq!((many(95), many(96)), (Ok(()), Err(R::TooManyFields)));
    let protocols = |count: usize| {
        let names: Vec<_> = (0..count).map(|i| format!("p{i}")).collect();
        verdict(&head_of(get, &changed(&[("Sec-WebSocket-Protocol", Some(&names.join(",")))])))
    };
    assert_eq!((protocols(64), protocols(65)), (Ok(()), Err(R::Protocol)));
}

#[test]
fn what_real_clients_and_proxies_send_is_accepted() {
    let get = "GET / HTTP/1.1";
    for changes in [
        &[("Connection", Some("keep-alive, Upgrade"))][..],
        &[("Connection", Some("UPGRADE")), ("Upgrade", Some("h2c , WebSocket"))],
        &[("Content-Length", Some("0"))],
        &[("Sec-WebSocket-Protocol", Some("a,b ,\t c"))],
        // The last character has unused bits.
        &[("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZR=="))],
        &[("Sec-WebSocket-Extensions", Some("permessage-deflate; client_max_window_bits"))],
        &[("Sec-WebSocket-Extensions", Some("a;b=\"c\" ; d , e;f = g,a"))],
        &[("Cookie", Some("a=\"b\"; c=\u{e4}"))],
    ] {
        assert_eq!(verdict(&head_of(get, &changed(changes))), Ok(()), "{changes:?}");
    }
    // Several fields are one list, and an empty line may come first.
    let mut two = fields();
    two.retain(|(name, _)| *name != "Connection");
    two.extend([("Connection", "keep-alive".to_owned()), ("CONNECTION", "Upgrade".to_owned())]);
    two.extend([("Sec-WebSocket-Protocol", "a".to_owned()), ("sec-websocket-protocol", "b, c".to_owned())]);
    let head = [&b"\r\n"[..], &head_of(get, &two)].concat();
    assert_eq!(verdict(&head), Ok(()));
    let request = RequestHead::parse(&head).unwrap();
    assert!(request.check().unwrap().protocols().eq(["a", "b", "c"]));
    assert_eq!((request.method(), request.target(), request.is_upgrade()), ("GET", "/", true));
    assert_eq!(request.fields().count(), two.len());
}

/// At every cut, and byte by byte: the same end, and not before it is there.
#[test]
fn the_end_of_a_head_is_found_at_every_cut() {
    let head = head_of("GET /chat HTTP/1.1", &fields());
    let received = [&head[..], b"\x81\x80\0\0\0\0\r\n\r\n"].concat();
    for cut in 0..=received.len() {
        let mut finder = HeadFinder::new();
        let first = finder.find(&received[..cut]).unwrap();
        assert_eq!(first, (cut >= head.len()).then_some(head.len()));
        if first.is_none() {
            assert_eq!(finder.find(&received), Ok(Some(head.len())), "cut at {cut}");
        }
    }
    let mut finder = HeadFinder::new();
    for len in 0..head.len() {
        assert_eq!(finder.find(&received[..len]), Ok(None));
    }
    assert_eq!(finder.find(&received), Ok(Some(head.len())));
}

#[test]
fn a_head_has_at_most_its_limit() {
    let head = head_of("GET / HTTP/1.1", &fields());
    for (max, found) in [(head.len(), Ok(Some(head.len()))), (head.len() - 1, Err(Refusal::HeadTooLong))] {
        assert_eq!(HeadFinder::with_max_head(max).find(&head), found);
        let mut finder = HeadFinder::with_max_head(max);
        let last = (1..=head.len()).map(|len| finder.find(&head[..len])).find(|found| *found != Ok(None));
        assert_eq!(last, Some(found));
    }
    let endless = vec![b'x'; 20_000];
    assert_eq!(HeadFinder::new().find(&endless), Err(Refusal::HeadTooLong));
    assert_eq!(HeadFinder::default().find(&endless[..16_383]), Ok(None));
}

#[test]
fn a_line_that_ends_with_lf_alone_is_refused() {
    for head in
        [&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"\n", b"GET / HTTP/1.1\r\n\n"]
    {
        assert_eq!(HeadFinder::new().find(head), Err(Refusal::Malformed), "{head:?}");
    }
    // A parser that is given one all the same takes less than all of it, or refuses it.
    for head in [&b"GET / HTTP/1.1\nHost: a\n\nX: y\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"] {
        assert_eq!(RequestHead::parse(head).map(drop), Err(Refusal::Malformed));
    }
    for head in [
        &b"GET / HTTP/1.1\r\n X: folded\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nX : y\r\n\r\n",
        b"\x81\x80\r\n\r\n",
        b"\r\n\r\n",
    ] {
        assert_eq!(RequestHead::parse(head).map(drop), Err(Refusal::Malformed), "{head:?}");
    }
}

/// Every byte at every position: no panic, and what is accepted has the fields of an independent reader.
#[test]
fn every_byte_at_every_position_of_a_head() {
    let head = head_of("GET /c HTTP/1.1", &fields());
    let mut accepted = 0;
    for at in 0..head.len() {
        for byte in 0..=255 {
            let mut head = head.clone();
            head[at] = byte;
            let mut finder = HeadFinder::new();
            let (Ok(Some(len)), true) = (finder.find(&head), true) else { continue };
            let Ok(parsed) = RequestHead::parse(&head[..len]) else { continue };
            let text = String::from_utf8_lossy(&head[..len]).into_owned();
            let lines: Vec<_> = text.trim_end().trim_start_matches("\r\n").split("\r\n").skip(1).collect();
            assert_eq!(parsed.fields().count(), lines.len(), "{text}");
            for ((name, value), line) in parsed.fields().zip(lines) {
                let (expected, rest) = line.split_once(':').unwrap();
                assert_eq!((name, &*String::from_utf8_lossy(value)), (expected, rest.trim_matches([' ', '\t'])));
            }
            if parsed.check().is_ok() {
                accepted += 1;
                let mut out = [0; 300];
                let len = parsed.check().unwrap().answer().write(&mut out, &[]).unwrap();
                assert!(out[..len].ends_with(b"\r\n\r\n"));
            }
        }
    }
    // Letters of the target, the host and the key.
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn each_refusal_has_an_example_texts_and_a_response_of_its_own() {
    for refusal in Refusal::ALL {
        if !refusal.example().is_empty() {
            assert_eq!(verdict(refusal.example().as_bytes()), Err(*refusal));
        }
        assert_eq!(Refusal::from_name(refusal.name()), Some(*refusal));
        let text = refusal.to_string();
        assert!(text.contains(refusal.section()) && text.contains(&refusal.status().to_string()), "{text}");
        assert!(refusal.remedy().len() > 15);
        let mut out = [0; 1000];
        let len = refusal.write(&mut out, &[("Retry-After", "120")], "words").unwrap();
        let response = String::from_utf8(out[..len].to_vec()).unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {} ", refusal.status())), "{response}");
        assert!(response.contains("\r\nRetry-After: 120\r\n") && response.contains("\r\nContent-Length: 5\r\n"));
        assert!(response.ends_with("\r\n\r\nwords") && response.contains("close\r\n"));
        for (name, value) in refusal.fields() {
            assert!(response.contains(&format!("\r\n{name}: {value}\r\n")), "{response}");
        }
        // Whatever room there is.
        for room in 0..len {
            assert_eq!(
                refusal.write(&mut out[..room], &[("Retry-After", "120")], "words"),
                Err(WriteError::BufferTooSmall { needed: len })
            );
        }
        // And a client reads it.
        let client = Client::new([0; 16], "a", "/");
        let Ok(Some((Response::Refused(head), end))) = client.read(&mut ResponseFinder::new(), response.as_bytes())
        else {
            panic!("{response}")
        };
        assert_eq!((head.status(), &response[end..]), (refusal.status(), "words"));
        assert!(head.field("retry-after").eq([b"120"]));
    }
    let allow = Refusal::Method.fields();
    assert_eq!((allow, Refusal::NotUpgrade.fields()[0]), (&[("Allow", "GET")][..], ("Upgrade", "websocket")));
    assert!(Refusal::WebSocketVersion.fields().contains(&("Sec-WebSocket-Version", "13")));
}

#[test]
fn a_server_refuses_for_reasons_of_its_own() {
    for (status, phrase) in [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (503, "Service Unavailable"),
        (302, "Found"),
        (299, "Internal"),
        (600, "Internal"),
        (101, "Internal"),
        (418, "Refused"),
    ] {
        let mut out = [0; 300];
        let refusal = Refusal::of_status(status);
        let len = refusal.write(&mut out, &[("WWW-Authenticate", "Basic")], "").unwrap();
        let response = String::from_utf8(out[..len].to_vec()).unwrap();
        let status = if (300..600).contains(&status) { status } else { 500 };
        assert!(response.starts_with(&format!("HTTP/1.1 {status} {phrase}")), "{response}");
        assert!(response.ends_with("Connection: close\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"));
    }
    assert_eq!(Refusal::FORBIDDEN, Refusal::of_status(403));
}

#[test]
fn an_answer_accepts_only_what_was_offered() {
    let fields = changed(&[
        ("Sec-WebSocket-Protocol", Some("chat, super")),
        ("Sec-WebSocket-Extensions", Some("permessage-deflate; client_max_window_bits, x-a; b=\"1\\5\"; c")),
        ("Origin", Some("https://example.com")),
    ]);
    let head = head_of("GET / HTTP/1.1", &fields);
    let request = RequestHead::parse(&head).unwrap().check().unwrap();
    assert_eq!(request.origin(), Some("https://example.com"));
    assert!(request.field("HOST").eq([b"example.com"]));
    let answer = request.answer();
    assert_eq!(answer.clone().with_protocol("Chat").map(drop), Err(NotOffered::new()));
    assert_eq!(answer.clone().with_extensions("x-b").map(drop), Err(NotOffered::new()));
    assert_eq!(answer.clone().with_extensions("x-a; b=").map(drop), Err(NotOffered::new()));
    assert_eq!(answer.clone().with_extensions("x-a\r\nX: y").map(drop), Err(NotOffered::new()));
    let answer = answer.with_protocol("super").unwrap().with_extensions("permessage-deflate").unwrap();
    let expected = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", ACCEPT),
        ("Sec-WebSocket-Protocol", "super"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    assert!(answer.fields().eq(expected));
    let mut out = [0; 400];
    for (extra, error) in [
        (("X\r\n", "y"), WriteError::Field),
        (("X", "y\r\nZ: w"), WriteError::Field),
        (("X", "y\0"), WriteError::Field),
        (("", "y"), WriteError::Field),
        (("upgrade", "y"), WriteError::OwnField),
        (("Sec-WebSocket-Accept", "y"), WriteError::OwnField),
        (("sec-websocket-anything", "y"), WriteError::OwnField),
        (("Content-Length", "5"), WriteError::OwnField),
    ] {
        assert_eq!(answer.write(&mut out, &[extra]), Err(error), "{extra:?}");
        assert!(error.to_string().len() > 20);
    }
    let len = answer.write(&mut out, &[("Set-Cookie", "a=b; c=\u{e4}")]).unwrap();
    assert!(out[..len].ends_with("permessage-deflate\r\nSet-Cookie: a=b; c=\u{e4}\r\n\r\n".as_bytes()));
    assert_eq!(
        answer.write(&mut out[..len - 1], &[("Set-Cookie", "a=b; c=\u{e4}")]),
        Err(WriteError::BufferTooSmall { needed: len })
    );
}

#[test]
fn extensions_are_read_by_their_grammar() {
    let fields = [
        (
            "sec-websocket-extensions",
            &b" permessage-deflate ; client_max_window_bits; server_max_window_bits=\"1\\0\" ,a"[..],
        ),
        ("sec-websocket-version", b"13"),
        ("SEC-WEBSOCKET-EXTENSIONS", b"b;c=d"),
    ];
    let request = check_connect(Some("websocket"), || fields.into_iter()).unwrap();
    let extensions: Vec<_> = request.extensions().collect();
    assert!(extensions.iter().map(|extension| extension.name()).eq(["permessage-deflate", "a", "b"]));
    let params: Vec<_> = extensions[0].params().collect();
    assert_eq!(params.len(), 2);
    assert_eq!((params[0].0, params[0].1), ("client_max_window_bits", None));
    let bits = params[1].1.unwrap();
    assert_eq!((params[1].0, bits.number(), bits.to_string()), ("server_max_window_bits", Some(10), "10".to_owned()));
    assert!(bits == "10" && bits != "1\\0");
    let (name, value) = extensions[2].params().next().unwrap();
    assert!(name == "c" && value.unwrap() == *"d" && value.unwrap().number().is_none());
    assert_eq!(extensions[1].params().count(), 0);
}

/// RFC 8441 and RFC 9220: no Upgrade, Connection, Host and Key.
#[test]
fn an_extended_connect_has_shorter_rules() {
    let fields = |version: &'static str| {
        [
            ("sec-websocket-version", version.as_bytes()),
            ("sec-websocket-protocol", &b"chat"[..]),
            ("origin", b"https://a"),
        ]
    };
    let request = check_connect(Some("websocket"), || fields("13").into_iter()).unwrap();
    let answer = request.answer().with_protocol("chat").unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.fields().eq([("Sec-WebSocket-Protocol", "chat")]));
    for (protocol, version, refusal) in [
        (None, "13", Refusal::ConnectProtocol),
        (Some("webtransport"), "13", Refusal::ConnectProtocol),
        (Some("websocket"), "12", Refusal::WebSocketVersion),
    ] {
        assert_eq!(check_connect(protocol, || fields(version).into_iter()).map(drop), Err(refusal));
    }
    assert_eq!(check_connect(Some("websocket"), core::iter::empty).map(drop), Err(Refusal::NoWebSocketVersion));
}

/// The header maps of both versions of the crate `http`.
#[test]
fn the_fields_of_other_stacks_are_checked_by_the_same_rules() {
    macro_rules! by {
        ($http:ident) => {
            let mut map = $http::HeaderMap::new();
            for (name, value) in fields() {
                map.append($http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            map.append("sec-websocket-protocol", "chat".parse().unwrap());
            let view = |map: &$http::HeaderMap| {
                check("GET", true, || map.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))).map(
                    |request| {
                        let answer = request.answer().with_protocol("chat").unwrap();
                        answer.fields().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
                    },
                )
            };
            assert_eq!(view(&map).unwrap()[2], format!("Sec-WebSocket-Accept: {ACCEPT}"));
            map.append("sec-websocket-key", KEY.parse().unwrap());
            assert_eq!(view(&map), Err(Refusal::Key));
            map.remove("upgrade");
            assert_eq!(view(&map), Err(Refusal::NotUpgrade));
        };
    }
    by!(http02);
    by!(http1);
}

fn client() -> Client<'static> {
    Client::new(*b"the sample nonce", "example.com:8080", "/chat?a=b")
        .with_protocols(&["chat", "super"])
        .with_extensions("permessage-deflate; client_max_window_bits, x")
}

#[test]
fn a_client_writes_a_request_that_a_server_accepts() {
    let mut out = [0; 600];
    let client = client().with_origin("https://example.com").with_fields(&[("Cookie", "a=b"), ("User-Agent", "t")]);
    let len = client.write(&mut out).unwrap();
    let head = RequestHead::parse(&out[..len]).unwrap();
    let request = head.check().unwrap();
    assert_eq!((head.target(), request.origin()), ("/chat?a=b", Some("https://example.com")));
    assert!(request.protocols().eq(["chat", "super"]) && head.field("cookie").eq([b"a=b"]));
    assert!(request.field("sec-websocket-key").eq([KEY.as_bytes()]));
    assert!(request.field("host").eq([b"example.com:8080"]));
    for room in 0..len {
        assert_eq!(client.write(&mut [0; 600][..room]), Err(WriteError::BufferTooSmall { needed: len }));
    }
    // And the answer is accepted, whatever the server chooses.
    let mut answers = [[0; 400]; 2];
    for (answer, choice) in answers.iter_mut().zip([None, Some("super")]) {
        let mut chosen = request.answer();
        if let Some(choice) = choice {
            chosen = chosen.with_protocol(choice).unwrap().with_extensions("x").unwrap();
        }
        let len = chosen.write(answer, &[]).unwrap();
        let Ok(Some((Response::Accepted(accepted), end))) = client.read(&mut ResponseFinder::new(), &answer[..len])
        else {
            panic!("accepted")
        };
        assert_eq!(
            (accepted.protocol(), end, accepted.extensions().count()),
            (choice, len, usize::from(choice.is_some()))
        );
        assert!(accepted.field("upgrade").eq([b"websocket"]));
    }
    assert!(!format!("{client:?}").contains("dGhl"));
}

#[test]
fn a_client_does_not_write_what_could_be_another_request() {
    let mut out = [0; 600];
    for target in ["", "/a b", "/a\r\nX: y", "/\u{e4}"] {
        assert_eq!(Client::new([0; 16], "a", target).write(&mut out), Err(WriteError::Target), "{target}");
    }
    for host in ["", "a b", "a\r\nX: y"] {
        assert_eq!(Client::new([0; 16], host, "/").write(&mut out), Err(WriteError::Target), "{host}");
    }
    assert_eq!(client().with_origin("a\r\nX: y").write(&mut out), Err(WriteError::Target));
    for protocols in [&["a", "a"][..], &["a b"], &[""], &["a\r\n"]] {
        assert_eq!(client().with_protocols(protocols).write(&mut out), Err(WriteError::Offer));
    }
    for extensions in ["a;", "a, ", "a\r\nX: y", "a; b=\"c\r\n\""] {
        assert_eq!(client().with_extensions(extensions).write(&mut out), Err(WriteError::Offer), "{extensions}");
    }
    assert_eq!(client().with_fields(&[("Host", "b")]).write(&mut out), Err(WriteError::OwnField));
    assert_eq!(client().with_fields(&[("X", "y\n")]).write(&mut out), Err(WriteError::Field));
}

fn answer(status: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    head_of(&format!("HTTP/1.1 {status}"), &fields)
}

const ACCEPTED: [(&str, &str); 3] =
    [("Upgrade", "WebSocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", ACCEPT)];

#[test]
fn each_rule_of_an_answer_is_broken_alone() {
    use Failure as F;
    let read = |bytes: &[u8]| match client().read(&mut ResponseFinder::new(), bytes) {
        Ok(Some((Response::Accepted(_), end))) => {
            assert_eq!(end, bytes.len());
            Ok(())
        }
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure),
    };
    assert_eq!(read(&answer("101 X", &ACCEPTED)), Ok(()));
    let with = |name: &'static str, value: &'static str| {
        let mut fields = ACCEPTED.to_vec();
        fields.retain(|(field, _)| *field != name);
        fields.push((name, value));
        answer("101 X", &fields)
    };
    let without =
        |name: &str| answer("101 X", &ACCEPTED.iter().copied().filter(|(field, _)| *field != name).collect::<Vec<_>>());
    let twice = |name: &'static str, value: &'static str| {
        let mut fields = ACCEPTED.to_vec();
        fields.push((name, value));
        fields.push((name, value));
        answer("101 X", &fields)
    };
    for (bytes, failure) in [
        (without("Upgrade"), F::Upgrade),
        (with("Upgrade", "h2c"), F::Upgrade),
        (without("Connection"), F::Connection),
        (with("Connection", "close"), F::Connection),
        (without("Sec-WebSocket-Accept"), F::Accept),
        (with("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), F::Accept),
        (twice("Sec-WebSocket-Accept", ACCEPT), F::Accept),
        (with("Sec-WebSocket-Extensions", "y"), F::Extension),
        (with("Sec-WebSocket-Extensions", "x;"), F::Extension),
        (with("Sec-WebSocket-Protocol", "other"), F::Protocol),
        (with("Sec-WebSocket-Protocol", "chat, super"), F::Protocol),
        (twice("Sec-WebSocket-Protocol", "chat"), F::Protocol),
        (b"HTTP/1.1 101 X\nUpgrade: websocket\r\n\r\n".to_vec(), F::Malformed),
        (b"\x16\x03\x01 TLS\r\n\r\n".to_vec(), F::Malformed),
        (vec![b'x'; 20_000], F::HeadTooLong),
        (answer("101 X", &[("X", "y"); 101]), F::TooManyFields),
    ] {
        assert_eq!(read(&bytes), Err(failure), "{}", String::from_utf8_lossy(&bytes));
    }
    for bytes in [
        with("Connection", "keep-alive, Upgrade"),
        with("Sec-WebSocket-Protocol", "super"),
        with("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=10"),
    ] {
        assert_eq!(read(&bytes), Ok(()));
    }
    let texts: std::collections::HashSet<_> = F::ALL.iter().map(|failure| failure.to_string()).collect();
    assert_eq!(texts.len(), F::ALL.len());
    assert!(
        F::ALL.iter().all(|failure| failure.remedy().len() > 15 && failure.to_string().contains(failure.section()))
    );
}

#[test]
fn every_other_answer_is_handed_out_and_interim_ones_are_skipped() {
    let interim = [answer("100 Continue", &[]), answer("103 Early Hints", &[("Link", "</a>")])].concat();
    let refused = [answer("401 Unauthorized", &[("WWW-Authenticate", "Basic")]), b"body".to_vec()].concat();
    let accepted = [answer("101 X", &ACCEPTED), b"\x81\x00".to_vec()].concat();
    for (last, status) in [(refused, 401), (accepted, 101)] {
        let received = [&interim[..], &last].concat();
        let mut finder = ResponseFinder::new();
        let found = (0..=received.len())
            .find_map(|len| {
                client().read(&mut finder, &received[..len]).unwrap().map(|(response, end)| {
                    let found = match response {
                        Response::Refused(head) => {
                            assert!(head.field("www-authenticate").eq([b"Basic"]) && head.fields().count() == 1);
                            head.status()
                        }
                        Response::Accepted(_) => 101,
                        response => panic!("{response:?}"),
                    };
                    (found, end, len)
                })
            })
            .unwrap();
        assert_eq!((found.0, found.1), (status, found.2));
        assert!(found.1 < received.len());
    }
    for (count, expected) in [(16, None), (17, Some(Failure::TooManyInterim))] {
        let received = [answer("103 X", &[]).repeat(count), answer("101 X", &ACCEPTED)].concat();
        assert_eq!(client().read(&mut ResponseFinder::new(), &received).err(), expected);
    }
    // All heads together have one limit.
    let received = [answer("103 X", &[("X", &"y".repeat(10_000))]).repeat(2)].concat();
    assert_eq!(client().read(&mut ResponseFinder::default(), &received).err(), Some(Failure::HeadTooLong));
    assert_eq!(accept_key(KEY.as_bytes()).as_str(), ACCEPT);
}

#[test]
fn a_key_is_sixteen_bytes_in_base64() {
    use wsframe::handshake::is_key;
    assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
    for wrong in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ-==",
        " dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        assert!(!is_key(wrong.as_bytes()), "{wrong}");
    }
}
