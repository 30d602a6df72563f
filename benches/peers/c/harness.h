/* What the harness gives to codecs that are driven from C and C++, and what they count. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>

enum { HARNESS_TEXT = 1, HARNESS_BINARY = 2 };

/* The socket, and what was found. While it is timed, `check` is null. */
struct harness {
    void *user;
    /* Copies the next bytes to `to`, at most `len`: 0 if there is nothing for now. */
    size_t (*read)(void *user, uint8_t *to, size_t len);
    /* A piece of a message, to compare with the reference. */
    void (*check)(void *user, int kind, const uint8_t *payload, size_t len, int ends_message);
    uint64_t messages, bytes, pings;
};

/* The payload was looked at, as far as the compiler knows. */
static inline void harness_look(const void *payload)
{
    __asm__ volatile("" : : "r"(payload) : "memory");
}

static inline void harness_piece(struct harness *harness, int kind, const uint8_t *payload, size_t len, int ends_message)
{
    if (harness->check)
        harness->check(harness->user, kind, payload, len, ends_message);
    harness->messages += ends_message != 0;
    harness->bytes += len;
    harness_look(payload);
}

static inline void harness_ping(struct harness *harness, const uint8_t *payload)
{
    harness->pings++;
    harness_look(payload);
}

#endif
