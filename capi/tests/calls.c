/* Every function with null, zero lengths, wrong states and numbers: a status, and nothing changes. And what the rest does right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsframe.h>

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int fixed_key(void *context, uint8_t *key)
{
    static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};
    memcpy(key, KEY, 4);
    return context ? *(int *)context : 0;
}

static void decoders(void)
{
    wsframe_decoder decoder;
    wsframe_config config;
    wsframe_event event;
    wsframe_error error;
    wsframe_state state;
    uint64_t position;
    uint8_t bytes[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89, 0x81, 0, 0, 0, 0, '!'};
    uint8_t *input = bytes;
    size_t len = sizeof bytes;

    EXPECT(wsframe_decoder_size() == sizeof decoder && WSFRAME_DECODER_ALIGN == 8);
    EXPECT(wsframe_config_unlimited(NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_config_unlimited(&config) == WSFRAME_OK && config.max_frame_len == UINT64_MAX);
    EXPECT(config.max_fragments == UINT32_MAX && !config.allowed_rsv);
    EXPECT(wsframe_config_preset(NULL, WSFRAME_SERVER) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_config_preset(&config, 0) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_config_preset(&config, WSFRAME_CLIENT) == WSFRAME_OK && config.max_frame_len == 64 << 20);
    EXPECT(wsframe_config_preset(&config, WSFRAME_SERVER) == WSFRAME_OK && config.max_message_len == 16 << 20);

    /* Storage that was never initialized, or is that of something else. */
    memset(&decoder, 0, sizeof decoder);
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_decoder_error(&decoder, &error) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_decoder_position(&decoder, &position) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_decoder_state(&decoder, &state) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_utf8_init((wsframe_utf8 *)(void *)&decoder) == WSFRAME_OK);
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_ERROR_UNINITIALIZED);

    EXPECT(wsframe_decoder_init(NULL, WSFRAME_SERVER, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_init(&decoder, 3, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_init((wsframe_decoder *)(void *)((char *)&decoder + 1), WSFRAME_SERVER, NULL) ==
           WSFRAME_ERROR_ARGUMENT);
    config.allowed_rsv = 1;
    EXPECT(wsframe_decoder_init(&decoder, WSFRAME_SERVER, &config) == WSFRAME_ERROR_ARGUMENT);
    config.allowed_rsv = WSFRAME_RSV1;
    EXPECT(wsframe_decoder_init(&decoder, WSFRAME_SERVER, &config) == WSFRAME_OK);
    EXPECT(wsframe_decoder_init(&decoder, WSFRAME_SERVER, NULL) == WSFRAME_OK);

    EXPECT(wsframe_decode(NULL, &input, &len, &event) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decode(&decoder, NULL, &len, &event) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decode(&decoder, &input, NULL, &event) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decode(&decoder, &input, &len, NULL) == WSFRAME_ERROR_ARGUMENT);
    uint8_t *nothing = NULL;
    EXPECT(wsframe_decode(&decoder, &nothing, &len, &event) == WSFRAME_ERROR_ARGUMENT && !nothing);
    size_t zero = 0, too_long = (size_t)PTRDIFF_MAX + 1;
    EXPECT(wsframe_decode(&decoder, &input, &too_long, &event) == WSFRAME_ERROR_ARGUMENT);
    uint8_t *inside = (uint8_t *)&decoder + 8;
    size_t one = 1;
    EXPECT(wsframe_decode(&decoder, &inside, &one, &event) == WSFRAME_ERROR_ARGUMENT && one == 1);
    /* No bytes. */
    EXPECT(wsframe_decode(&decoder, &nothing, &zero, &event) == WSFRAME_OK && !event.type && !nothing && !zero);
    EXPECT(wsframe_decode(&decoder, &input, &zero, &event) == WSFRAME_OK && input == bytes);
    EXPECT(wsframe_decoder_error(&decoder, &error) == WSFRAME_ERROR_ABSENT);

    /* None of that changed anything. A copy goes on where the original is. */
    wsframe_decoder copy = decoder;
    uint8_t again[sizeof bytes];
    memcpy(again, bytes, sizeof bytes);
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_HAS_EVENT);
    EXPECT(event.type == WSFRAME_EVENT_CHUNK && event.kind == WSFRAME_TEXT && event.payload == bytes + 6);
    EXPECT(event.flags == (WSFRAME_STARTS_MESSAGE | WSFRAME_ENDS_FRAME | WSFRAME_ENDS_MESSAGE) && event.fragments == 1);
    EXPECT(event.payload_len == 5 && !memcmp(event.payload, "Hello", 5) && !event.offset && !event.frame_remaining);
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_HAS_EVENT);
    EXPECT(event.type == WSFRAME_EVENT_PING && event.payload_len == 1 && *event.payload == '!' && event.offset == 11);
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_OK && !len && input == bytes + sizeof bytes);
    EXPECT(wsframe_decoder_position(&decoder, &position) == WSFRAME_OK && position == sizeof bytes);
    EXPECT(wsframe_decoder_state(&decoder, &state) == WSFRAME_OK && state == WSFRAME_STATE_IDLE);
    input = again;
    len = 8;
    EXPECT(wsframe_decode(&copy, &input, &len, &event) == WSFRAME_HAS_EVENT && event.payload_len == 2);
    EXPECT(event.flags == WSFRAME_STARTS_MESSAGE && event.frame_remaining == 3);
    EXPECT(wsframe_decoder_state(&copy, &state) == WSFRAME_OK && state == WSFRAME_STATE_IN_FRAME);

    EXPECT(wsframe_decoder_position(&decoder, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_position(NULL, &position) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_state(&decoder, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_state(NULL, &state) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_error(&decoder, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_decoder_error(NULL, &error) == WSFRAME_ERROR_ARGUMENT);

    /* A violation, and what it tells. */
    uint8_t unmasked[] = {0x81, 0x05};
    input = unmasked;
    len = sizeof unmasked;
    EXPECT(wsframe_decode(&decoder, &input, &len, &event) == WSFRAME_ERROR_VIOLATION && !len);
    EXPECT(wsframe_decoder_error(&decoder, &error) == WSFRAME_OK);
    EXPECT(error.rule == WSFRAME_RULE_MASK_MISSING && error.close_code == 1002 && error.offset == 19);
    EXPECT(!strcmp(error.section, "5.1") && !strcmp(error.reason, "client frame is not masked"));
}

static void encoders(void)
{
    wsframe_encoder encoder;
    wsframe_frame frame = {.opcode = WSFRAME_TEXT, .payload = "Hello", .payload_len = 5};
    wsframe_header header;
    wsframe_rule rule;
    uint8_t out[256];
    size_t written, frame_len;
    int fails = 0;

    EXPECT(wsframe_encoder_size() == sizeof encoder);
    memset(&encoder, 0, sizeof encoder);
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_encode_header(&encoder, &frame, &header) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_encoder_frame_len(&encoder, 1, &frame_len) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_encoder_init(NULL, WSFRAME_SERVER, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_init(&encoder, 9, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_init(&encoder, WSFRAME_CLIENT, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);

    /* RFC 6455 section 5.7. */
    EXPECT(wsframe_encoder_init(&encoder, WSFRAME_CLIENT, NULL, fixed_key, &fails) == WSFRAME_OK);
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_OK && written == 11);
    EXPECT(!memcmp(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11));
    EXPECT(wsframe_encoder_frame_len(&encoder, 5, &frame_len) == WSFRAME_OK && frame_len == 11);
    EXPECT(wsframe_encode_header(&encoder, &frame, &header) == WSFRAME_OK && header.len == 6 && header.masked == 1);
    EXPECT(!memcmp(header.bytes, out, 6) && !memcmp(header.mask_key, out + 2, 4));
    fails = 1;
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_ERROR_NO_KEY && !written);

    wsframe_config limits = {.max_frame_len = 4, .max_message_len = 6, .max_fragments = 2};
    EXPECT(wsframe_encoder_init(&encoder, WSFRAME_SERVER, &limits, NULL, NULL) == WSFRAME_OK);
    EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_OK && rule == WSFRAME_RULE_NONE);
    memset(out, 0xee, sizeof out);
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_ERROR_OVER_LIMIT && !written);
    EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_OK && rule == WSFRAME_RULE_FRAME_TOO_LONG);

    EXPECT(wsframe_encoder_init(&encoder, WSFRAME_SERVER, NULL, NULL, NULL) == WSFRAME_OK);
    EXPECT(wsframe_encode(NULL, &frame, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, NULL, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, &frame, NULL, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, &frame, out, (size_t)-1, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, &frame, (uint8_t *)&encoder, 16, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode(&encoder, &frame, NULL, 0, &written) == WSFRAME_ERROR_BUFFER_TOO_SMALL && written == 7);
    EXPECT(wsframe_encode(&encoder, &frame, out, 6, &written) == WSFRAME_ERROR_BUFFER_TOO_SMALL && written == 7);
    EXPECT(wsframe_encode_header(NULL, &frame, &header) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode_header(&encoder, NULL, &header) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encode_header(&encoder, &frame, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_frame_len(NULL, 1, &frame_len) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_frame_len(&encoder, 1, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_refusal(NULL, &rule) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_refusal(&encoder, NULL) == WSFRAME_ERROR_ARGUMENT);
    wsframe_frame inside = {.opcode = WSFRAME_BINARY, .payload = out + 4, .payload_len = 4};
    EXPECT(wsframe_encode(&encoder, &inside, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT);
    written = 777;
    EXPECT(wsframe_encode(&encoder, NULL, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT && !written);
    EXPECT(wsframe_encode(NULL, &frame, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT && !written);
    /* Memory without a byte overlaps nothing. */
    inside.payload_len = 0;
    EXPECT(wsframe_encode(&encoder, &inside, out, sizeof out, &written) == WSFRAME_OK && written == 2);
    EXPECT(wsframe_encode(&encoder, &frame, (uint8_t *)&encoder + 8, 0, &written) == WSFRAME_ERROR_BUFFER_TOO_SMALL);
    EXPECT(wsframe_encoder_frame_len(&encoder, (size_t)-1, &frame_len) == WSFRAME_ERROR_ARGUMENT);
    memset(out, 0xee, sizeof out);
    wsframe_frame null = {.opcode = WSFRAME_BINARY, .payload_len = 1};
    EXPECT(wsframe_encode(&encoder, &null, out, sizeof out, &written) == WSFRAME_ERROR_ARGUMENT);
    static const struct {
        uint8_t opcode, part, rsv;
        uint16_t code;
        const char *payload;
        wsframe_status status;
        wsframe_rule rule;
    } refused[] = {
        {0, WSFRAME_WHOLE, 0, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {3, WSFRAME_WHOLE, 0, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_TEXT, 3, 0, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_TEXT, WSFRAME_WHOLE, 8, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_PING, WSFRAME_FRAGMENT, 0, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_PONG, WSFRAME_WHOLE, WSFRAME_RSV2, 0, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_CLOSE, WSFRAME_LAST_FRAGMENT, 0, 1000, "", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_CLOSE, WSFRAME_WHOLE, 0, 0, "why", WSFRAME_ERROR_ARGUMENT, 0},
        {WSFRAME_CLOSE, WSFRAME_WHOLE, 0, 1005, "", WSFRAME_ERROR_CLOSE_CODE, 0},
        {WSFRAME_CLOSE, WSFRAME_WHOLE, 0, 2999, "", WSFRAME_ERROR_CLOSE_CODE, 0},
        {WSFRAME_CLOSE, WSFRAME_WHOLE, 0, 1000, "\xff", WSFRAME_ERROR_FORBIDDEN, WSFRAME_RULE_CLOSE_REASON_NOT_UTF8},
        {WSFRAME_TEXT, WSFRAME_WHOLE, 0, 0, "\xc3", WSFRAME_ERROR_FORBIDDEN, WSFRAME_RULE_TEXT_NOT_UTF8},
        {WSFRAME_TEXT, WSFRAME_WHOLE, WSFRAME_RSV1, 0, "", WSFRAME_ERROR_FORBIDDEN, WSFRAME_RULE_RESERVED_BITS},
        {WSFRAME_PING, WSFRAME_WHOLE, 0, 0,
         "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "1234567890123456",
         WSFRAME_ERROR_FORBIDDEN, WSFRAME_RULE_CONTROL_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wsframe_frame bad = {.opcode = refused[i].opcode,
                             .part = refused[i].part,
                             .rsv = refused[i].rsv,
                             .close_code = refused[i].code,
                             .payload = refused[i].payload,
                             .payload_len = strlen(refused[i].payload)};
        EXPECT(wsframe_encode(&encoder, &bad, out, sizeof out, &written) == refused[i].status && !written);
        EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_OK && rule == refused[i].rule);
    }
    for (size_t i = 0; i < sizeof out; i++)
        EXPECT(out[i] == 0xee);
    EXPECT(rule == WSFRAME_RULE_CONTROL_TOO_LONG && wsframe_encode_header(&encoder, NULL, &header) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_OK && rule == WSFRAME_RULE_NONE);

    /* Fragments, cut inside a character, with a Ping between them. */
    wsframe_frame first = {.opcode = WSFRAME_TEXT, .part = WSFRAME_FRAGMENT, .payload = "na\xc3", .payload_len = 3};
    wsframe_frame ping = {.opcode = WSFRAME_PING};
    wsframe_frame last = {.opcode = WSFRAME_TEXT, .part = WSFRAME_LAST_FRAGMENT, .payload = "\xafve", .payload_len = 3};
    EXPECT(wsframe_encode(&encoder, &first, out, sizeof out, &written) == WSFRAME_OK && written == 5);
    EXPECT(!memcmp(out, "\x01\x03na\xc3", 5));
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_ERROR_FORBIDDEN);
    EXPECT(wsframe_encoder_refusal(&encoder, &rule) == WSFRAME_OK && rule == WSFRAME_RULE_CONTINUATION_EXPECTED);
    EXPECT(wsframe_encode_header(&encoder, &frame, &header) == WSFRAME_ERROR_FORBIDDEN);
    EXPECT(wsframe_encode(&encoder, &ping, out, sizeof out, &written) == WSFRAME_OK && !memcmp(out, "\x89", 2));
    EXPECT(wsframe_encode(&encoder, &last, out, sizeof out, &written) == WSFRAME_OK && written == 5);
    EXPECT(!memcmp(out, "\x80\x03\xafve", 5));
    EXPECT(wsframe_encode_header(&encoder, &ping, &header) == WSFRAME_ERROR_ARGUMENT);
    wsframe_frame large = {.opcode = WSFRAME_BINARY, .payload_len = 65536};
    EXPECT(wsframe_encode_header(&encoder, &large, &header) == WSFRAME_OK && header.len == 10 && !header.masked);
    EXPECT(!memcmp(header.bytes, "\x82\x7f\0\0\0\0\0\1\0\0\0\0\0", 14));

    wsframe_frame bye = {.opcode = WSFRAME_CLOSE, .close_code = 4001, .payload = "bye", .payload_len = 3};
    EXPECT(wsframe_encode(&encoder, &bye, out, sizeof out, &written) == WSFRAME_OK && written == 7);
    EXPECT(!memcmp(out, "\x88\x05\x0f\xa1"
                        "bye",
                   7));
    EXPECT(wsframe_encode(&encoder, &frame, out, sizeof out, &written) == WSFRAME_ERROR_CLOSED && !written);
    EXPECT(wsframe_encode_header(&encoder, &frame, &header) == WSFRAME_ERROR_CLOSED);
}

static void connections(void)
{
    wsframe_connection connection;
    wsframe_timing timing = {.ping_after_ms = 1000, .pong_within_ms = 500, .close_within_ms = 100, .linger_ms = 50};
    wsframe_frame hello = {.opcode = WSFRAME_TEXT, .payload = "Hello", .payload_len = 5};
    wsframe_transport transport;
    wsframe_outcome outcome;
    wsframe_header header;
    wsframe_event event;
    wsframe_error error;
    wsframe_state state;
    wsframe_rule rule;
    uint64_t time;
    uint8_t out[300], byte = 0, flag, *input = &byte;
    size_t written, len = 1;
    int fails = 0;

    wsframe_timing preset;
    EXPECT(wsframe_connection_size() == sizeof connection);
    EXPECT(wsframe_timing_preset(NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_timing_preset(&preset) == WSFRAME_OK && preset.ping_after_ms == 20000 && preset.linger_ms == 2000);
    for (int round = 0; round < 2; round++) {
        /* Null, then storage that was not initialized. */
        wsframe_connection *wrong = round ? &connection : NULL;
        const wsframe_status status = round ? WSFRAME_ERROR_UNINITIALIZED : WSFRAME_ERROR_ARGUMENT;
        memset(&connection, 0, sizeof connection);
        EXPECT(wsframe_connection_decode(wrong, &input, &len, &event) == status);
        EXPECT(wsframe_connection_error(wrong, &error) == status);
        EXPECT(wsframe_connection_position(wrong, &time) == status);
        EXPECT(wsframe_connection_state(wrong, &state) == status);
        EXPECT(wsframe_connection_encode(wrong, &hello, out, sizeof out, &written) == status);
        EXPECT(wsframe_connection_encode_header(wrong, &hello, &header) == status);
        EXPECT(wsframe_connection_frame_len(wrong, 1, &written) == status);
        EXPECT(wsframe_connection_refusal(wrong, &rule) == status);
        EXPECT(wsframe_connection_control(wrong, out, sizeof out, &written) == status);
        EXPECT(wsframe_connection_has_control(wrong, &flag) == status);
        EXPECT(wsframe_connection_wrote_close(wrong, 1) == status);
        EXPECT(wsframe_connection_fail(wrong, 1011, "why") == status);
        EXPECT(wsframe_connection_at(wrong, 1) == status);
        EXPECT(wsframe_connection_deadline(wrong, &time) == status);
        EXPECT(wsframe_connection_latency(wrong, &time) == status);
        EXPECT(wsframe_connection_transport(wrong, &transport) == status);
        EXPECT(wsframe_connection_end(wrong) == status);
        EXPECT(wsframe_connection_outcome(wrong, &outcome) == status);
    }
    EXPECT(wsframe_connection_init(NULL, WSFRAME_SERVER, NULL, NULL, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_connection_init(&connection, 0, NULL, NULL, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_connection_init(&connection, WSFRAME_CLIENT, NULL, NULL, NULL, NULL, NULL) == WSFRAME_ERROR_ARGUMENT);

    /* A client whose server falls silent: a Ping, then the end. */
    EXPECT(wsframe_connection_init(&connection, WSFRAME_CLIENT, NULL, NULL, &timing, fixed_key, &fails) == WSFRAME_OK);
    EXPECT(wsframe_connection_deadline(&connection, &time) == WSFRAME_ERROR_ABSENT);
    EXPECT(wsframe_connection_at(&connection, 5000000) == WSFRAME_OK);
    EXPECT(wsframe_connection_deadline(&connection, &time) == WSFRAME_OK && time == 6000000);
    EXPECT(wsframe_connection_has_control(&connection, &flag) == WSFRAME_OK && !flag);
    EXPECT(wsframe_connection_at(&connection, time) == WSFRAME_OK);
    EXPECT(wsframe_connection_has_control(&connection, &flag) == WSFRAME_OK && flag);
    EXPECT(wsframe_connection_has_control(&connection, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_connection_control(&connection, NULL, 0, &written) == WSFRAME_ERROR_BUFFER_TOO_SMALL && !written);
    fails = 1;
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, &written) == WSFRAME_ERROR_NO_KEY && !written);
    fails = 0;
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_connection_control(&connection, (uint8_t *)&connection, 9, &written) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, &written) == WSFRAME_OK && out[0] == 0x89);
    EXPECT(wsframe_connection_latency(&connection, &time) == WSFRAME_ERROR_ABSENT);
    EXPECT(wsframe_connection_outcome(&connection, &outcome) == WSFRAME_ERROR_ABSENT);
    EXPECT(wsframe_connection_deadline(&connection, &time) == WSFRAME_OK && time == 6500000);
    EXPECT(wsframe_connection_at(&connection, time) == WSFRAME_OK);
    EXPECT(wsframe_connection_outcome(&connection, &outcome) == WSFRAME_OK);
    EXPECT(outcome.cause == WSFRAME_CAUSE_NO_PONG && outcome.code == 1006 && !outcome.clean && !outcome.received);
    EXPECT(wsframe_connection_transport(&connection, &transport) == WSFRAME_OK && transport == WSFRAME_TRANSPORT_DROP);
    EXPECT(wsframe_connection_encode(&connection, &hello, out, sizeof out, &written) == WSFRAME_ERROR_CLOSED);

    /* A server: a message, then the whole closing handshake from the client. */
    uint8_t bytes[] = {0x81, 0x80, 0, 0, 0, 0, 0x88, 0x85, 0, 0, 0, 0, 0x03, 0xe9, 'b', 'y', 'e'};
    EXPECT(wsframe_connection_init(&connection, WSFRAME_SERVER, NULL, NULL, NULL, NULL, NULL) == WSFRAME_OK);
    EXPECT(wsframe_connection_frame_len(&connection, 126, &written) == WSFRAME_OK && written == 130);
    input = bytes;
    len = sizeof bytes;
    EXPECT(wsframe_connection_decode(&connection, &input, &len, &event) == WSFRAME_HAS_EVENT && event.kind == WSFRAME_TEXT);
    EXPECT(event.payload && !event.payload_len);
    EXPECT(wsframe_connection_encode(&connection, &hello, out, sizeof out, &written) == WSFRAME_OK && written == 7);
    EXPECT(wsframe_connection_encode_header(&connection, &hello, &header) == WSFRAME_OK && header.len == 2);
    EXPECT(wsframe_connection_decode(&connection, &input, &len, &event) == WSFRAME_HAS_EVENT);
    EXPECT(event.type == WSFRAME_EVENT_CLOSE && event.close_code == 1001 && !memcmp(event.payload, "bye", 3));
    EXPECT(wsframe_connection_encode(&connection, &hello, out, sizeof out, &written) == WSFRAME_ERROR_CLOSED);
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, &written) == WSFRAME_OK && written == 4);
    EXPECT(!memcmp(out, "\x88\x02\x03\xe9", 4));
    EXPECT(wsframe_connection_transport(&connection, &transport) == WSFRAME_OK && transport == WSFRAME_TRANSPORT_FINISH);
    EXPECT(wsframe_connection_end(&connection) == WSFRAME_OK);
    EXPECT(wsframe_connection_outcome(&connection, &outcome) == WSFRAME_OK);
    EXPECT(outcome.cause == WSFRAME_CAUSE_CLOSED_BY_PEER && outcome.clean && !outcome.unfinished);
    EXPECT(outcome.code == 1001 && outcome.sent == 1001 && outcome.received == 1001);
    EXPECT(outcome.reason_len == 3 && !memcmp(outcome.reason, "bye", 3));

    EXPECT(outcome.reason >= (char *)&connection && outcome.reason < (char *)(&connection + 1));

    /* A Close that waits in the output: the transport has its time from when it was written. */
    uint8_t empty_close[] = {0x88, 0x80, 0, 0, 0, 0};
    EXPECT(wsframe_connection_init(&connection, WSFRAME_SERVER, NULL, NULL, NULL, NULL, NULL) == WSFRAME_OK);
    EXPECT(wsframe_connection_at(&connection, 1000000) == WSFRAME_OK);
    input = empty_close;
    len = sizeof empty_close;
    EXPECT(wsframe_connection_decode(&connection, &input, &len, &event) == WSFRAME_HAS_EVENT);
    EXPECT(event.type == WSFRAME_EVENT_CLOSE && !event.close_code && !event.payload_len && event.payload > (uint8_t *)64);
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, &written) == WSFRAME_OK && written == 2);
    EXPECT(wsframe_connection_deadline(&connection, &time) == WSFRAME_OK && time == 3000000);
    EXPECT(wsframe_connection_wrote_close(&connection, 2500000) == WSFRAME_OK);
    EXPECT(wsframe_connection_deadline(&connection, &time) == WSFRAME_OK && time == 4500000);
    EXPECT(wsframe_connection_at(&connection, 4400000) == WSFRAME_OK);
    EXPECT(wsframe_connection_transport(&connection, &transport) == WSFRAME_OK && transport == WSFRAME_TRANSPORT_FINISH);
    EXPECT(wsframe_connection_at(&connection, 4500000) == WSFRAME_OK);
    EXPECT(wsframe_connection_transport(&connection, &transport) == WSFRAME_OK && transport == WSFRAME_TRANSPORT_DROP);

    /* The application gives up. */
    EXPECT(wsframe_connection_init(&connection, WSFRAME_SERVER, NULL, NULL, NULL, NULL, NULL) == WSFRAME_OK);
    EXPECT(wsframe_connection_fail(&connection, 1006, "why") == WSFRAME_ERROR_CLOSE_CODE);
    EXPECT(wsframe_connection_fail(&connection, 1011, "\xff") == WSFRAME_ERROR_UTF8);
    EXPECT(wsframe_connection_has_control(&connection, &flag) == WSFRAME_OK && !flag);
    EXPECT(wsframe_connection_fail(&connection, 1011, NULL) == WSFRAME_OK);
    EXPECT(wsframe_connection_control(&connection, out, sizeof out, &written) == WSFRAME_OK && written == 4);
    EXPECT(!memcmp(out, "\x88\x02\x03\xf3", 4));
    EXPECT(wsframe_connection_state(&connection, &state) == WSFRAME_OK && state == WSFRAME_STATE_FAILED);
}

static void pieces(void)
{
    wsframe_utf8 utf8;
    size_t index = 9;
    uint8_t flag;
    uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t payload[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    char accept[WSFRAME_ACCEPT_SIZE];
    wsframe_close_code_info code;
    wsframe_rule_info rule;

    EXPECT(wsframe_utf8_size() == sizeof utf8);
    memset(&utf8, 0, sizeof utf8);
    EXPECT(wsframe_utf8_init(NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_utf8_update(NULL, payload, 1, &index) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_utf8_update(&utf8, payload, 1, &index) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_utf8_is_complete(NULL, &flag) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_utf8_is_complete(&utf8, &flag) == WSFRAME_ERROR_UNINITIALIZED);
    EXPECT(wsframe_utf8_init(&utf8) == WSFRAME_OK);
    EXPECT(wsframe_utf8_update(&utf8, NULL, 1, &index) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_utf8_is_complete(&utf8, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_utf8_update(&utf8, NULL, 0, NULL) == WSFRAME_OK);
    EXPECT(wsframe_utf8_is_complete(&utf8, &flag) == WSFRAME_OK && flag);
    EXPECT(wsframe_utf8_update(&utf8, (const uint8_t *)"na\xc3", 3, &index) == WSFRAME_OK && index == 9);
    EXPECT(wsframe_utf8_is_complete(&utf8, &flag) == WSFRAME_OK && !flag);
    EXPECT(wsframe_utf8_update(&utf8, (const uint8_t *)"\xafve", 3, &index) == WSFRAME_OK);
    EXPECT(wsframe_utf8_is_complete(&utf8, &flag) == WSFRAME_OK && flag);
    EXPECT(wsframe_utf8_update(&utf8, (const uint8_t *)"abc\xed\xa0\x80", 6, &index) == WSFRAME_ERROR_UTF8 && index == 4);
    EXPECT(wsframe_utf8_update(&utf8, (const uint8_t *)"a", 1, NULL) == WSFRAME_ERROR_UTF8);

    EXPECT(wsframe_mask(NULL, payload, 3) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_mask(key, NULL, 3) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_mask(key, key, 3) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_mask(key, key + 1, 0) == WSFRAME_OK);
    EXPECT(wsframe_mask(key, NULL, 0) == WSFRAME_OK && key[0] == 0x37);
    EXPECT(wsframe_mask(key, payload, 3) == WSFRAME_OK && wsframe_mask(key, payload + 3, 2) == WSFRAME_OK);
    EXPECT(!memcmp(payload, "Hello", 5));

    /* RFC 6455 section 1.3. */
    EXPECT(wsframe_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, accept) == WSFRAME_OK);
    EXPECT(!strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    EXPECT(wsframe_accept_key(NULL, 24, accept) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_accept_key(NULL, 0, accept) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, NULL) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 23, accept) == WSFRAME_ERROR_ARGUMENT);

    EXPECT(wsframe_describe_close_code(1009, NULL) == WSFRAME_ERROR_ARGUMENT);
    size_t known = 0;
    for (unsigned number = 0; number <= UINT16_MAX; number++) {
        const int is_code = (number >= 1000 && number <= 1015) || (number >= 3000 && number <= 4999);
        const wsframe_status status = wsframe_describe_close_code((uint16_t)number, &code);
        EXPECT(status == (is_code ? WSFRAME_OK : WSFRAME_ERROR_CLOSE_CODE));
        if (!is_code)
            continue;
        known++;
        EXPECT(code.code == number && *code.name && *code.meaning && *code.cause && *code.client_remedy);
        EXPECT(*code.server_remedy && *code.reconnect_advice && code.sent_by <= 3 && code.reconnect <= 3);
        EXPECT(code.on_wire == !(number == 1004 || number == 1005 || number == 1006 || number == 1015));
    }
    EXPECT(known == 2016);
    EXPECT(wsframe_describe_close_code(1009, &code) == WSFRAME_OK && !strcmp(code.name, "Message Too Big"));
    EXPECT(wsframe_describe_close_code(3999, &code) == WSFRAME_OK && !strcmp(code.name, "Registered Code"));
    EXPECT(wsframe_describe_close_code(4000, &code) == WSFRAME_OK && !strcmp(code.name, "Private Code"));

    EXPECT(wsframe_describe_rule(WSFRAME_RULE_NONE, &rule) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_describe_rule(20, &rule) == WSFRAME_ERROR_ARGUMENT);
    EXPECT(wsframe_describe_rule(WSFRAME_RULE_TEXT_NOT_UTF8, NULL) == WSFRAME_ERROR_ARGUMENT);
    for (wsframe_rule number = 1; number <= WSFRAME_RULE_TEXT_NOT_UTF8; number++) {
        EXPECT(wsframe_describe_rule(number, &rule) == WSFRAME_OK && rule.rule == number && *rule.name && *rule.example);
        EXPECT(strlen(rule.reason) > 4 && strlen(rule.reason) <= 123 && *rule.section && *rule.deciding_byte);
    }
    EXPECT(!strcmp(rule.name, "TextNotUtf8") && rule.close_code == 1007);
    EXPECT(wsframe_describe_rule(WSFRAME_RULE_RESERVED_BITS, &rule) == WSFRAME_OK && !strcmp(rule.name, "ReservedBits"));

    for (wsframe_status status = -12; status <= 2; status++)
        EXPECT(*wsframe_status_text(status));
    EXPECT(wsframe_abi_version() == WSFRAME_ABI_VERSION);
}

int main(void)
{
    decoders();
    encoders();
    connections();
    pieces();
    puts("all calls right");
    return 0;
}
