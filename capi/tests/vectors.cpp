// Decodes vectors (the files of tests/vectors in JSON) with a wsframe_connection, each stream whole and byte by byte, and sends
// every message on through the other end's encoder to a second decoder, which must find the same.
//
//   vectors FILE.json...
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>
#include <wsframe.h>

using nlohmann::json;
using Bytes = std::vector<std::uint8_t>;

namespace {

void check(wsframe_status status, wsframe_status expected = WSFRAME_OK)
{
    if (status != expected)
        throw std::runtime_error(std::string("status: ") + wsframe_status_text(status));
}

std::string hex(const Bytes &bytes)
{
    std::string text;
    char digits[3];
    for (auto byte : bytes) {
        std::snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    return text;
}

Bytes unhex(const std::string &text)
{
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

int next_key(void *context, std::uint8_t *key)
{
    auto &count = *static_cast<std::uint32_t *>(context);
    count = count * 1664525u + 1013904223u;
    for (int i = 0; i < 4; i++)
        key[i] = static_cast<std::uint8_t>(count >> (8 * i));
    return 0;
}

// One frame of a message that was received, through an encoder of the peer and a decoder.
void send_on(wsframe_role role, wsframe_opcode kind, const Bytes &payload)
{
    wsframe_encoder encoder;
    wsframe_decoder decoder;
    std::uint32_t keys = 7;
    check(wsframe_encoder_init(&encoder, role == WSFRAME_SERVER ? WSFRAME_CLIENT : WSFRAME_SERVER, nullptr, next_key, &keys));
    check(wsframe_decoder_init(&decoder, role, nullptr));
    wsframe_frame frame{};
    frame.opcode = kind;
    frame.payload = payload.data();
    frame.payload_len = payload.size();
    std::size_t len = 0, written = 0;
    check(wsframe_encode(&encoder, &frame, nullptr, 0, &len), WSFRAME_ERROR_BUFFER_TOO_SMALL);
    Bytes out(len);
    check(wsframe_encode(&encoder, &frame, out.data(), out.size(), &written));
    // The header alone, then the payload that the caller masks, has the same length.
    wsframe_header header;
    check(wsframe_encode_header(&encoder, &frame, &header));
    Bytes apart(header.bytes, header.bytes + header.len);
    Bytes masked = payload;
    if (header.masked)
        check(wsframe_mask(header.mask_key, masked.data(), masked.size()));
    apart.insert(apart.end(), masked.begin(), masked.end());
    if (written != len || apart.size() != len)
        throw std::runtime_error("lengths of frames differ");
    out.insert(out.end(), apart.begin(), apart.end());
    auto *input = out.data();
    auto left = out.size();
    wsframe_event event;
    for (int i = 0; i < 2; i++) {
        check(wsframe_decode(&decoder, &input, &left, &event), WSFRAME_HAS_EVENT);
        if (event.kind != kind || Bytes(event.payload, event.payload + event.payload_len) != payload)
            throw std::runtime_error("a message came back changed");
    }
    check(wsframe_decode(&decoder, &input, &left, &event));
}

json decode(const json &vector, const Bytes &stream, std::size_t step)
{
    static const char *const states[] = {"idle", "in_message", "in_frame", "closed", "failed"};
    const wsframe_role role = vector.at("role") == "server" ? WSFRAME_SERVER : WSFRAME_CLIENT;
    const json limits = vector.value("config", json::object());
    wsframe_config config;
    check(wsframe_config_preset(&config, role));
    config.max_frame_len = limits.value("max_frame", config.max_frame_len);
    config.max_message_len = limits.value("max_message", config.max_message_len);
    config.max_fragments = limits.value("max_fragments", config.max_fragments);
    wsframe_connection connection;
    std::uint32_t keys = 1;
    check(wsframe_connection_init(&connection, role, &config, nullptr, nullptr, next_key, &keys));

    json events = json::array();
    Bytes message;
    std::uint64_t offset = 0;
    wsframe_status status = WSFRAME_OK;
    for (std::size_t at = 0; at < stream.size() && status == WSFRAME_OK; at += step) {
        Bytes piece(stream.begin() + at, stream.begin() + std::min(at + step, stream.size()));
        auto *input = piece.data();
        auto left = piece.size();
        wsframe_event event;
        while ((status = wsframe_connection_decode(&connection, &input, &left, &event)) == WSFRAME_HAS_EVENT) {
            const Bytes payload(event.payload, event.payload + event.payload_len);
            const std::string text(payload.begin(), payload.end());
            std::uint8_t answer[276];
            std::size_t written = 0;
            check(wsframe_connection_control(&connection, answer, sizeof answer, &written));
            switch (event.type) {
            case WSFRAME_EVENT_CHUNK:
                if (event.flags & WSFRAME_STARTS_MESSAGE) {
                    message.clear();
                    offset = event.offset;
                }
                message.insert(message.end(), payload.begin(), payload.end());
                if (event.flags & WSFRAME_ENDS_MESSAGE) {
                    events.push_back({{"event", "message"},
                                      {"kind", event.kind == WSFRAME_TEXT ? "text" : "binary"},
                                      {"offset", offset},
                                      {"length", message.size()},
                                      {"fragments", event.fragments},
                                      {"payload_hex", hex(message)}});
                    send_on(role, event.kind, message);
                }
                break;
            case WSFRAME_EVENT_CLOSE:
                events.push_back({{"event", "close"},
                                  {"offset", event.offset},
                                  {"code", event.close_code ? json(event.close_code) : json()},
                                  {"reason", text}});
                break;
            default:
                events.push_back({{"event", event.type == WSFRAME_EVENT_PING ? "ping" : "pong"},
                                  {"offset", event.offset},
                                  {"payload_hex", hex(payload)}});
                // The answer is the Pong of the same length, and nothing answers a Pong.
                if (written != (event.type == WSFRAME_EVENT_PING ? payload.size() + (role == WSFRAME_CLIENT ? 6 : 2) : 0))
                    throw std::runtime_error("not the answer to a Ping");
            }
        }
    }
    if (status == WSFRAME_ERROR_VIOLATION) {
        wsframe_error error;
        wsframe_rule_info rule;
        check(wsframe_connection_error(&connection, &error));
        check(wsframe_describe_rule(error.rule, &rule));
        events.push_back(
            {{"event", "violation"}, {"offset", error.offset}, {"close_code", error.close_code}, {"rule", rule.name}});
    } else {
        check(status);
    }
    wsframe_state state;
    check(wsframe_connection_state(&connection, &state));
    // A connection that ended in order or failed says so, and what it owes is a Close of this code.
    wsframe_outcome outcome;
    std::uint8_t close[276];
    std::size_t written = 0;
    check(wsframe_connection_control(&connection, close, sizeof close, &written));
    check(wsframe_connection_end(&connection));
    check(wsframe_connection_outcome(&connection, &outcome));
    const json last = events.empty() ? json() : events.back();
    const std::string what = last.is_null() ? "" : last.at("event").get<std::string>();
    const int cause = what == "violation" ? WSFRAME_CAUSE_VIOLATION
                      : what == "close"   ? WSFRAME_CAUSE_CLOSED_BY_PEER
                                          : WSFRAME_CAUSE_LOST;
    if (outcome.cause != cause || (what == "violation" && outcome.code != last.at("close_code")))
        throw std::runtime_error("not the outcome of such a stream");
    return {{"events", events}, {"state", states[state]}};
}

} // namespace

int main(int argc, char **argv)
{
    std::size_t count = 0;
    for (int i = 1; i < argc; i++) {
        std::ifstream file(argv[i]);
        for (const auto &vector : json::parse(file)) {
            const Bytes stream = unhex(vector.at("stream"));
            const json want = {{"events", vector.at("events")}, {"state", vector.at("state")}};
            for (const std::size_t step : {std::max<std::size_t>(stream.size(), 1), std::size_t(1)}) {
                const json got = decode(vector, stream, step);
                if (got != want) {
                    std::cerr << argv[i] << ": " << vector.at("name") << ", in pieces of " << step << ":\n"
                              << got << "\ninstead of:\n" << want << '\n';
                    return 1;
                }
            }
            count++;
        }
    }
    std::cout << count << " streams, each whole and byte by byte, by a connection\n";
}
