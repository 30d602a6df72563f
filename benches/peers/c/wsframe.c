/* wsframe by its interface for C. */
#include <wsframe.h>

#include "harness.h"

#define HARNESS_EXPORT __attribute__((visibility("default")))

/* A loop over a handle of this type, by this function. */
#define LOOP(name, handle, decode)                                                                                     \
    HARNESS_EXPORT int name(handle *from, struct harness *harness, uint8_t *buffer, size_t room)                       \
    {                                                                                                                  \
        for (size_t len; (len = harness->read(harness->user, buffer, room)) > 0;) {                                    \
            uint8_t *input = buffer;                                                                                   \
            wsframe_event event;                                                                                       \
            wsframe_status status;                                                                                     \
            while ((status = decode(from, &input, &len, &event)) == WSFRAME_HAS_EVENT) {                               \
                if (event.type == WSFRAME_EVENT_CHUNK)                                                                 \
                    harness_piece(harness, event.kind, event.payload, event.payload_len,                               \
                                  event.flags & WSFRAME_ENDS_MESSAGE);                                                 \
                else if (event.type == WSFRAME_EVENT_PING)                                                             \
                    harness_ping(harness, event.payload);                                                              \
                /* As the loop in Rust. */                                                                             \
                if (!len)                                                                                              \
                    break;                                                                                             \
            }                                                                                                          \
            if (status < 0)                                                                                            \
                return status;                                                                                         \
        }                                                                                                              \
        return WSFRAME_OK;                                                                                             \
    }

LOOP(wsframe_c_decode, wsframe_decoder, wsframe_decode)
LOOP(wsframe_c_conduct, wsframe_connection, wsframe_connection_decode)

HARNESS_EXPORT int wsframe_c_init(wsframe_decoder *decoder, wsframe_connection *connection, int is_server, wsframe_key_source keys,
                   void *context)
{
    const wsframe_role role = is_server ? WSFRAME_SERVER : WSFRAME_CLIENT;
    const wsframe_status status = wsframe_decoder_init(decoder, role, NULL);
    return status ? status : wsframe_connection_init(connection, role, NULL, NULL, NULL, keys, context);
}

HARNESS_EXPORT int wsframe_c_encoder_init(wsframe_encoder *encoder, int is_server, wsframe_key_source keys, void *context)
{
    return wsframe_encoder_init(encoder, is_server ? WSFRAME_SERVER : WSFRAME_CLIENT, NULL, keys, context);
}

/* Encodes `count` frames one after another; returns their length, or 0. */
HARNESS_EXPORT size_t wsframe_c_encode(wsframe_encoder *encoder, int kind, const uint8_t *payload, size_t len, size_t count, uint8_t *out,
                        size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        wsframe_frame frame = {.opcode = (wsframe_opcode)kind, .payload = payload, .payload_len = len};
        size_t written;
        harness_look(&frame);
        if (wsframe_encode(encoder, &frame, out + used, room - used, &written))
            return 0;
        used += written;
    }
    return used;
}
