/* Transactions: any records of __transaction_state are loaded or refused, and whatever was loaded answers every request
 * once, in any order of appends that succeed or fail, markers that do or do not, and time that passes; a machine that
 * replays what was written in the end is equal.
 *
 * Input: a count of records, each as the lengths of key and value (a byte and two), then their bytes; then events. */
#include "core/txn/txn.h"
#include "core/wire/error.h"
#include "tests/fuzz/fuzz.h"

enum { CALLS = 256, MARKS = 512, IDS = 3 };

static const struct txn_settings settings = {.max_timeout_ms = 900000,
                                             .id_expiration_ms = 604800000,
                                             .abort_interval_ms = 10000,
                                             .expire_interval_ms = 3600000,
                                             .version = 2};

struct asked {
    struct txn_call call;
    int answers;
};

struct room {
    struct mem mem;
    struct txn_ids ids;
    struct txn_machine machine, twin; /* twin: replays what the other writes */
    struct asked calls[CALLS];
    struct txn_marking marks[MARKS];
    int call_count, mark_count;
    int64_t now_ms, wall_ms;
    const uint8_t *at, *end;
};

static uint8_t next(struct room *room)
{
    return room->at < room->end ? *room->at++ : 0;
}

static void answered(struct txn_call *call)
{
    struct asked *asked = CONTAINER_OF(call, struct asked, call);
    ASSERT(++asked->answers == 1);
}

static void open_machine(struct room *room, struct txn_machine *machine)
{
    txn_init(machine, &room->mem, &room->ids, 7);
    txn_configure(machine, &settings);
    txn_clock(machine, room->now_ms, room->wall_ms);
}

static void load(struct room *room)
{
    for (int count = next(room); count > 0 && room->at < room->end; count--) {
        size_t key = next(room), value = (size_t)next(room) << 8;
        value |= next(room);
        if (key + value > (size_t)(room->end - room->at))
            break;
        struct machine_replay record = {.key = slice_of(room->at, key),
                                        .value = value == 0 ? SLICE_NULL : slice_of(room->at + key, value),
                                        .producer_id = -1};
        enum err err = txn_replay(&room->machine, &record);
        ASSERT(err == txn_replay(&room->twin, &record));
        room->at += key + value;
    }
    txn_loaded(&room->machine);
}

static void drain(struct room *room)
{
    for (struct list *link; (link = list_pop_front(&room->machine.answers)) != NULL;)
        answered(CONTAINER_OF(link, struct txn_call, link));
    for (struct list *link; (link = list_pop_front(&room->machine.to_mark)) != NULL;) {
        struct txn *txn = CONTAINER_OF(link, struct txn, mark_link);
        while (room->mark_count < MARKS && txn_take_marking(txn, &room->marks[room->mark_count]))
            room->mark_count++;
    }
}

static void append(struct room *room, int16_t error)
{
    struct list *link = list_pop_front(&room->machine.appends);
    if (link == NULL)
        return;
    struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
    append->error = error;
    for (int32_t i = 0; error == KAFKA_ERROR_NONE && i < append->count; i++) {
        struct machine_replay record = {
            .key = append->records[i].key, .value = append->records[i].value, .producer_id = -1};
        enum err err = txn_replay(&room->twin, &record);
        ASSERT(err == ERR_OK);
    }
    txn_appended(&room->machine, append);
}

static void ask(struct room *room, uint8_t what)
{
    static const char *const names[IDS] = {"a", "b", "c"};
    uint8_t bits = next(room);
    struct slice id = slice_from_string(names[bits % IDS]);
    const struct txn *txn = txn_find(&room->machine, id);
    struct txn_producer producer = {.id = id, .producer_id = -1, .epoch = -1};
    struct asked *asked = &room->calls[room->call_count];
    int32_t partition = bits >> 6;
    txn_asked_topic topic = {.name = SLICE_LITERAL("t"), .partitions = {&partition, 1}};
    if (room->call_count == CALLS)
        return;
    room->call_count++;
    asked->call = (struct txn_call){.answered = answered, .producer_id = -1, .epoch = -1};
    if (txn != NULL && (what != 0 || (bits & 8))) {
        producer.producer_id = txn->now.producer_id;
        producer.epoch = (int16_t)(txn->now.epoch - (bits >> 4 & 1));
    }
    if (what == 0)
        txn_init_producer_id(&room->machine, &producer, 1 + next(room) * 1000, &asked->call);
    else if (what == 1)
        txn_add_partitions(&room->machine, &producer, &topic, 1, bits & 8 ? 2 : 0, &asked->call);
    else
        txn_end(&room->machine, &producer, bits & 32, bits & 8 ? 2 : 0, &asked->call);
}

static void mark(struct room *room, int16_t error)
{
    if (room->mark_count > 0)
        txn_marked(&room->machine, &room->marks[--room->mark_count], error);
}

static void pass(struct room *room, int64_t ms)
{
    room->now_ms += ms;
    room->wall_ms += ms;
    txn_clock(&room->machine, room->now_ms, room->wall_ms);
    txn_tick(&room->machine);
}

static void happen(struct room *room)
{
    uint8_t event = next(room);
    switch (event % 10) {
    case 0:
    case 1:
    case 2:
        ask(room, event % 10);
        break;
    case 3:
    case 4:
        append(room, KAFKA_ERROR_NONE);
        break;
    case 5:
        append(room, KAFKA_ERROR_NOT_ENOUGH_REPLICAS);
        break;
    case 6:
        mark(room, KAFKA_ERROR_NONE);
        break;
    case 7:
        mark(room, event & 64 ? KAFKA_ERROR_INVALID_PRODUCER_EPOCH : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
        break;
    case 8:
        pass(room, event);
        break;
    default:
        pass(room, (int64_t)event * 1000);
        break;
    }
    drain(room);
}

static void compare(struct room *room)
{
    struct wire_writer live, replayed;
    wire_writer_init(&live, &room->mem);
    wire_writer_init(&replayed, &room->mem);
    txn_dump(&room->machine, &live);
    txn_dump(&room->twin, &replayed);
    ASSERT(live.length == replayed.length && (live.length == 0 || memcmp(live.data, replayed.data, live.length) == 0));
    wire_writer_fini(&live);
    wire_writer_fini(&replayed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct room *room = calloc(1, sizeof *room);
    room->mem = fuzz_mem((size_t)64 << 20);
    room->ids = (struct txn_ids){.next = 1000, .end = 1000000};
    room->now_ms = 5000000;
    room->wall_ms = 1700000000000;
    room->at = data;
    room->end = data + size;
    open_machine(room, &room->machine);
    open_machine(room, &room->twin);
    load(room);
    drain(room);
    while (room->at < room->end)
        happen(room);
    compare(room);
    txn_resign(&room->machine);
    while (!list_empty(&room->machine.appends))
        append(room, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    drain(room);
    for (int i = 0; i < room->call_count; i++)
        ASSERT(room->calls[i].answers == 1);
    txn_fini(&room->machine);
    txn_fini(&room->twin);
    ASSERT(room->mem.used == 0);
    free(room);
    return 0;
}
