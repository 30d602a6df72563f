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

/* More output than the longest message, since a client may send all of one before it reads. */
enum { MOST_CLIENTS = 1024, MOST_HEAD = 8192, MOST_OUT = 32 << 20 };

/* One connection. */
struct client {
    int fd;
    /* Whether the opening handshake was answered, and the head of the request until then. */
    int is_open;
    size_t head_len;
    char head[MOST_HEAD];
    wsframe_connection connection;
    /* What is to be written, from `out_at` on. */
    uint8_t *out;
    size_t out_at, out_len, out_room;
    /* The transport was shut down for writing, or nothing more is to come after what is written. */
    int is_finished, is_refused;
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
    uint8_t *out = out_room(client, 276);
    if (!out || wsframe_connection_control(&client->connection, out, 276, &written))
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
    while ((status = wsframe_connection_decode(&client->connection, &bytes, &len, &event)) == WSFRAME_EVENT) {
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
 * more: here it is the least that RFC 6455 section 4.2.1 allows.
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
        if (wsframe_connection_init(&client->connection, WSFRAME_SERVER, NULL, NULL, NULL, NULL, NULL))
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
    client->head[client->head_len] = '\0';
    if (strlen(client->head) != client->head_len)
        return -1;
    const char *end = strstr(client->head, "\r\n\r\n");
    if (!end)
        return client->head_len == MOST_HEAD - 1 ? -1 : 0;
    const size_t used = (size_t)(end + 4 - client->head) - before;
    if (answer(client))
        return -1;
    return client->is_open && used < len ? take(client, bytes + used, len - used) : 0;
}

static void drop(struct client *client)
{
    close(client->fd);
    free(client->out);
    free(client);
}

/* Writes what there is; -1 if the transport failed, or is to be dropped. */
static int flush(struct client *client)
{
    wsframe_transport transport = WSFRAME_TRANSPORT_OPEN;
    if (client->is_open &&
        (wsframe_connection_transport(&client->connection, &transport) || transport == WSFRAME_TRANSPORT_DROP))
        return -1;
    while (client->out_at < client->out_len) {
        const ssize_t written = write(client->fd, client->out + client->out_at, client->out_len - client->out_at);
        if (written < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        client->out_at += (size_t)written;
    }
    client->out_at = client->out_len = 0;
    if (transport == WSFRAME_TRANSPORT_FINISH && !client->is_finished) {
        shutdown(client->fd, SHUT_WR);
        client->is_finished = 1;
    }
    return client->is_refused ? -1 : 0;
}

/* Reads once, and takes it; -1 ends the connection. The buffer serves all connections. */
static int on_readable(struct client *client)
{
    static uint8_t buffer[64 * 1024];
    const ssize_t len = read(client->fd, buffer, sizeof buffer);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (len == 0)
        return -1;
    return client->is_open ? take(client, buffer, (size_t)len) : take_head(client, buffer, (size_t)len);
}

static int is_full(const struct client *client)
{
    return client->out_len - client->out_at > MOST_OUT;
}

/* How long poll(2) may wait, in milliseconds, and what is due now. */
static int wait_for(struct client **clients, size_t count)
{
    const uint64_t time = now();
    uint64_t first = time + 60 * 1000000;
    for (size_t i = 0; i < count; i++) {
        uint64_t deadline;
        if (clients[i]->is_open && wsframe_connection_deadline(&clients[i]->connection, &deadline) == WSFRAME_OK &&
            deadline < first)
            first = deadline;
    }
    return first > time ? (int)((first - time + 999) / 1000) : 0;
}

int main(int argc, char **argv)
{
    static struct client *clients[MOST_CLIENTS];
    static struct pollfd polled[MOST_CLIENTS + 1];
    size_t count = 0;
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
        polled[0] = (struct pollfd){.fd = count < MOST_CLIENTS ? listener : -1, .events = POLLIN};
        for (size_t i = 0; i < count; i++) {
            polled[i + 1] = (struct pollfd){.fd = clients[i]->fd};
            polled[i + 1].events = (short)((is_full(clients[i]) ? 0 : POLLIN) | (clients[i]->out_len ? POLLOUT : 0));
        }
        if (poll(polled, count + 1, wait_for(clients, count)) < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        /* From the last, because the last takes the place of one that ends. */
        for (size_t i = count; i-- > 0;) {
            struct client *client = clients[i];
            int result = 0;
            if (polled[i + 1].revents & (POLLIN | POLLHUP | POLLERR))
                result = on_readable(client);
            if (!result && client->is_open) {
                wsframe_connection_at(&client->connection, now());
                result = push_control(client);
            }
            if (result || flush(client)) {
                drop(client);
                clients[i] = clients[--count];
            }
        }
        if (polled[0].revents & POLLIN) {
            struct client *client = calloc(1, sizeof *client);
            const int fd = accept(listener, NULL, NULL);
            if (!client || fd < 0) {
                free(client);
                if (fd >= 0)
                    close(fd);
                continue;
            }
            fcntl(fd, F_SETFL, O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            client->fd = fd;
            clients[count++] = client;
        }
    }
}
