// Boost.Beast: its websocket::stream over the harness' bytes, with the synchronous calls.
#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/detail/sha1.hpp>
#include <boost/beast/websocket.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "harness.h"

namespace beast = boost::beast;
namespace net = boost::asio;
namespace websocket = beast::websocket;
using beast::error_code;

namespace {

net::io_context context;

// The opening handshake from memory, then the bytes of the harness. What is written is kept, or counted.
struct Socket {
    using executor_type = net::io_context::executor_type;
    executor_type get_executor() { return context.get_executor(); }

    harness *from = nullptr;
    std::string head;
    std::vector<std::uint8_t> *to = nullptr;
    std::string request;

    template <class Buffers> std::size_t read_some(const Buffers &buffers, error_code &error)
    {
        std::size_t taken = 0;
        for (auto it = net::buffer_sequence_begin(buffers); it != net::buffer_sequence_end(buffers) && !taken; ++it) {
            const net::mutable_buffer buffer = *it;
            if (buffer.size() == 0)
                continue;
            if (!head.empty()) {
                taken = std::min(head.size(), buffer.size());
                std::memcpy(buffer.data(), head.data(), taken);
                head.erase(0, taken);
            } else {
                taken = from->read(from->user, static_cast<std::uint8_t *>(buffer.data()), buffer.size());
            }
            if (taken == 0) {
                error = net::error::would_block;
                return 0;
            }
        }
        error = {};
        return taken;
    }

    template <class Buffers> std::size_t read_some(const Buffers &buffers)
    {
        error_code error;
        const auto taken = read_some(buffers, error);
        if (error)
            throw beast::system_error(error);
        return taken;
    }

    template <class Buffers> std::size_t write_some(const Buffers &buffers, error_code &error)
    {
        error = {};
        std::size_t written = 0;
        for (auto it = net::buffer_sequence_begin(buffers); it != net::buffer_sequence_end(buffers); ++it) {
            const net::const_buffer buffer = *it;
            const auto *bytes = static_cast<const std::uint8_t *>(buffer.data());
            if (to)
                to->insert(to->end(), bytes, bytes + buffer.size());
            else
                request.append(reinterpret_cast<const char *>(bytes), buffer.size());
            written += buffer.size();
        }
        // The answer to a client's request.
        if (!to && head.empty() && request.size() > 4 && request.compare(request.size() - 4, 4, "\r\n\r\n") == 0)
            answer();
        return written;
    }

    template <class Buffers> std::size_t write_some(const Buffers &buffers)
    {
        error_code error;
        return write_some(buffers, error);
    }

    void answer()
    {
        const std::string name = "Sec-WebSocket-Key: ";
        const auto at = request.find(name);
        if (at == std::string::npos)
            return;
        const auto key = request.substr(at + name.size(), 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        beast::detail::sha1_context hash;
        beast::detail::init(hash);
        beast::detail::update(hash, key.data(), key.size());
        char digest[beast::detail::sha1_context::digest_size], accept[32];
        beast::detail::finish(hash, digest);
        accept[beast::detail::base64::encode(accept, digest, sizeof digest)] = 0;
        head = std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: ") +
               accept + "\r\n\r\n";
    }
};

void teardown(beast::role_type, Socket &, error_code &error) { error = {}; }

using Stream = websocket::stream<Socket, false>;

constexpr char REQUEST[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

std::unique_ptr<Stream> open(bool is_server, harness *from, std::vector<std::uint8_t> *to)
{
    auto stream = std::make_unique<Stream>(Socket{});
    stream->next_layer().from = from;
    stream->read_message_max(std::size_t(1) << 30);
    if (is_server) {
        stream->next_layer().head = REQUEST;
        stream->accept();
    } else {
        stream->handshake("localhost", "/");
    }
    stream->next_layer().to = to;
    stream->auto_fragment(false);
    return stream;
}

struct Sender {
    std::vector<std::uint8_t> out;
    std::unique_ptr<Stream> stream;
};

} // namespace

extern "C" {

// A connection for each call, because one that found nothing to read has failed; 0 for success.
int beast_decode(int is_server, harness *harness, std::uint8_t *, std::size_t)
{
    try {
        std::vector<std::uint8_t> pongs;
        auto stream = open(is_server, harness, &pongs);
        stream->control_callback([&](websocket::frame_type type, beast::string_view payload) {
            if (type == websocket::frame_type::ping)
                harness_ping(harness, reinterpret_cast<const std::uint8_t *>(payload.data()));
        });
        beast::flat_buffer message;
        for (;;) {
            error_code error;
            stream->read(message, error);
            if (error == net::error::would_block)
                return 0;
            if (error)
                return error.value() ? error.value() : -1;
            const auto data = message.cdata();
            harness_piece(harness, stream->got_text() ? HARNESS_TEXT : HARNESS_BINARY,
                          static_cast<const std::uint8_t *>(data.data()), data.size(), 1);
            message.consume(message.size());
            pongs.clear();
        }
    } catch (const std::exception &) {
        return -1;
    }
}

void *beast_sender(int is_server)
{
    try {
        auto sender = std::make_unique<Sender>();
        sender->stream = open(is_server, nullptr, &sender->out);
        return sender.release();
    } catch (const std::exception &) {
        return nullptr;
    }
}

// Encodes `count` messages; gives where they are, and their length.
const std::uint8_t *beast_encode(void *to, int kind, const std::uint8_t *payload, std::size_t len, std::size_t count,
                                 std::size_t *written)
{
    auto &sender = *static_cast<Sender *>(to);
    sender.out.clear();
    sender.stream->text(kind == HARNESS_TEXT);
    for (std::size_t i = 0; i < count; i++) {
        net::const_buffer message(payload, len);
        error_code error;
        harness_look(&message);
        sender.stream->write(message, error);
        if (error)
            return nullptr;
    }
    *written = sender.out.size();
    return sender.out.data();
}

void beast_free(void *sender) { delete static_cast<Sender *>(sender); }
}
