/* A transaction machine with a log in memory: appends succeed or fail as the test says, and after each of them a
 * machine that replays the log must be equal to the live one. */
#ifndef RINGMAIN_TESTS_UNIT_CORE_TXN_WORLD_H
#define RINGMAIN_TESTS_UNIT_CORE_TXN_WORLD_H

#include "core/txn/txn.h"
#include "core/wire/error.h"
#include "tests/support/test.h"

enum { LOG_MAX = 4000 };

struct world {
    struct txn_machine machine;
    struct txn_ids ids;
    struct mem *mem;
    struct {
        uint8_t *key, *value;
        size_t key_length, value_length;
    } log[LOG_MAX];
    int log_count;
    int64_t now_ms, wall_ms;
    struct txn_marking marks[64];
    int mark_count;
    bool hold_marks; /* markers stay on their way */
    bool lossy;      /* the records of an old version: they do not hold everything */
    int16_t fail;    /* the next appends are answered so */
};

static struct world world;

static const struct txn_settings settings = {.max_timeout_ms = 900000,
                                             .id_expiration_ms = 604800000,
                                             .abort_interval_ms = 10000,
                                             .expire_interval_ms = 3600000,
                                             .version = 2};

static inline uint8_t *copy_of(struct slice bytes)
{
    if (slice_is_null(bytes))
        return NULL;
    uint8_t *copy = malloc(bytes.length + 1);
    memcpy(copy, bytes.data, bytes.length);
    return copy;
}

static inline void store(const struct machine_append *append)
{
    for (int32_t i = 0; i < append->count; i++) {
        assert_true(world.log_count < LOG_MAX);
        world.log[world.log_count].key = copy_of(append->records[i].key);
        world.log[world.log_count].key_length = append->records[i].key.length;
        world.log[world.log_count].value = copy_of(append->records[i].value);
        world.log[world.log_count].value_length = append->records[i].value.length;
        world.log_count++;
    }
}

static inline void load(struct txn_machine *machine, int count)
{
    txn_init(machine, world.mem, &world.ids, 99);
    txn_configure(machine, &settings);
    txn_clock(machine, world.now_ms, world.wall_ms);
    for (int i = 0; i < count; i++) {
        struct machine_replay record = {
            .key = slice_of(world.log[i].key, world.log[i].key_length),
            .value = world.log[i].value == NULL ? SLICE_NULL : slice_of(world.log[i].value, world.log[i].value_length),
            .offset = i,
            .producer_id = -1};
        assert_int_equal(txn_replay(machine, &record), ERR_OK);
    }
}

static inline void assert_replay_equal(void)
{
    struct txn_machine again;
    struct wire_writer live, replayed;
    load(&again, world.log_count);
    wire_writer_init(&live, world.mem);
    wire_writer_init(&replayed, world.mem);
    txn_dump(&world.machine, &live);
    txn_dump(&again, &replayed);
    if (live.length != replayed.length || (live.length > 0 && memcmp(live.data, replayed.data, live.length) != 0))
        fail_msg("live:\n%.*sreplayed:\n%.*s", (int)live.length, live.data, (int)replayed.length, replayed.data);
    wire_writer_fini(&live);
    wire_writer_fini(&replayed);
    txn_fini(&again);
}

static inline void drain_answers(void)
{
    for (struct list *link; (link = list_pop_front(&world.machine.answers)) != NULL;) {
        struct txn_call *call = CONTAINER_OF(link, struct txn_call, link);
        call->answered(call);
    }
}

static inline void take_marks(void)
{
    for (struct list *link; (link = list_pop_front(&world.machine.to_mark)) != NULL;) {
        struct txn *txn = CONTAINER_OF(link, struct txn, mark_link);
        while (txn_take_marking(txn, &world.marks[world.mark_count]))
            world.mark_count++;
    }
}

/* One append is answered; false: none was there. */
static inline bool step(void)
{
    struct list *link = list_pop_front(&world.machine.appends);
    if (link == NULL)
        return false;
    struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
    append->error = world.fail;
    if (world.fail == KAFKA_ERROR_NONE)
        store(append);
    txn_appended(&world.machine, append);
    drain_answers();
    take_marks();
    txn_check(&world.machine);
    if (!world.lossy)
        assert_replay_equal();
    return true;
}

static inline void mark_all(int16_t error)
{
    int count = world.mark_count;
    world.mark_count = 0;
    for (int i = 0; i < count; i++)
        txn_marked(&world.machine, &world.marks[i], error);
    take_marks();
}

/* Until nothing moves any more. */
static inline void run(void)
{
    do {
        drain_answers();
        take_marks();
        while (step())
            ;
        if (!world.hold_marks && world.mark_count > 0)
            mark_all(KAFKA_ERROR_NONE);
    } while (!list_empty(&world.machine.appends) || (!world.hold_marks && world.mark_count > 0));
    drain_answers();
    txn_check(&world.machine);
}

static inline void pass(int64_t ms)
{
    world.now_ms += ms;
    world.wall_ms += ms;
    txn_clock(&world.machine, world.now_ms, world.wall_ms);
    txn_tick(&world.machine);
}

static inline int set_up(void **state)
{
    memset(&world, 0, sizeof(world));
    world.mem = test_mem();
    world.ids = (struct txn_ids){.next = 1000, .end = 1000000};
    world.now_ms = 5000000;
    world.wall_ms = 1700000000000;
    load(&world.machine, 0);
    txn_loaded(&world.machine);
    return 0;
}

static inline void forget_appends(void)
{
    world.fail = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    txn_resign(&world.machine);
    for (struct list *link; (link = list_pop_front(&world.machine.appends)) != NULL;) {
        struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
        append->error = world.fail;
        txn_appended(&world.machine, append);
    }
    world.machine.append_count = 0;
    drain_answers();
    world.fail = KAFKA_ERROR_NONE;
    world.mark_count = 0;
}

/* The process ends here and begins again with what the log has. */
static inline void crash(void)
{
    forget_appends();
    txn_fini(&world.machine);
    load(&world.machine, world.log_count);
    txn_loaded(&world.machine);
    take_marks();
}

static inline int tear_down(void **state)
{
    forget_appends();
    txn_fini(&world.machine);
    for (int i = 0; i < world.log_count; i++) {
        free(world.log[i].key);
        free(world.log[i].value);
    }
    return 0;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

struct asked {
    struct txn_call call;
    int answers;
};

static inline void asked_done(struct txn_call *call)
{
    CONTAINER_OF(call, struct asked, call)->answers++;
}

static inline void prepare(struct asked *asked)
{
    *asked = (struct asked){.call = {.answered = asked_done, .producer_id = -1, .epoch = -1}};
}

static inline struct txn_producer who(int64_t producer_id, int16_t epoch)
{
    return (struct txn_producer){.id = SLICE_LITERAL("t"), .producer_id = producer_id, .epoch = epoch};
}

static inline void ask_init(struct asked *asked, int64_t producer_id, int16_t epoch)
{
    struct txn_producer producer = who(producer_id, epoch);
    prepare(asked);
    txn_init_producer_id(&world.machine, &producer, 60000, &asked->call);
    drain_answers();
}

static inline void ask_add(struct asked *asked, int64_t producer_id, int16_t epoch, const char *topic,
                           int32_t partition, int16_t version)
{
    struct txn_producer producer = who(producer_id, epoch);
    txn_asked_topic topics = {.name = slice_from_string(topic), .partitions = {&partition, 1}};
    prepare(asked);
    txn_add_partitions(&world.machine, &producer, &topics, 1, version, &asked->call);
    drain_answers();
}

static inline void ask_end(struct asked *asked, int64_t producer_id, int16_t epoch, bool commit, int16_t version)
{
    struct txn_producer producer = who(producer_id, epoch);
    prepare(asked);
    txn_end(&world.machine, &producer, commit, version, &asked->call);
    drain_answers();
}

/* The id "t", and steps that must succeed. */
enum { N = KAFKA_ERROR_NONE };
#define FENCED    KAFKA_ERROR_PRODUCER_FENCED
#define MAPPING   KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING
#define STATE     KAFKA_ERROR_INVALID_TXN_STATE
#define BUSY      KAFKA_ERROR_CONCURRENT_TRANSACTIONS
#define ABORTIBLE KAFKA_ERROR_TRANSACTION_ABORTABLE

static inline const struct txn *the(void)
{
    return txn_find(&world.machine, SLICE_LITERAL("t"));
}

static struct asked asked;

static inline int64_t init(void)
{
    ask_init(&asked, -1, -1);
    run();
    assert_int_equal(asked.call.error, N);
    return asked.call.producer_id;
}

static inline void add(const char *topic, int32_t partition, int16_t version)
{
    ask_add(&asked, the()->now.producer_id, the()->now.epoch, topic, partition, version);
    run();
    assert_int_equal(asked.answers, 1);
    assert_int_equal(asked.call.error, N);
}

static inline void end(bool commit, int16_t version)
{
    ask_end(&asked, the()->now.producer_id, the()->now.epoch, commit, version);
    run();
    assert_int_equal(asked.call.error, N);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
