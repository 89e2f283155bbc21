/* Records of __consumer_offsets with any bytes, and clients that send any bytes to what came of them: the group machine
 * stays within its invariants, everybody is answered, and nothing is left behind. */
#include "core/group/group.h"
#include "core/wire/error.h"
#include "tests/fuzz/fuzz.h"

struct feed {
    const uint8_t *data;
    size_t left;
};

static uint8_t take_byte(struct feed *feed)
{
    if (feed->left == 0)
        return 0;
    feed->left--;
    return *feed->data++;
}

static struct slice take_bytes(struct feed *feed)
{
    size_t length = take_byte(feed);
    length = length < feed->left ? length : feed->left;
    struct slice bytes = slice_of(feed->data, length);
    feed->data += length;
    feed->left -= length;
    return bytes;
}

struct asked {
    struct list link;
    struct group_call call;
    struct arena arena;
};

static void answered(struct group_call *call)
{
    struct asked *asked = CONTAINER_OF(call, struct asked, call);
    list_remove(&asked->link);
    arena_fini(&asked->arena);
    free(asked);
}

static struct group_call *ask(struct mem *mem, struct list *open, uint8_t version, uint64_t random)
{
    struct asked *asked = calloc(1, sizeof *asked);
    arena_init(&asked->arena, mem, 1 << 22);
    list_push_back(open, &asked->link);
    asked->call = (struct group_call){.answered = answered,
                                      .arena = &asked->arena,
                                      .version = version,
                                      .client_id = SLICE_LITERAL("c"),
                                      .client_host = SLICE_LITERAL("h"),
                                      .random = {random, 0}};
    return &asked->call;
}

static void drain(struct group_machine *machine, int64_t *offset, bool refuse)
{
    do {
        for (struct list *link; (link = list_pop_front(&machine->answers)) != NULL;) {
            struct group_call *call = CONTAINER_OF(link, struct group_call, link);
            call->answered(call);
        }
        struct list *link = list_pop_front(&machine->appends);
        if (link == NULL)
            break;
        struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
        append->error = refuse ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER : KAFKA_ERROR_NONE;
        append->base_offset = *offset;
        *offset += append->count;
        group_appended(machine, append);
    } while (true);
    group_check(machine);
}

static void replay(struct group_machine *machine, struct feed *feed, int64_t offset)
{
    struct slice key = take_bytes(feed), value = take_bytes(feed);
    struct machine_replay record = {.key = key,
                                    .value = value.length == 0 ? SLICE_NULL : value,
                                    .offset = offset,
                                    .producer_id = take_byte(feed) % 4 - 1};
    enum err err = group_replay(machine, &record);
    MAYBE(err == ERR_OK);
}

static void request(struct group_machine *machine, struct feed *feed, struct mem *mem, struct list *open)
{
    struct arena arena;
    arena_init(&arena, mem, 1 << 22);
    uint8_t kind = take_byte(feed), version = take_byte(feed);
    union {
        struct join_group_request join;
        struct sync_group_request sync;
        struct heartbeat_request heartbeat;
        struct leave_group_request leave;
        struct offset_delete_request delete;
    } message;
    static const struct wire_schema *const schemas[] = {&join_group_request_schema, &sync_group_request_schema,
                                                        &heartbeat_request_schema, &leave_group_request_schema,
                                                        &offset_delete_request_schema};
    const struct wire_schema *schema = schemas[kind % COUNT_OF(schemas)];
    size_t consumed;
    version = (uint8_t)(version % (schema->highest + 1));
    if (wire_decode(schema, version, take_bytes(feed), &arena, &message, &consumed) == ERR_OK) {
        struct group_call *call =
            ask(mem, open, version, feed->left); /* each request takes bytes: never twice the same */
        if (schema == &join_group_request_schema)
            group_join(machine, &message.join, call);
        else if (schema == &sync_group_request_schema)
            group_sync(machine, &message.sync, call);
        else if (schema == &heartbeat_request_schema)
            group_heartbeat(machine, &message.heartbeat, call);
        else if (schema == &leave_group_request_schema)
            group_leave(machine, &message.leave, call);
        else
            group_delete_offsets(machine, &message.delete, call);
    }
    /* Answers that refer to the request have been taken before it goes. */
    int64_t offset = 1000;
    drain(machine, &offset, false);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem mem = fuzz_mem((size_t)64 << 20);
    struct feed feed = {data, size};
    struct group_machine machine;
    struct list open;
    int64_t offset = 0, now_ms = 1000;
    list_init(&open);
    group_init(&machine, &mem, 7);
    group_clock(&machine, now_ms, now_ms);
    int records = take_byte(&feed) % 32;
    for (int i = 0; i < records; i++)
        replay(&machine, &feed, offset++);
    group_configure(&machine, &(struct group_settings){.initial_rebalance_delay_ms = 10,
                                                       .max_session_timeout_ms = INT32_MAX,
                                                       .max_size = 3,
                                                       .metadata_max_bytes = 10,
                                                       .retention_ms = 1000,
                                                       .retention_check_interval_ms = 500});
    group_loaded(&machine);
    drain(&machine, &offset, false);
    while (feed.left > 0 && !machine.broken) {
        if (take_byte(&feed) & 1)
            request(&machine, &feed, &mem, &open);
        now_ms += take_byte(&feed);
        group_clock(&machine, now_ms, now_ms);
        group_tick(&machine);
        drain(&machine, &offset, false);
    }
    group_resign(&machine);
    drain(&machine, &offset, true);
    group_fini(&machine);
    ASSERT(list_empty(&open) && mem.used == 0);
    return 0;
}
