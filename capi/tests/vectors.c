/*
 * Decodes vectors (the files of tests/vectors in JSON) with wsframe_decode(): each stream whole, byte by byte and in pieces
 * of 7, each piece in memory of its own size, so that a checker of memory sees every byte too many.
 *
 *   vectors FILE.json...
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsframe.h>

/* Text that grows. */
struct text {
    char *bytes;
    size_t len, room;
};

static void append(struct text *text, const void *bytes, size_t len)
{
    if (text->len + len + 1 > text->room) {
        text->room = 2 * (text->len + len + 1);
        text->bytes = realloc(text->bytes, text->room);
        if (!text->bytes)
            abort();
    }
    if (len)
        memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void append_text(struct text *text, const char *more)
{
    append(text, more, strlen(more));
}

static void append_number(struct text *text, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, " %" PRIu64, number);
    append_text(text, digits);
}

static void append_hex(struct text *text, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", bytes[i]);
        append_text(text, digits);
    }
}

static const char *string(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static uint64_t number(const cJSON *object, const char *name, uint64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? (uint64_t)item->valuedouble : otherwise;
}

/* What the vector says comes out, one line for each event, and the state. */
static void expected(const cJSON *vector, struct text *out)
{
    const cJSON *event;
    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(vector, "events"))
    {
        const char *what = string(event, "event");
        append_text(out, what);
        append_number(out, number(event, "offset", 0));
        append_text(out, " ");
        if (!strcmp(what, "message")) {
            append_text(out, string(event, "kind"));
            append_number(out, number(event, "length", 0));
            append_number(out, number(event, "fragments", 0));
            append_text(out, " ");
            append_text(out, string(event, "payload_hex"));
        } else if (!strcmp(what, "close")) {
            append_number(out, number(event, "code", 0));
            append_text(out, string(event, "reason"));
        } else if (!strcmp(what, "violation")) {
            append_number(out, number(event, "close_code", 0));
            append_text(out, string(event, "rule"));
        } else {
            append_text(out, string(event, "payload_hex"));
        }
        append_text(out, "\n");
    }
    append_text(out, string(vector, "state"));
}

/* A message under way. */
struct message {
    uint64_t offset;
    size_t len;
    struct text hex;
};

static void on_event(const wsframe_event *event, struct message *message, struct text *out)
{
    if (event->type == WSFRAME_EVENT_CHUNK) {
        if (event->flags & WSFRAME_STARTS_MESSAGE) {
            message->offset = event->offset;
            message->len = 0;
            message->hex.len = 0;
        }
        append_hex(&message->hex, event->payload, event->payload_len);
        message->len += event->payload_len;
        if (!(event->flags & WSFRAME_ENDS_MESSAGE))
            return;
        append_text(out, "message");
        append_number(out, message->offset);
        append_text(out, event->kind == WSFRAME_TEXT ? " text" : " binary");
        append_number(out, message->len);
        append_number(out, event->fragments);
        append_text(out, " ");
        append(out, message->hex.bytes, message->hex.len);
    } else {
        append_text(out, event->type == WSFRAME_EVENT_CLOSE  ? "close"
                         : event->type == WSFRAME_EVENT_PING ? "ping"
                                                             : "pong");
        append_number(out, event->offset);
        append_text(out, " ");
        if (event->type == WSFRAME_EVENT_CLOSE) {
            append_number(out, event->close_code);
            append(out, event->payload, event->payload_len);
        } else {
            append_hex(out, event->payload, event->payload_len);
        }
    }
    append_text(out, "\n");
}

/* What the decoder makes of the stream in pieces of `step` bytes. */
static void decode(const cJSON *vector, const uint8_t *stream, size_t len, size_t step, struct text *out)
{
    static const char *const states[] = {"idle", "in_message", "in_frame", "closed", "failed"};
    const wsframe_role role = strcmp(string(vector, "role"), "server") ? WSFRAME_CLIENT : WSFRAME_SERVER;
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(vector, "config");
    wsframe_config config;
    wsframe_decoder decoder;
    struct message message = {0};
    if (wsframe_config_preset(&config, role))
        abort();
    config.max_frame_len = number(limits, "max_frame", config.max_frame_len);
    config.max_message_len = number(limits, "max_message", config.max_message_len);
    config.max_fragments = (uint32_t)number(limits, "max_fragments", config.max_fragments);
    if (wsframe_decoder_init(&decoder, role, &config))
        abort();
    wsframe_status status = WSFRAME_OK;
    for (size_t at = 0; at < len && status == WSFRAME_OK; at += step) {
        const size_t piece_len = len - at < step ? len - at : step;
        uint8_t *piece = malloc(piece_len), *input = piece;
        size_t left = piece_len;
        wsframe_event event;
        if (!piece)
            abort();
        memcpy(piece, stream + at, piece_len);
        while ((status = wsframe_decode(&decoder, &input, &left, &event)) == WSFRAME_HAS_EVENT)
            on_event(&event, &message, out);
        if (left || input != piece + piece_len || event.type != WSFRAME_EVENT_NONE)
            append_text(out, "input was left, or an event told\n");
        free(piece);
    }
    if (status == WSFRAME_ERROR_VIOLATION) {
        wsframe_error error;
        wsframe_rule_info info;
        if (wsframe_decoder_error(&decoder, &error) || wsframe_describe_rule(error.rule, &info))
            abort();
        append_text(out, "violation");
        append_number(out, error.offset);
        append_text(out, " ");
        append_number(out, error.close_code);
        append_text(out, info.name);
        append_text(out, "\n");
        if (strcmp(error.reason, info.reason) || strcmp(error.section, info.section) ||
            error.close_code != info.close_code || !*info.meaning || !*info.remedy)
            append_text(out, "the error and its rule differ\n");
        /* It says the same again. */
        uint8_t byte = 0, *input = &byte;
        size_t left = 1;
        wsframe_event event;
        if (wsframe_decode(&decoder, &input, &left, &event) != WSFRAME_ERROR_VIOLATION || left)
            append_text(out, "the violation was forgotten\n");
    } else if (status != WSFRAME_OK) {
        append_text(out, wsframe_status_text(status));
    }
    wsframe_state state;
    if (wsframe_decoder_state(&decoder, &state))
        abort();
    append_text(out, states[state]);
    free(message.hex.bytes);
}

/* The number of vectors in a file; exits if one is not decoded as it must be. */
static size_t check_file(const char *path)
{
    struct text json = {0};
    char block[4096];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        append(&json, block, len);
    fclose(file);
    cJSON *vectors = cJSON_ParseWithLength(json.bytes, json.len);
    if (!cJSON_IsArray(vectors)) {
        fprintf(stderr, "%s: not an array in JSON\n", path);
        exit(2);
    }
    size_t count = 0;
    const cJSON *vector;
    cJSON_ArrayForEach(vector, vectors)
    {
        const char *hex = string(vector, "stream");
        const size_t len = strlen(hex) / 2;
        uint8_t *stream = malloc(len + 1);
        struct text want = {0};
        if (!stream)
            abort();
        for (size_t i = 0; i < len; i++) {
            unsigned byte = 0;
            sscanf(hex + 2 * i, "%2x", &byte);
            stream[i] = (uint8_t)byte;
        }
        expected(vector, &want);
        const size_t steps[] = {len ? len : 1, 1, 7};
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            struct text got = {0};
            decode(vector, stream, len, steps[i], &got);
            if (strcmp(want.bytes, got.bytes)) {
                fprintf(stderr, "%s: %s, in pieces of %zu:\n%s\ninstead of:\n%s\n", path, string(vector, "name"),
                        steps[i], got.bytes, want.bytes);
                exit(1);
            }
            free(got.bytes);
        }
        free(want.bytes);
        free(stream);
        count++;
    }
    cJSON_Delete(vectors);
    free(json.bytes);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: vectors FILE.json...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++)
        count += check_file(argv[i]);
    printf("%zu streams, each whole, byte by byte and in pieces of 7\n", count);
    return 0;
}
