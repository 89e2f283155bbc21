/* Frames that real clients and Apache Kafka 4.3.1 exchanged (tests/golden) decode with our tables to the last byte
 * and, encoded again, are the same bytes: an oracle that does not share our reading of the protocol. What these clients
 * fetch and produce is what the codecs written by hand call usual. */
#include "core/wire/api.h"
#include "core/wire/fetch_codec.h"
#include "core/wire/messages.h"
#include "core/wire/produce_codec.h"

#include "tests/support/test.h"

#include <stdio.h>

enum { LINE_MAX = 8192 };

struct frame {
    bool is_response;
    int16_t api_key, version;
    uint8_t bytes[LINE_MAX / 2];
    size_t length;
};

static bool parse_line(const char *line, struct frame *frame)
{
    char direction[16];
    int key, version, at;
    if (line[0] == '#' || sscanf(line, "%15s %d %d %n", direction, &key, &version, &at) != 3)
        return false;
    *frame = (struct frame){
        .is_response = strcmp(direction, "response") == 0, .api_key = (int16_t)key, .version = (int16_t)version};
    for (unsigned byte; sscanf(line + at, "%2x", &byte) == 1; at += 2)
        frame->bytes[frame->length++] = (uint8_t)byte;
    return true;
}

/* Writes the frame's header anew; how long the frame's own one is. */
static size_t encode_header(const struct frame *frame, const struct wire_api *api, struct wire_writer *out)
{
    struct slice bytes = slice_of(frame->bytes, frame->length);
    size_t consumed = 0;
    if (frame->is_response) {
        bool tagged = api->key != API_VERSIONS && frame->version >= api->response->flexible_from;
        wire_put_response_header(out, api->key, frame->version, get_i32(frame->bytes));
        return tagged ? 5 : 4;
    }
    struct wire_request_header header;
    assert_int_equal(wire_decode_header(bytes, &header, &consumed), ERR_OK);
    assert_int_equal(header.api_key, frame->api_key);
    assert_int_equal(header.version, frame->version);
    wire_put_request_header(out, &header);
    return consumed;
}

static bool is_usual(const struct frame *frame, struct slice body, struct arena *arena)
{
    struct fetch_request fetch;
    struct produce_request produce;
    size_t consumed = body.length;
    bool usual = true;
    if (!frame->is_response && frame->api_key == API_FETCH)
        usual = fetch_codec_decode(frame->version, body, arena, &fetch, &consumed);
    else if (!frame->is_response && frame->api_key == API_PRODUCE)
        usual = produce_codec_decode(frame->version, body, arena, &produce, &consumed);
    return usual && consumed == body.length;
}

static void same_again(const char *file, int number, const struct frame *frame, const struct wire_api *api)
{
    struct mem *mem = test_mem();
    struct arena arena;
    struct wire_writer out;
    size_t consumed;
    arena_init(&arena, mem, 1 << 20);
    wire_writer_init(&out, mem);
    const struct wire_schema *schema = frame->is_response ? api->response : api->request;
    size_t header = encode_header(frame, api, &out);
    void *message = arena_alloc(&arena, schema->root->size);
    struct slice body = slice_of(frame->bytes + header, frame->length - header);
    if (wire_decode(schema, frame->version, body, &arena, message, &consumed) != ERR_OK || consumed != body.length)
        fail_msg("%s:%d: %s %d does not decode", file, number, schema->name, frame->version);
    if (!is_usual(frame, body, &arena))
        fail_msg("%s:%d: %s %d is left to the table", file, number, schema->name, frame->version);
    assert_int_equal(wire_encode(schema, frame->version, message, &out), ERR_OK);
    if (out.length != frame->length || memcmp(out.data, frame->bytes, out.length) != 0)
        fail_msg("%s:%d: %s %d is other bytes when encoded again", file, number, schema->name, frame->version);
    wire_writer_fini(&out);
    arena_fini(&arena);
    assert_int_equal(mem->used, 0);
}

/* The frames of APIs that have a table. */
static int check_file(const char *path, int *others)
{
    static char line[LINE_MAX];
    static struct frame frame;
    FILE *file = fopen(path, "r");
    int number = 0, compared = 0;
    if (file == NULL)
        fail_msg("%s is missing", path);
    while (fgets(line, sizeof line, file) != NULL) {
        number++;
        if (!parse_line(line, &frame))
            continue;
        const struct wire_api *api = wire_api_find(frame.api_key);
        if (api == NULL) {
            *others += 1;
            continue;
        }
        same_again(path, number, &frame, api);
        compared++;
    }
    fclose(file);
    return compared;
}

static void frames_of_real_clients_and_of_kafka_are_the_same_bytes_again(void **state)
{
    int others = 0;
    assert_true(check_file("tests/golden/java.hex", &others) >= 90);
    assert_true(check_file("tests/golden/librdkafka.hex", &others) >= 30);
    assert_true(check_file("tests/golden/franz-go.hex", &others) >= 10);
    assert_true(check_file("tests/golden/kafka-python.hex", &others) >= 10);
    assert_true(check_file("tests/golden/kafkajs.hex", &others) >= 6);
    assert_true(others <= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_real_clients_and_of_kafka_are_the_same_bytes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
