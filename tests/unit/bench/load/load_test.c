/* `ringmain bench` against a broker that lies. A load generator that believes whatever it is told measures nothing, so
 * each kind of lie has to end the run with a sentence that names it. The broker is a process of this test with one
 * partition: it keeps the offsets it gave out, answers from the tables of core/wire, and lies about one thing once the
 * run is on its way. The honest one comes first: every workload passes against it. */
#include "core/wire/api.h"
#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "io/reactor/mem_real.h"
#include "tests/support/test.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_command(int argc, char **argv); /* bench/load/command.c */

enum { CONNS_MAX = 16, FRAME_MAX = 1 << 20, BATCH_RECORDS = 10, READ_BATCHES = 4, STORED = 1000, HONEST_ANSWERS = 20 };

enum lie {
    LIE_NONE,
    LIE_PRODUCE_ERROR,     /* an error code in the partition */
    LIE_PRODUCE_PARTITION, /* an answer for another partition */
    LIE_OFFSET_TWICE,      /* a base offset below one that was given out */
    LIE_RECORDS_LOST,      /* acknowledged, and not there at the end */
    LIE_RECORDS_TWICE,     /* one acknowledged, two there */
    LIE_PRODUCE_GARBAGE,   /* bytes that are no answer */
    LIE_CORRELATION,       /* the id of another request */
    LIE_UNASKED,           /* one answer more than requests */
    LIE_HUGE,              /* a size that no answer can have */
    LIE_HANG_UP,           /* the connection ends */
    LIE_FETCH_ERROR,       /* an error code at the top */
    LIE_FETCH_PARTITION_ERROR,
    LIE_FETCH_PARTITION,
    LIE_FETCH_CRC,     /* one bit of a record */
    LIE_FETCH_HEADER,  /* a batch that is none */
    LIE_FETCH_GAP,     /* a batch is left out */
    LIE_FETCH_AGAIN,   /* batches that were read before */
    LIE_FETCH_CUT,     /* no whole batch */
    LIE_FETCH_NOTHING, /* empty answers where records are */
    LIE_PING_ERROR,
};

struct conn {
    int fd;
    uint8_t *in;
    size_t length;
};

struct broker {
    enum lie lie;
    int listener;
    uint16_t port;
    struct conn conns[CONNS_MAX];
    int conn_count;
    struct mem *mem;
    struct arena arena;
    struct wire_writer out;
    int64_t end_offset;
    int answers; /* to produce, fetch or ping */
    uint8_t bytes[READ_BATCHES][4096];
};

static bool lies(const struct broker *broker, enum lie lie)
{
    return broker->lie == lie && broker->answers > HONEST_ANSWERS;
}

/* ---- what the broker answers ---------------------------------------------------------------------------------------
 */

static void encode(struct broker *broker, const struct wire_schema *schema, int16_t version, const void *response)
{
    if (wire_encode(schema, version, response, &broker->out) != ERR_OK)
        _exit(99);
}

static void answer_versions(struct broker *broker, int16_t version)
{
    static const int16_t keys[][3] = {{API_PRODUCE, 3, 12},     {API_FETCH, 4, 12},   {API_LIST_OFFSETS, 1, 5},
                                      {API_METADATA, 1, 8},     {API_VERSIONS, 0, 3}, {API_CREATE_TOPICS, 2, 4},
                                      {API_DELETE_TOPICS, 1, 3}};
    struct api_versions_response_api_version ranges[COUNT_OF(keys)];
    struct api_versions_response response;
    WIRE_DEFAULTS(api_versions_response_schema, &response);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        wire_set_defaults(&api_versions_response_api_version_struct, &ranges[i]);
        ranges[i].api_key = keys[i][0];
        ranges[i].min_version = keys[i][1];
        ranges[i].max_version = keys[i][2];
    }
    response.api_keys.items = ranges;
    response.api_keys.count = COUNT_OF(keys);
    response.error_code = lies(broker, LIE_PING_ERROR) ? KAFKA_ERROR_UNSUPPORTED_VERSION : KAFKA_ERROR_NONE;
    encode(broker, &api_versions_response_schema, version, &response);
}

static void answer_metadata(struct broker *broker, int16_t version)
{
    struct metadata_response response;
    struct metadata_response_metadata_response_broker node;
    struct metadata_response_metadata_response_topic topic;
    struct metadata_response_metadata_response_partition partition;
    WIRE_DEFAULTS(metadata_response_schema, &response);
    wire_set_defaults(&metadata_response_metadata_response_broker_struct, &node);
    wire_set_defaults(&metadata_response_metadata_response_topic_struct, &topic);
    wire_set_defaults(&metadata_response_metadata_response_partition_struct, &partition);
    node.node_id = partition.leader_id = response.controller_id = 1;
    node.host = SLICE_LITERAL("127.0.0.1");
    node.port = broker->port;
    topic.name = SLICE_LITERAL("t");
    topic.partitions.items = &partition;
    response.brokers.items = &node;
    response.topics.items = &topic;
    topic.partitions.count = response.brokers.count = response.topics.count = 1;
    encode(broker, &metadata_response_schema, version, &response);
}

static void answer_create(struct broker *broker, int16_t version)
{
    struct create_topics_response response;
    struct create_topics_response_creatable_topic_result topic;
    WIRE_DEFAULTS(create_topics_response_schema, &response);
    wire_set_defaults(&create_topics_response_creatable_topic_result_struct, &topic);
    topic.name = SLICE_LITERAL("t");
    response.topics.items = &topic;
    response.topics.count = 1;
    encode(broker, &create_topics_response_schema, version, &response);
}

static void answer_ends(struct broker *broker, int16_t version)
{
    struct list_offsets_response response;
    struct list_offsets_response_list_offsets_topic_response topic;
    struct list_offsets_response_list_offsets_partition_response partition;
    WIRE_DEFAULTS(list_offsets_response_schema, &response);
    wire_set_defaults(&list_offsets_response_list_offsets_topic_response_struct, &topic);
    wire_set_defaults(&list_offsets_response_list_offsets_partition_response_struct, &partition);
    partition.offset = broker->end_offset;
    if (lies(broker, LIE_RECORDS_LOST))
        partition.offset -= BATCH_RECORDS;
    if (lies(broker, LIE_RECORDS_TWICE))
        partition.offset += BATCH_RECORDS;
    topic.name = SLICE_LITERAL("t");
    topic.partitions.items = &partition;
    response.topics.items = &topic;
    topic.partitions.count = response.topics.count = 1;
    encode(broker, &list_offsets_response_schema, version, &response);
}

static void answer_produce(struct broker *broker, int16_t version, const struct produce_request *request)
{
    struct produce_response response;
    struct produce_response_topic_produce_response topic;
    struct produce_response_partition_produce_response partition;
    struct batch_header header;
    WIRE_DEFAULTS(produce_response_schema, &response);
    wire_set_defaults(&produce_response_topic_produce_response_struct, &topic);
    wire_set_defaults(&produce_response_partition_produce_response_struct, &partition);
    struct slice records = request->topic_data.items[0].partition_data.items[0].records.data;
    if (batch_read_header(records.data, records.length, &header) != ERR_OK || !batch_crc_matches(records.data, &header))
        _exit(98);
    partition.base_offset = broker->end_offset;
    broker->end_offset += header.last_offset_delta + 1;
    if (lies(broker, LIE_OFFSET_TWICE))
        partition.base_offset = 0;
    if (lies(broker, LIE_PRODUCE_ERROR))
        partition.error_code = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    partition.index = lies(broker, LIE_PRODUCE_PARTITION);
    topic.name = SLICE_LITERAL("t");
    topic.partition_responses.items = &partition;
    response.responses.items = &topic;
    topic.partition_responses.count = response.responses.count = 1;
    encode(broker, &produce_response_schema, version, &response);
}

/* READ_BATCHES batches from `offset` on, as they would lie in a segment; the lie of the run in one of them. */
static struct slice stored(struct broker *broker, int64_t offset)
{
    static const uint8_t value[100];
    uint8_t *all = broker->bytes[0];
    size_t length = 0;
    if (lies(broker, LIE_FETCH_AGAIN) && offset > 0)
        offset -= BATCH_RECORDS;
    for (int i = 0; i < READ_BATCHES; i++) {
        struct batch_builder builder;
        batch_builder_init(&builder, all + length, sizeof(broker->bytes) - length);
        for (int record = 0; record < BATCH_RECORDS; record++)
            if (!batch_builder_add(&builder, 1, SLICE_NULL, slice_of(value, sizeof(value)), SLICE_NULL, 0))
                _exit(97);
        struct slice batch = batch_builder_finish(&builder, NULL);
        bool skips = i == 2 && lies(broker, LIE_FETCH_GAP);
        batch_set_offset(all + length, offset + (i + skips) * BATCH_RECORDS, 0);
        length += batch.length;
    }
    if (lies(broker, LIE_FETCH_CRC))
        all[length - 10] ^= 4;
    if (lies(broker, LIE_FETCH_HEADER))
        put_i32(all + 8, 3);
    return slice_of(all, lies(broker, LIE_FETCH_CUT) ? 100 : length);
}

static void answer_fetch(struct broker *broker, int16_t version, const struct fetch_request *request)
{
    struct fetch_response response;
    struct fetch_response_fetchable_topic_response topic;
    struct fetch_response_partition_data partition;
    WIRE_DEFAULTS(fetch_response_schema, &response);
    wire_set_defaults(&fetch_response_fetchable_topic_response_struct, &topic);
    wire_set_defaults(&fetch_response_partition_data_struct, &partition);
    int64_t offset = request->topics.items[0].partitions.items[0].fetch_offset;
    partition.high_watermark = STORED;
    if (offset < STORED && broker->lie != LIE_FETCH_NOTHING)
        partition.records.data = stored(broker, offset);
    if (lies(broker, LIE_FETCH_ERROR))
        response.error_code = KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    if (lies(broker, LIE_FETCH_PARTITION_ERROR))
        partition.error_code = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    partition.partition_index = lies(broker, LIE_FETCH_PARTITION);
    topic.topic = SLICE_LITERAL("t");
    topic.partitions.items = &partition;
    response.responses.items = &topic;
    topic.partitions.count = response.responses.count = 1;
    encode(broker, &fetch_response_schema, version, &response);
}

/* ---- the broker ----------------------------------------------------------------------------------------------------
 */

static void answer_body(struct broker *broker, const struct wire_request_header *header, struct slice body)
{
    union {
        struct produce_request produce;
        struct fetch_request fetch;
        struct metadata_request metadata;
        struct create_topics_request create;
        struct list_offsets_request ends;
        struct api_versions_request versions;
    } request;
    size_t consumed;
    const struct wire_api *api = wire_api_find(header->api_key);
    if (wire_decode(api->request, header->version, body, &broker->arena, &request, &consumed) != ERR_OK)
        _exit(96);
    if (header->api_key == API_PRODUCE)
        answer_produce(broker, header->version, &request.produce);
    else if (header->api_key == API_FETCH)
        answer_fetch(broker, header->version, &request.fetch);
    else if (header->api_key == API_METADATA)
        answer_metadata(broker, header->version);
    else if (header->api_key == API_CREATE_TOPICS)
        answer_create(broker, header->version);
    else if (header->api_key == API_LIST_OFFSETS)
        answer_ends(broker, header->version);
    else
        answer_versions(broker, header->version);
}

static void send_all(struct broker *broker, const struct conn *conn)
{
    size_t sent = 0;
    put_i32(broker->out.data, lies(broker, LIE_HUGE) ? 1 << 30 : (int32_t)(broker->out.length - 4));
    while (sent < broker->out.length) {
        ssize_t n = send(conn->fd, broker->out.data + sent, broker->out.length - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        sent += (size_t)n;
    }
}

static void answer(struct broker *broker, const struct conn *conn, struct slice frame)
{
    struct wire_request_header header;
    size_t consumed;
    if (wire_decode_header(frame, &header, &consumed) != ERR_OK)
        _exit(95);
    broker->answers += header.api_key == API_PRODUCE || header.api_key == API_FETCH || header.api_key == API_VERSIONS;
    wire_writer_init(&broker->out, broker->mem);
    wire_put_i32(&broker->out, 0);
    bool counted = header.api_key == API_PRODUCE;
    wire_put_response_header(&broker->out, header.api_key, header.version,
                             header.correlation_id + (counted && lies(broker, LIE_CORRELATION)));
    if (counted && lies(broker, LIE_PRODUCE_GARBAGE))
        wire_put(&broker->out, "garbage", 7);
    else
        answer_body(broker, &header, slice_of(frame.data + consumed, frame.length - consumed));
    if (lies(broker, LIE_HANG_UP))
        shutdown(conn->fd, SHUT_RDWR);
    else
        send_all(broker, conn);
    if (counted && lies(broker, LIE_UNASKED))
        send_all(broker, conn);
    wire_writer_fini(&broker->out);
    arena_reset(&broker->arena);
}

static void serve(struct broker *broker, struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->in + conn->length, FRAME_MAX - conn->length, 0);
    if (n <= 0) { /* stays in the list, never readable again */
        close(conn->fd);
        conn->fd = -1;
        return;
    }
    conn->length += (size_t)n;
    size_t at = 0;
    while (conn->length - at >= 4 && conn->length - at >= 4 + get_u32(conn->in + at)) {
        size_t size = get_u32(conn->in + at);
        answer(broker, conn, slice_of(conn->in + at + 4, size));
        at += 4 + size;
    }
    memmove(conn->in, conn->in + at, conn->length - at);
    conn->length -= at;
}

static _Noreturn void run_broker(struct broker *broker)
{
    broker->mem = mem_real_open((size_t)256 << 20);
    arena_init(&broker->arena, broker->mem, (size_t)64 << 20);
    for (;;) {
        struct pollfd polled[CONNS_MAX + 1];
        for (int i = 0; i < broker->conn_count; i++)
            polled[i] = (struct pollfd){.fd = broker->conns[i].fd, .events = POLLIN};
        int count = broker->conn_count;
        polled[count] = (struct pollfd){.fd = broker->listener, .events = POLLIN};
        if (poll(polled, (nfds_t)count + 1, -1) < 0)
            _exit(94);
        for (int i = 0; i < count; i++)
            if (polled[i].revents != 0)
                serve(broker, &broker->conns[i]);
        if (polled[count].revents != 0 && count < CONNS_MAX)
            broker->conns[broker->conn_count++] =
                (struct conn){.fd = accept(broker->listener, NULL, NULL), .in = calloc(1, FRAME_MAX)};
    }
}

/* ---- a run against it ----------------------------------------------------------------------------------------------
 */

struct outcome {
    int code;
    char text[8192];
};

static pid_t start_broker(struct broker *broker, enum lie lie)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(name);
    memset(broker, 0, sizeof(*broker));
    broker->lie = lie;
    broker->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(broker->listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(broker->listener, CONNS_MAX), 0);
    assert_int_equal(getsockname(broker->listener, (struct sockaddr *)&name, &length), 0);
    broker->port = ntohs(name.sin_port);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run_broker(broker);
    close(broker->listener);
    return pid;
}

static _Noreturn void run_bench(uint16_t port, const char *workload, const char *seconds, int output)
{
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    const char *arguments[] = {"bench",         workload, "--topic",     "t", "--records",   "10",
                               "--seconds",     seconds,  "--warm-up",   "0", "--timeout",   "3000",
                               "--connections", "2",      "--in-flight", "2", "--bootstrap", address};
    alarm(20); /* a broker that is believed forever ends here */
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    int code = bench_command(COUNT_OF(arguments), (char **)(uintptr_t)arguments);
    fflush(stdout);
    _exit(code);
}

static struct outcome bench_for(const char *workload, enum lie lie, const char *seconds)
{
    static struct broker broker;
    struct outcome outcome = {0};
    int pipes[2], status;
    size_t length = 0;
    pid_t server = start_broker(&broker, lie);
    assert_int_equal(pipe(pipes), 0);
    pid_t client = fork();
    assert_true(client >= 0);
    if (client == 0)
        run_bench(broker.port, workload, seconds, pipes[1]);
    close(pipes[1]);
    for (ssize_t n; (n = read(pipes[0], outcome.text + length, sizeof(outcome.text) - 1 - length)) > 0;)
        length += (size_t)n;
    close(pipes[0]);
    assert_int_equal(waitpid(client, &status, 0), client);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    kill(server, SIGKILL);
    assert_int_equal(waitpid(server, &status, 0), server);
    return outcome;
}

/* On a busy machine a short run may be over before anything has come: then there is a longer one. */
static struct outcome bench(const char *workload, enum lie lie)
{
    struct outcome outcome = bench_for(workload, lie, "0.3");
    if (lie != LIE_FETCH_NOTHING && strstr(outcome.text, "nothing was") != NULL)
        outcome = bench_for(workload, lie, "5");
    return outcome;
}

static void expect_passes(const char *workload)
{
    struct outcome outcome = bench(workload, LIE_NONE);
    if (outcome.code != 0)
        fail_msg("%s ended with %d: %s", workload, outcome.code, outcome.text);
}

static void expect_caught(const char *workload, enum lie lie, const char *sentence)
{
    struct outcome outcome = bench(workload, lie);
    if (outcome.code != 1 || strstr(outcome.text, sentence) == NULL)
        fail_msg("%s against lie %d ended with %d and not with '%s': %s", workload, lie, outcome.code, sentence,
                 outcome.text);
}

static void an_honest_broker_passes(void **state)
{
    expect_passes("produce");
    expect_passes("fetch");
    expect_passes("ping");
}

static void error_codes_end_the_run(void **state)
{
    expect_caught("produce", LIE_PRODUCE_ERROR, "produce: NOT_LEADER_OR_FOLLOWER");
    expect_caught("fetch", LIE_FETCH_ERROR, "fetch: FETCH_SESSION_ID_NOT_FOUND");
    expect_caught("fetch", LIE_FETCH_PARTITION_ERROR, "fetch: OFFSET_OUT_OF_RANGE");
    expect_caught("ping", LIE_PING_ERROR, "ApiVersions: UNSUPPORTED_VERSION");
}

static void offsets_that_do_not_add_up_end_the_run(void **state)
{
    expect_caught("produce", LIE_OFFSET_TWICE, "offset 0 was given out after");
    expect_caught("produce", LIE_RECORDS_LOST, "records acknowledged");
    expect_caught("produce", LIE_RECORDS_TWICE, "records acknowledged");
}

static void answers_to_another_question_end_the_run(void **state)
{
    expect_caught("produce", LIE_PRODUCE_PARTITION, "for partition 1 instead of 0");
    expect_caught("fetch", LIE_FETCH_PARTITION, "for partition 1 instead of 0");
    expect_caught("produce", LIE_CORRELATION, "wrong correlation id");
    expect_caught("produce", LIE_UNASKED, "answer");
}

static void broken_answers_end_the_run(void **state)
{
    expect_caught("produce", LIE_PRODUCE_GARBAGE, "does not fit its request");
    expect_caught("produce", LIE_HUGE, "where at most");
    expect_caught("produce", LIE_HANG_UP, "closed a connection");
}

static void records_that_are_not_the_next_ones_end_the_run(void **state)
{
    expect_caught("fetch", LIE_FETCH_GAP, "comes next");
    expect_caught("fetch", LIE_FETCH_AGAIN, "comes next");
    expect_caught("fetch", LIE_FETCH_CUT, "hold no whole batch");
    expect_caught("fetch", LIE_FETCH_NOTHING, "nothing was read");
}

static void damaged_records_end_the_run(void **state)
{
    expect_caught("fetch", LIE_FETCH_CRC, "is damaged");
    expect_caught("fetch", LIE_FETCH_HEADER, "is damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_broker_passes),
        cmocka_unit_test(error_codes_end_the_run),
        cmocka_unit_test(offsets_that_do_not_add_up_end_the_run),
        cmocka_unit_test(answers_to_another_question_end_the_run),
        cmocka_unit_test(broken_answers_end_the_run),
        cmocka_unit_test(records_that_are_not_the_next_ones_end_the_run),
        cmocka_unit_test(damaged_records_end_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
