/* core/group/group.h -- the groups of one partition of __consumer_offsets: classic membership and committed offsets.
 *
 *              first join            everybody joined          leader's sync is stored
 *   EMPTY --------------> PREPARING ------------------> COMPLETING ------------------> STABLE
 *     ^                     |  ^  ^                         |                            |
 *     |  nobody has joined  |  |  +------ join, leave, time-out, new metadata -----------+
 *     +---------------------+  +----------------------------+
 *   EMPTY --(its tombstone is on its way to the log)--> DEAD
 *
 * Pure: requests, ticks and replayed records in; records (machine.appends), answers (machine.answers) and the time of
 * the next tick (group_next_deadline) out. The caller sets the clocks with group_clock before each call and takes away
 * appends and answers after it.
 *
 * Invariants:
 *   1. What the log holds changes only in group_replay*, or when an append that says the same has been answered: a
 *      machine that replays the records is equal to the one that wrote them (group_dump).
 *   2. A call is answered exactly once. An answer lives in the call's arena and refers to nothing of the machine.
 *   3. awaiting_join_count counts the members whose join waits; leader is a member or NULL; a static member's instance
 *      id belongs to one member.
 *   4. Without memory a call is answered COORDINATOR_NOT_AVAILABLE and nothing has changed; so it is when the memory is
 *      half full and the call would make the state larger (core/machine/machine.h).
 *
 * Core: control shard. Memory: the mem given to group_init. Errors: Kafka's codes.
 * Rules: Kafka 4.3's GroupMetadataManager, ClassicGroup, OffsetMetadataManager; KIP-134, 211, 345, 389, 394, 429, 447,
 * 559, 800, 814, 848 (topic ids). Next: join.c, sync.c, offsets.c, store.c.
 */
#ifndef RINGMAIN_CORE_GROUP_GROUP_H
#define RINGMAIN_CORE_GROUP_GROUP_H

#include "core/machine/machine.h"
#include "core/wire/messages.h"
#include "io/base/arena.h"
#include "io/base/hash.h"

enum {
    GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000, /* of a member that waits in its first join */
    GROUP_PROTOCOLS_MAX = 256,                        /* of one member; clients have one to three */
};

struct group_settings {
    int32_t initial_rebalance_delay_ms;
    int32_t min_session_timeout_ms, max_session_timeout_ms;
    int32_t max_size;
    int32_t metadata_max_bytes;
    int64_t retention_ms, retention_check_interval_ms;
};

/* What a person may want to hear of. */
enum group_news_kind { GROUP_NEWS_REBALANCE, GROUP_NEWS_STABLE, GROUP_NEWS_EMPTY, GROUP_NEWS_MEMBER_SILENT };
enum { GROUP_NEWS_MAX = 4, GROUP_NEWS_ID_BYTES = 64 };
struct group_news {
    enum group_news_kind kind;
    int32_t generation, member_count;
    char group[GROUP_NEWS_ID_BYTES]; /* what is not a letter, a digit or one of ._- is a '?'; cut */
};

struct group_machine {
    struct list appends;                    /* out: of struct machine_append */
    struct list answers;                    /* out: of struct group_call */
    struct group_news news[GROUP_NEWS_MAX]; /* out: the first since the caller has set news_count to 0 */
    int32_t news_count;
    bool broken; /* out: no memory to do what the log says: it has to be loaded anew */
    struct mem *mem;
    struct arena scratch; /* of one replayed record */
    struct group_settings settings;
    struct map groups;
    struct list in_order; /* of struct group */
    struct machine_deadlines deadlines;
    uint32_t deadline_slots; /* deadlines that may have to be started */
    struct map transactions; /* by producer id */
    uint64_t seed;
    int64_t now_ms, wall_ms;
    int64_t expire_at_ms; /* next look for expired offsets */
    int64_t offset_count;
    int64_t append_count;  /* on their way to the log */
    int64_t refused_count; /* out: calls and offsets for which there was no room */
    bool resigned;
};

/* One committed offset, as asked for or as answered. */
struct group_offset {
    struct slice topic;
    struct uuid topic_id; /* zero: unknown */
    int32_t partition;
    int32_t leader_epoch; /* -1: unknown */
    int64_t offset;       /* -1: none */
    struct slice metadata;
    int16_t error;
};

/* A request on its way through the machine; the caller's, until `answered` is called by whom drains machine.answers. */
struct group_call {
    struct list link;
    void (*answered)(struct group_call *call);
    struct arena *arena; /* for the answer */
    int16_t version;
    struct slice client_id, client_host;
    uint64_t random[2]; /* for a member id */
    /* The answer: */
    int16_t error;
    union {
        struct join_group_response join;
        struct sync_group_response sync;
        struct leave_group_response leave;
        struct offset_delete_response offset_delete;
        struct {
            struct group_offset *items;
            int32_t count;
        } offsets;
    };
};

void group_init(struct group_machine *machine, struct mem *mem, uint64_t seed);
void group_fini(struct group_machine *machine); /* no append is out */
void group_configure(struct group_machine *machine, const struct group_settings *settings);
void group_clock(struct group_machine *machine, int64_t now_ms, int64_t wall_ms);

/* ---- the log ----------------------------------------------------------------------------------------------------- */

/* ERR_CORRUPT: a record of a known kind that does not decode. Other kinds are ignored. */
enum err group_replay(struct group_machine *machine, const struct machine_replay *record) MUST_CHECK;
enum err group_replay_marker(struct group_machine *machine, const struct machine_marker *marker) MUST_CHECK;
void group_loaded(struct group_machine *machine);
void group_appended(struct group_machine *machine, struct machine_append *append);
/* The partition moves away: whoever waits is answered NOT_COORDINATOR. Nothing but group_appended may follow. */
void group_resign(struct group_machine *machine);

/* ---- time -------------------------------------------------------------------------------------------------------- */

int64_t group_next_deadline(const struct group_machine *machine); /* on the clock of now_ms */
void group_tick(struct group_machine *machine);

/* ---- members ----------------------------------------------------------------------------------------------------- */

void group_join(struct group_machine *machine, const struct join_group_request *request, struct group_call *call);
void group_sync(struct group_machine *machine, const struct sync_group_request *request, struct group_call *call);
void group_heartbeat(struct group_machine *machine, const struct heartbeat_request *request, struct group_call *call);
void group_leave(struct group_machine *machine, const struct leave_group_request *request, struct group_call *call);

/* ---- offsets ----------------------------------------------------------------------------------------------------- */

struct group_commit {
    struct slice group_id, member_id, instance_id; /* instance_id null: none */
    int32_t generation;
    int64_t retention_ms; /* -1: the broker's */
    /* Of a transaction (KIP-447): the offsets count when its commit marker comes. */
    bool transactional;
    int64_t producer_id;
    int16_t producer_epoch;
    /* Topics and partitions that exist; each item's error is part of the answer. */
    struct group_offset *items;
    int32_t count;
};
/* call->error: of the whole request, then the items' are not set. */
void group_commit(struct group_machine *machine, const struct group_commit *commit, struct group_call *call);
/* The end of a producer's transaction: appends the marker; call->error. */
void group_end_transaction(struct group_machine *machine, int64_t producer_id, int16_t producer_epoch, bool commit,
                           int32_t coordinator_epoch, int16_t transaction_version, struct group_call *call);
/* items: topic, id and partition are set; the rest is the answer. items NULL: all offsets, call->offsets holds them.
 * require_stable: after all that is on its way to the log; offsets of open transactions are UNSTABLE_OFFSET_COMMIT. */
void group_fetch(struct group_machine *machine, struct slice group_id, bool require_stable, struct group_offset *items,
                 int32_t count, struct group_call *call);
void group_delete_offsets(struct group_machine *machine, const struct offset_delete_request *request,
                          struct group_call *call);
/* A topic that is no more loses its offsets. */
void group_topic_deleted(struct group_machine *machine, struct slice topic, struct uuid topic_id);

/* ---- administration ---------------------------------------------------------------------------------------------- */

/* False: no memory in the arena. */
bool group_describe(const struct group_machine *machine, struct slice group_id, int16_t version, struct arena *arena,
                    struct describe_groups_response_described_group *out) MUST_CHECK;
/* Every group in a fixed order: begins with NULL, ends with NULL. The slices are valid until the machine changes. */
struct group_listing {
    struct slice id, protocol_type;
    const char *state; /* "Stable" ... */
};
struct group;
/* The committed offsets of a group, one after the other: begin with zeroes. False: that was all. */
struct group_offset_cursor {
    const struct list *topic; /* NULL: the first */
    int32_t next;
};
bool group_next_offset(const struct group *group, struct group_offset_cursor *cursor, struct group_offset *offset);
int32_t group_member_count(const struct group *group);
struct group *group_list_next(const struct group_machine *machine, struct group *group, struct group_listing *listing);
void group_delete(struct group_machine *machine, struct slice group_id, struct group_call *call);

/* ---- for tests and the simulation -------------------------------------------------------------------------------- */

/* Everything that the log holds, as text in a fixed order. Membership is written of groups that are settled (EMPTY or
 * STABLE, nothing on its way) in both machines: what happens during a rebalance is not in the log. False: no memory. */
bool group_dump(const struct group_machine *machine, const struct group_machine *other, struct arena *arena,
                struct wire_writer *out) MUST_CHECK;
/* The invariants above; stops the process when one is broken. */
void group_check(const struct group_machine *machine);

#endif
