//! The negotiation of permessage-deflate: what browsers offer, each rule on parameters, and both ends against each other.

use wsframe::Role;
use wsframe::deflate::{Agreement, AnswerError, Direction, Policy, UnlimitedClient, WindowBits};

fn answer(policy: Policy, offer: &str) -> Option<String> {
    answer_all(policy, &[offer])
}

fn answer_all(policy: Policy, offers: &[&str]) -> Option<String> {
    let (agreed, value) = policy.answer(offers.iter().map(|offer| offer.as_bytes()))?;
    // What the answer says is what was agreed.
    let says = |parameter: &str| value.contains(parameter);
    assert_eq!(agreed.sending(Role::Server).takeover(), !says("server_no_context_takeover"), "{value}");
    assert_eq!(agreed.receiving(Role::Server).takeover(), !says("client_no_context_takeover"), "{value}");
    for (role, name) in [(Role::Server, "server_max_window_bits="), (Role::Client, "client_max_window_bits=")] {
        let bits = agreed.sending(role).window().get();
        let said = value.split_once(name).map(|(_, rest)| rest.split(';').next().unwrap().parse::<u8>().unwrap());
        assert_eq!(bits, said.unwrap_or(15), "{value}");
    }
    Some(value.to_string())
}

fn window(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

#[test]
fn offers_of_browsers_are_answered() {
    const CHROMIUM: &str = "permessage-deflate; client_max_window_bits";
    const FIREFOX: &str = "permessage-deflate";
    const OLD_SAFARI: &str = "x-webkit-deflate-frame";
    const NONE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for (policy, offer, expected) in [
        (Policy::SMALL, CHROMIUM, Some(NONE)),
        (Policy::SMALL, FIREFOX, Some(NONE)),
        (Policy::SMALL, OLD_SAFARI, None),
        (Policy::SMALL, "", None),
        (Policy::BALANCED, CHROMIUM, Some("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12")),
        (Policy::BALANCED, FIREFOX, Some("permessage-deflate; server_max_window_bits=12")),
        (Policy::BALANCED, OLD_SAFARI, None),
    ] {
        assert_eq!(answer(policy, offer).as_deref(), expected, "{offer}");
    }
}

#[test]
fn each_parameter_of_an_offer_is_answered_by_its_rule() {
    const SERVER_12: &str = "permessage-deflate; server_max_window_bits=12";
    for (offer, expected) in [
        ("permessage-deflate; client_max_window_bits=10", "; server_max_window_bits=12; client_max_window_bits=10"),
        ("permessage-deflate; client_max_window_bits=15", "; server_max_window_bits=12; client_max_window_bits=12"),
        ("permessage-deflate; client_max_window_bits=8", "; server_max_window_bits=12; client_max_window_bits=8"),
        ("permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=8", "; server_max_window_bits=8"),
        ("permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=12"),
        ("permessage-deflate; server_no_context_takeover", "; server_no_context_takeover; server_max_window_bits=12"),
        ("permessage-deflate; client_no_context_takeover", "; client_no_context_takeover; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=\"10\"", "; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=\"1\\0\"", "; server_max_window_bits=10"),
        ("  Permessage-Deflate ;\tSERVER_MAX_WINDOW_BITS = 10  ", "; server_max_window_bits=10"),
        ("x-other; a=\"b,c;d\", permessage-deflate", "; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=9, permessage-deflate", "; server_max_window_bits=9"),
        ("permessage-deflate; mode=fast, permessage-deflate; server_max_window_bits=11", "; server_max_window_bits=11"),
    ] {
        let found = answer(Policy::BALANCED, offer);
        assert_eq!(
            found.as_deref().and_then(|found| found.strip_prefix("permessage-deflate")),
            Some(expected),
            "{offer}"
        );
    }
    assert_eq!(answer_all(Policy::BALANCED, &["x-other", "permessage-deflate"]).as_deref(), Some(SERVER_12));
    let first = answer_all(Policy::BALANCED, &["permessage-deflate; server_max_window_bits=9", "permessage-deflate"]);
    assert_eq!(first.as_deref(), Some("permessage-deflate; server_max_window_bits=9"));
}

const UNACCEPTABLE: &[&str] = &[
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=0",
    "permessage-deflate; server_max_window_bits=08",
    "permessage-deflate; server_max_window_bits=+9",
    "permessage-deflate; server_max_window_bits=-9",
    "permessage-deflate; server_max_window_bits=9.0",
    "permessage-deflate; server_max_window_bits=265",
    "permessage-deflate; server_max_window_bits=4294967305",
    "permessage-deflate; server_max_window_bits=\" 9 \"",
    "permessage-deflate; server_max_window_bits=\"\"",
    "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
    "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_max_window_bits=16",
    "permessage-deflate; client_max_window_bits=010",
    "permessage-deflate; client_max_window_bits; client_max_window_bits",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    "permessage-deflate; server_no_context_takeover=true",
    "permessage-deflate; server_no_context_takeover=\"\"",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover=0",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; unknown",
    "permessage-deflate; unknown=1",
    "permessage-deflate; ; server_no_context_takeover",
    "permessage-deflate;",
    "permessage-deflate server_no_context_takeover",
    "permessage-deflate2",
    "permessage deflate",
    "\"permessage-deflate\"",
];

#[test]
fn an_offer_that_breaks_a_rule_is_passed_over() {
    for offer in UNACCEPTABLE {
        assert_eq!(answer(Policy::BALANCED, offer), None, "{offer}");
        // The next one counts, in the same value and in the next.
        assert!(answer(Policy::BALANCED, &format!("{offer}, permessage-deflate")).is_some(), "{offer}");
        assert!(answer_all(Policy::BALANCED, &[offer, "permessage-deflate"]).is_some(), "{offer}");
    }
    // A comma inside a quoted string ends nothing.
    assert_eq!(answer(Policy::BALANCED, "permessage-deflate; unknown=\", permessage-deflate"), None);
}

#[test]
fn a_client_without_a_limit_is_treated_as_the_policy_says() {
    let limited = Policy::BALANCED;
    for (rule, expected) in [
        (UnlimitedClient::Allow, Some("permessage-deflate; server_max_window_bits=12")),
        (
            UnlimitedClient::NoTakeover,
            Some("permessage-deflate; client_no_context_takeover; server_max_window_bits=12"),
        ),
        (UnlimitedClient::Decline, None),
    ] {
        let policy = limited.with_unlimited_client(rule);
        assert_eq!(answer(policy, "permessage-deflate").as_deref(), expected);
        // With a limit, or where nothing is kept, the rule says nothing.
        assert!(answer(policy, "permessage-deflate; client_max_window_bits").is_some());
        assert!(answer(policy.with_client(Direction::new(window(15), true)), "permessage-deflate").is_some());
        let without_takeover = answer(policy.with_client(Direction::new(window(9), false)), "permessage-deflate");
        assert_eq!(without_takeover.is_some(), rule != UnlimitedClient::Decline);
    }
    let policy = limited.with_min_window(window(10));
    assert_eq!(answer(policy, "permessage-deflate; server_max_window_bits=9"), None);
    assert!(answer(policy, "permessage-deflate; server_max_window_bits=10").is_some());
}

fn check(policy: Policy, values: &[&str]) -> Result<Option<Agreement>, AnswerError> {
    policy.check(values.iter().map(|value| value.as_bytes()))
}

#[test]
fn each_rule_on_answers_is_checked() {
    let open = Policy::SMALL
        .with_server(Direction::new(WindowBits::MAX, true))
        .with_client(Direction::new(WindowBits::MAX, true));
    assert_eq!(open.offer().as_str(), "permessage-deflate; client_max_window_bits");
    assert_eq!(
        Policy::SMALL.offer().as_str(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    );
    for answer in UNACCEPTABLE {
        assert!(check(open, &[answer]).is_err(), "{answer}");
    }
    for (policy, answer, expected) in [
        (open, "permessage-deflate; client_max_window_bits", AnswerError::Value),
        (open, "permessage-deflate; server_max_window_bits", AnswerError::Value),
        (open, "permessage-deflate; unknown", AnswerError::Parameter),
        (open, "permessage-deflate; server_no_context_takeover=1", AnswerError::Value),
        (
            open,
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            AnswerError::ParameterTwice,
        ),
        (open, "permessage-deflate, permessage-deflate", AnswerError::Twice),
        (open, "x-webkit-deflate-frame", AnswerError::NotOffered),
        (open, "permessage-deflate, other", AnswerError::NotOffered),
        (open, "permessage-deflate; =1", AnswerError::Malformed),
        (open.with_min_window(window(9)), "permessage-deflate; client_max_window_bits=8", AnswerError::WindowTooSmall),
        (Policy::SMALL, "permessage-deflate", AnswerError::ServerTakeover),
        (Policy::SMALL, "permessage-deflate; client_no_context_takeover", AnswerError::ServerTakeover),
        (Policy::BALANCED, "permessage-deflate", AnswerError::ServerWindow),
        (Policy::BALANCED, "permessage-deflate; server_max_window_bits=13", AnswerError::ServerWindow),
        (
            Policy::BALANCED,
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=13",
            AnswerError::ClientWindow,
        ),
    ] {
        assert_eq!(check(policy, &[answer]), Err(expected), "{answer}");
        assert!(expected.to_string().len() > 20);
    }
    assert_eq!(check(open, &["permessage-deflate", "permessage-deflate"]), Err(AnswerError::Twice));
    assert_eq!(check(open, &[]), Ok(None));
    let agreed = |server: (u8, bool), client: (u8, bool)| {
        let direction = |(bits, takeover)| Direction::new(window(bits), takeover);
        Ok(Some(Agreement::new(direction(server), direction(client))))
    };
    assert_eq!(check(open, &["permessage-deflate"]), agreed((15, true), (15, true)));
    assert_eq!(check(open, &["permessage-deflate; client_max_window_bits=8"]), agreed((15, true), (8, true)));
    assert_eq!(check(open, &["permessage-deflate; client_no_context_takeover"]), agreed((15, true), (15, false)));
    assert_eq!(
        check(open, &["permessage-deflate; server_no_context_takeover; server_max_window_bits=9"]),
        agreed((9, false), (15, true))
    );
    assert_eq!(
        check(Policy::SMALL, &["permessage-deflate; server_no_context_takeover"]),
        agreed((15, false), (15, false))
    );
    assert_eq!(
        check(Policy::BALANCED, &["PERMESSAGE-DEFLATE; Server_Max_Window_Bits=\"11\""]),
        agreed((11, true), (12, true))
    );
}

/// What a server of ours answers to a client of ours passes its check, and both understand the same.
#[test]
fn all_policies_agree_with_each_other() {
    let mut policies = Vec::new();
    for server in [8, 9, 12, 15] {
        for client in [8, 10, 15] {
            for (server_takeover, client_takeover) in [(false, false), (false, true), (true, false), (true, true)] {
                for rule in [UnlimitedClient::Allow, UnlimitedClient::NoTakeover, UnlimitedClient::Decline] {
                    policies.push(
                        Policy::SMALL
                            .with_server(Direction::new(window(server), server_takeover))
                            .with_client(Direction::new(window(client), client_takeover))
                            .with_unlimited_client(rule),
                    );
                }
            }
        }
    }
    for client in &policies {
        let offer = client.offer();
        assert!(offer.len() <= 128);
        for server in &policies {
            let (agreed, value) = server.answer([offer.as_bytes()]).expect("an offer of ours is acceptable");
            assert!(value.len() <= 128);
            assert_eq!(client.check([value.as_bytes()]), Ok(Some(agreed)), "{offer} / {value}");
        }
    }
}

/// Both ends of the opening handshake, in which it stands.
#[test]
fn it_plugs_into_the_handshake() {
    use wsframe::handshake::{Client, RequestHead, Response, ResponseFinder};
    for policy in [Policy::SMALL, Policy::BALANCED] {
        let offer = policy.offer();
        let client = Client::new([7; 16], "example.com", "/").with_extensions(&offer);
        let mut head = [0; 1024];
        let len = client.write(&mut head).unwrap();
        let request = RequestHead::parse(&head[..len]).unwrap().check().unwrap();
        let (agreed, value) = request.deflate(&policy).unwrap();
        let mut out = [0; 1024];
        let len = request.answer().with_extensions(&value).unwrap().write(&mut out, &[]).unwrap();
        let mut finder = ResponseFinder::new();
        let Some((Response::Accepted(accepted), _)) = client.read(&mut finder, &out[..len]).unwrap() else { panic!() };
        assert_eq!(accepted.deflate(&policy), Ok(Some(agreed)));
        // A server that declines sends no such field.
        let len = request.answer().write(&mut out, &[]).unwrap();
        assert!(!core::str::from_utf8(&out[..len]).unwrap().contains("Extensions"));
        let mut finder = ResponseFinder::new();
        let Some((Response::Accepted(accepted), _)) = client.read(&mut finder, &out[..len]).unwrap() else { panic!() };
        assert_eq!(accepted.deflate(&policy), Ok(None));
    }
}
