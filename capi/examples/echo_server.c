/*
 * An echo server over poll(2), in one thread: every message goes back as it comes, in fragments where it comes in pieces. A
 * connection that leaves too much of its echo unread is not read from.
 *
 *   echo_server [PORT]
 *
 * It prints the address that it listens on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wsframe.h>

enum { PATIENCE = 10 * 1000000 }; /* Microseconds. */
/* More output than the longest message, since a client may send all of one before it reads. */
enum { MOST_CLIENTS = 1024, MOST_HEAD = 8192, MOST_OUT = 32 << 20 };

/* One connection. */
struct client {
    int fd;
    /* When the request must be there; when a peer that has ended must have taken what is still to be written. */
    uint64_t deadline;
    /* Whether the opening handshake was answered; until then, the head of the request. */
    int is_open;
    size_t head_len;
    char head[MOST_HEAD];
    wsframe_connection connection;
    /* What is to be written, from `out_at` on. */
    uint8_t *out;
    size_t out_at, out_len, out_room;
    /* The request was refused; nothing more is read, because the peer has ended; writing was shut down. */
    int is_refused, is_over, is_finished;
};

/* The time in microseconds. */
static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Room for `len` more bytes of output; null if there is no memory. */
static uint8_t *out_room(struct client *client, size_t len)
{
    /* What was written makes room as soon as that is no more work than writing it was. */
    if (client->out_at >= client->out_len - client->out_at) {
        client->out_len -= client->out_at;
        if (client->out_len)
            memmove(client->out, client->out + client->out_at, client->out_len);
        client->out_at = 0;
    }
    if (client->out_len + len > client->out_room) {
        const size_t room = 2 * (client->out_len + len);
        uint8_t *out = realloc(client->out, room);
        if (!out)
            return NULL;
        client->out = out;
        client->out_room = room;
    }
    return client->out + client->out_len;
}

/* What the connection has to say by itself: Pongs, Pings, its Close. */
static int push_control(struct client *client)
{
    size_t written;
    uint8_t *out = out_room(client, WSFRAME_MAX_CONTROL);
    if (!out || wsframe_connection_control(&client->connection, out, WSFRAME_MAX_CONTROL, &written))
        return -1;
    client->out_len += written;
    return 0;
}

/* One piece of a message, as a fragment. */
static int push_echo(struct client *client, const wsframe_event *event)
{
    const int is_first = event->flags & WSFRAME_STARTS_MESSAGE, is_last = event->flags & WSFRAME_ENDS_MESSAGE;
    const wsframe_frame frame = {
        .opcode = event->kind,
        .part = is_first && is_last ? WSFRAME_WHOLE : is_last ? WSFRAME_LAST_FRAGMENT : WSFRAME_FRAGMENT,
        .payload = event->payload,
        .payload_len = event->payload_len,
    };
    const size_t room = event->payload_len + 14;
    size_t written;
    uint8_t *out = out_room(client, room);
    if (!out)
        return -1;
    const wsframe_status status = wsframe_connection_encode(&client->connection, &frame, out, room, &written);
    client->out_len += written;
    /* A connection that is closing sends no more messages. */
    return status == WSFRAME_OK || status == WSFRAME_ERROR_CLOSED ? 0 : -1;
}

/* Takes what was read after the handshake; -1 ends the connection. */
static int take(struct client *client, uint8_t *bytes, size_t len)
{
    wsframe_event event;
    wsframe_status status;
    wsframe_connection_at(&client->connection, now());
    while ((status = wsframe_connection_decode(&client->connection, &bytes, &len, &event)) == WSFRAME_HAS_EVENT) {
        if (event.type == WSFRAME_EVENT_CHUNK && push_echo(client, &event))
            return -1;
        if (push_control(client))
            return -1;
    }
    if (status == WSFRAME_ERROR_VIOLATION) {
        wsframe_error error;
        if (wsframe_connection_error(&client->connection, &error) == WSFRAME_OK)
            fprintf(stderr, "%s at byte %llu (RFC 6455 section %s): closing with %u\n", error.reason,
                    (unsigned long long)error.offset, error.section, error.close_code);
    }
    return push_control(client);
}

/* The value of the field with this name, and its length; null if there is none. */
static const char *field(const char *head, const char *name, size_t *len)
{
    const size_t name_len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, name_len) || line[2 + name_len] != ':')
            continue;
        const char *value = line + 2 + name_len + 1;
        value += strspn(value, " \t");
        *len = strcspn(value, "\r");
        while (*len && (value[*len - 1] == ' ' || value[*len - 1] == '\t'))
            --*len;
        return value;
    }
    return NULL;
}

static int is(const char *value, size_t len, const char *expected)
{
    return value && len == strlen(expected) && !strncasecmp(value, expected, len);
}

/*
 * Answers the request. A server that speaks HTTP already takes the fields from its parser (llhttp, picohttpparser), and checks
 * all that RFC 6455 section 4.2.1 asks for (Host, Connection, the version of HTTP): this example looks at three fields.
 */
static int answer(struct client *client)
{
    char text[256], accept[WSFRAME_ACCEPT_SIZE];
    size_t upgrade_len = 0, version_len = 0, key_len = 0;
    const char *upgrade = field(client->head, "Upgrade", &upgrade_len);
    const char *version = field(client->head, "Sec-WebSocket-Version", &version_len);
    const char *key = field(client->head, "Sec-WebSocket-Key", &key_len);
    if (strncmp(client->head, "GET ", 4) || !is(upgrade, upgrade_len, "websocket") ||
        !is(version, version_len, "13") || wsframe_accept_key(key, key_len, accept)) {
        strcpy(text, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n");
        client->is_refused = 1;
    } else {
        snprintf(text, sizeof text,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
        wsframe_timing timing;
        if (wsframe_timing_preset(&timing))
            return -1;
        /* The time that a peer has to take its echo, between two pieces of it, once both ends have closed. */
        timing.linger_ms = PATIENCE / 1000;
        if (wsframe_connection_init(&client->connection, WSFRAME_SERVER, NULL, NULL, &timing, NULL, NULL))
            return -1;
        client->is_open = 1;
    }
    uint8_t *out = out_room(client, strlen(text));
    if (!out)
        return -1;
    memcpy(out, text, strlen(text));
    client->out_len += strlen(text);
    return 0;
}

/* Takes what was read before the handshake is done. */
static int take_head(struct client *client, uint8_t *bytes, size_t len)
{
    /* One byte is kept for the NUL of the functions for strings. */
    const size_t room = MOST_HEAD - 1 - client->head_len, taken = len < room ? len : room, before = client->head_len;
    memcpy(client->head + before, bytes, taken);
    client->head_len += taken;
    /* Frames may follow in the same read, so the end is looked for as bytes. */
    for (size_t end = before > 3 ? before - 3 : 0; end + 4 <= client->head_len; end++) {
        if (memcmp(client->head + end, "\r\n\r\n", 4))
            continue;
        client->head[end + 2] = '\0';
        if (strlen(client->head) != end + 2 || answer(client))
            return -1;
        const size_t used = end + 4 - before;
        return client->is_open && used < len ? take(client, bytes + used, len - used) : 0;
    }
    return client->head_len == MOST_HEAD - 1 ? -1 : 0;
}

/* Writes what there is; -1 if the transport failed, or is to be dropped. */
static int flush(struct client *client)
{
    wsframe_transport transport = WSFRAME_TRANSPORT_OPEN;
    /* After the end of what the peer sends, it may still take what it asked for. */
    if (client->is_open && !client->is_over &&
        (wsframe_connection_transport(&client->connection, &transport) || transport == WSFRAME_TRANSPORT_DROP))
        return -1;
    while (client->out_at < client->out_len) {
        const ssize_t written = write(client->fd, client->out + client->out_at, client->out_len - client->out_at);
        if (written < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        client->out_at += (size_t)written;
        /* As long as the peer takes our output, it has its time to end the transport behind it. */
        client->deadline = now() + PATIENCE;
        if (client->is_open)
            wsframe_connection_wrote_close(&client->connection, now());
    }
    if (client->is_over)
        return -1;
    if ((client->is_refused || transport == WSFRAME_TRANSPORT_FINISH) && !client->is_finished) {
        shutdown(client->fd, SHUT_WR);
        client->is_finished = 1;
    }
    return 0;
}

/* Reads once, and takes it; -1 ends the connection. The buffer serves all connections. */
static int on_readable(struct client *client)
{
    static uint8_t buffer[64 * 1024];
    const ssize_t len = read(client->fd, buffer, sizeof buffer);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (len == 0) {
        client->is_over = 1;
        client->deadline = now() + PATIENCE;
        return client->is_open ? wsframe_connection_end(&client->connection) : -1;
    }
    if (client->is_refused)
        return 0;
    return client->is_open ? take(client, buffer, (size_t)len) : take_head(client, buffer, (size_t)len);
}

/* Tells how the connection ended, and forgets it. */
static void drop(struct client *client)
{
    wsframe_outcome outcome;
    if (client->is_open) {
        wsframe_connection_end(&client->connection);
        if (wsframe_connection_outcome(&client->connection, &outcome) == WSFRAME_OK && !outcome.clean)
            fprintf(stderr, "ended with %u: %.*s\n", outcome.code, (int)outcome.reason_len, outcome.reason);
    }
    close(client->fd);
    free(client->out);
    free(client);
}

static int is_full(const struct client *client)
{
    return client->out_len - client->out_at > MOST_OUT;
}

/* When something is due, though nothing is read or written. */
static uint64_t deadline_of(struct client *client)
{
    uint64_t deadline = client->deadline;
    if (client->is_open && !client->is_over &&
        wsframe_connection_deadline(&client->connection, &deadline) != WSFRAME_OK)
        deadline = UINT64_MAX;
    return deadline;
}

/* What a connection is to be polled for. */
static short events_of(const struct client *client)
{
    const int reads = !client->is_over && !is_full(client);
    return (short)((reads ? POLLIN : 0) | (client->out_at < client->out_len ? POLLOUT : 0));
}

/* Does what is to be done for a connection; -1 ends it. */
static int turn(struct client *client, short ready)
{
    if (ready & (POLLIN | POLLHUP | POLLERR) && !client->is_over && on_readable(client))
        return -1;
    const uint64_t time = now();
    if (client->is_over || !client->is_open) {
        if (time >= client->deadline)
            return -1;
    } else {
        /* A peer whose echo is full and stays so is not read from, and counts as silent in the end. */
        wsframe_connection_at(&client->connection, time);
        if (push_control(client))
            return -1;
    }
    return flush(client);
}

int main(int argc, char **argv)
{
    static struct client *clients[MOST_CLIENTS];
    static struct pollfd polled[MOST_CLIENTS + 1];
    size_t count = 0, most = MOST_CLIENTS;
    const int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128) ||
        getsockname(listener, (struct sockaddr *)&address, &address_len)) {
        perror("echo_server");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);

    for (;;) {
        /* Where there are no descriptors left, those who wait are not asked for until one is free. */
        polled[0] = (struct pollfd){.fd = count < most ? listener : -1, .events = POLLIN};
        const uint64_t time = now();
        uint64_t first = time + 60 * 1000000;
        for (size_t i = 0; i < count; i++) {
            const uint64_t deadline = deadline_of(clients[i]);
            first = deadline < first ? deadline : first;
            polled[i + 1] = (struct pollfd){.fd = clients[i]->fd, .events = events_of(clients[i])};
        }
        const int ready = poll(polled, count + 1, first > time ? (int)((first - time + 999) / 1000) : 0);
        if (ready < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        if (ready == 0)
            most = MOST_CLIENTS;
        const short listening = polled[0].revents;
        /* From the last, because the last takes the place of one that ends. */
        for (size_t i = count; i-- > 0;) {
            if (turn(clients[i], polled[i + 1].revents)) {
                drop(clients[i]);
                clients[i] = clients[--count];
                most = MOST_CLIENTS;
            }
        }
        if (listening & POLLIN) {
            const int fd = accept(listener, NULL, NULL);
            struct client *client = fd < 0 ? NULL : calloc(1, sizeof *client);
            if (!client) {
                if (fd >= 0)
                    close(fd);
                most = count;
                continue;
            }
            fcntl(fd, F_SETFL, O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            client->fd = fd;
            client->deadline = now() + PATIENCE;
            clients[count++] = client;
        }
    }
}
