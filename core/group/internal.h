/* core/group/internal.h -- what the files of this room share. */
#ifndef RINGMAIN_CORE_GROUP_INTERNAL_H
#define RINGMAIN_CORE_GROUP_INTERNAL_H

#include "core/group/group.h"
#include "core/wire/error.h"

typedef struct join_group_request_join_group_request_protocol group_asked_protocol;
typedef struct sync_group_request_sync_group_request_assignment group_asked_assignment;

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE, GROUP_DEAD };

enum group_deadline_kind { DEADLINE_HEARTBEAT, DEADLINE_PENDING, DEADLINE_INITIAL, DEADLINE_JOIN, DEADLINE_SYNC };

struct group_deadline {
    struct machine_deadline base;
    enum group_deadline_kind kind;
};

struct group_protocol {
    struct slice name, metadata;
};

struct group_member {
    struct list link; /* in the group, in order of joining */
    struct group *group;
    struct slice id, instance_id, client_id, client_host; /* owned */
    int32_t session_timeout_ms, rebalance_timeout_ms;
    struct group_protocol *protocols; /* one block with the bytes they point to */
    size_t protocols_size;
    int32_t protocol_count;
    struct slice assignment;      /* owned */
    struct slice next_assignment; /* the leader's request's, while it is being written down */
    struct group_call *join, *sync;
    struct group_deadline heartbeat;
    bool is_new;       /* waits in its first join */
    bool pending_sync; /* got a join's answer, has not sent its sync */
};

/* A member id that was handed out and has not joined yet (KIP-394). */
struct group_pending {
    struct list link;
    struct group *group;
    struct slice id; /* owned */
    struct group_deadline deadline;
};

/* How many members support a protocol. */
struct group_support {
    struct slice name;
    int32_t count;
};

struct group_stored_offset {
    int32_t partition, leader_epoch;
    struct uuid topic_id; /* zero: written by somebody who did not know it */
    int64_t offset, commit_timestamp_ms;
    int64_t expire_timestamp_ms; /* -1: by the broker's retention */
    int64_t record_offset;
    struct slice metadata; /* owned */
};

struct group_topic {
    struct list link;
    struct slice name;                  /* owned */
    struct group_stored_offset **items; /* by rising partition */
    int32_t count, capacity;
};

struct group_topics {
    struct map by_name;
    struct list in_order; /* of group_topic; none is empty */
};

struct group {
    struct list link;
    struct group_machine *machine;
    struct slice id; /* owned */
    enum group_state state, previous;
    int32_t generation;
    struct slice protocol_type, protocol_name; /* owned; null: none */
    int64_t state_timestamp_ms;                /* -1: unknown */
    struct group_member *leader;
    struct list members;
    struct map by_id, by_instance;
    int32_t member_count, awaiting_join_count, pending_sync_count, pending_count;
    struct list pending; /* group_pending */
    struct group_support *supports;
    int32_t support_count, support_capacity;
    bool new_member_added;
    struct group_deadline join_deadline, sync_deadline; /* join: kind INITIAL or JOIN */
    int32_t initial_delay_ms, initial_remaining_ms;
    bool subscribed_known; /* subscribed: a sorted block of names */
    struct slice *subscribed;
    size_t subscribed_size;
    int32_t subscribed_count;
    struct group_topics topics;
    struct list parts;            /* group_part: offsets of open transactions */
    int32_t append_count;         /* on their way to the log */
    int32_t assigning_generation; /* whose assignment is on its way; -1: none */
    struct group_call *deleter;   /* DEAD: who asked for it, or NULL */
    bool removed;                 /* out of the map; waits for its appends */
};

/* Offsets of a producer's open transaction, by group. */
struct group_transaction {
    int64_t producer_id;
    struct list parts;
};
struct group_part {
    struct list link;     /* in the transaction */
    struct list in_group; /* in the group */
    struct group *group;
    struct group_transaction *transaction;
    struct group_topics topics; /* never empty */
};

enum group_append_kind {
    APPEND_NEW,        /* a group that somebody wants to join: without its record it is none */
    APPEND_EMPTY,      /* a group without members; a leave may wait for it */
    APPEND_ASSIGNMENT, /* the leader's sync */
    APPEND_STATIC,     /* a static member came back under a new id */
    APPEND_APPLY,      /* what the records say is done when they are there: commits, tombstones */
    APPEND_DELETE,     /* a step on the way of a group out of the log */
    APPEND_MARKER,     /* the end of a transaction */
    APPEND_FETCH,      /* a fence: a fetch that waits for what was before it */
    APPEND_TOPIC,      /* a fence: then a deleted topic's offsets go */
};

/* Records on their way to the log, and what is to be done when they are there. */
struct group_append {
    struct machine_append base;
    struct group_machine *machine;
    enum group_append_kind kind;
    struct group *group;     /* NULL: of many */
    struct group_call *call; /* NULL: nobody waits */
    struct arena arena;
    struct wire_writer bytes; /* of all records */
    struct machine_record *records;
    size_t *positions; /* two per record: key and value in bytes */
    int32_t capacity;
    int32_t generation;     /* ASSIGNMENT */
    struct slice *assigned; /* ASSIGNMENT: by member, owned; an array in the arena */
    int32_t assigned_count;
    struct slice leader; /* STATIC: before; in the arena */
    /* STATIC: the new member id; FETCH: the group's; TOPIC: the topic's. In the arena or the call's. */
    struct slice name;
    bool require_stable;
    struct uuid topic_id;
    struct group_offset *items;
    int32_t item_count;
};

/* ---- owned bytes (group.c) --------------------------------------------------------------------------------------- */
bool group_own(struct mem *mem, struct slice from,
               struct slice *to) MUST_CHECK; /* null stays null; false: *to is null */
void group_disown(struct mem *mem, struct slice *bytes);
struct slice group_copy(struct arena *arena, struct slice from); /* no memory: empty, arena->failed */

/* ---- groups (group.c) -------------------------------------------------------------------------------------------- */
struct group *group_find(const struct group_machine *machine, struct slice id);
struct group *group_find_or_make(struct group_machine *machine, struct slice id); /* NULL: no memory */
void group_remove(struct group *group);  /* out of the machine; freed when nothing of it is on its way */
void group_release(struct group *group); /* one append has come back */
void group_move(struct group *group, enum group_state state);
const char *group_state_name(enum group_state state);
void group_tell(struct group *group, enum group_news_kind kind);
/* Room for deadlines that may be started later without memory. */
/* There is room for more than there is now; false is counted. */
bool group_may_grow(struct group_machine *machine) MUST_CHECK;
bool group_slots_take(struct group_machine *machine, uint32_t count) MUST_CHECK;
void group_slots_give(struct group_machine *machine, uint32_t count);
void group_answer(struct group_machine *machine, struct group_call *call, int16_t error);
void group_answer_join(struct group_machine *machine, struct group_call *call, int16_t error, struct slice member_id);
void group_answer_sync(struct group_machine *machine, struct group_call *call, int16_t error);
/* Its join and its sync, if they wait; a join is told the member id. */
void group_answer_waiting(struct group_member *member, int16_t error, struct slice member_id);
void group_answer_joined(struct group_member *member, struct group_call *call, bool all_members, bool skip_assignment);
void group_answer_assigned(struct group_member *member, struct group_call *call);

/* ---- members (members.c) ----------------------------------------------------------------------------------------- */
struct group_new_member {
    struct slice id, instance_id, client_id, client_host;
    int32_t session_timeout_ms, rebalance_timeout_ms;
    const group_asked_protocol *protocols;
    int32_t protocol_count;
};
/* Allocates everything and changes nothing else; NULL: no memory. */
struct group_member *group_member_make(struct group *group, const struct group_new_member *from);
/* Room in the group's tables was made by group_member_make; protocol_type: owned, taken over. */
void group_member_add(struct group *group, struct group_member *member, struct slice protocol_type);
void group_member_remove(struct group_member *member); /* frees it; its join has been answered */
void group_members_clear(struct group *group);         /* of one that nobody waits in */
struct group_member *group_member_by_id(const struct group *group, struct slice id);
struct group_member *group_member_by_instance(const struct group *group, struct slice instance_id);
bool group_member_set_protocols(struct group_member *member, const group_asked_protocol *protocols,
                                int32_t count) MUST_CHECK;
bool group_member_set_id(struct group_member *member, struct slice id) MUST_CHECK;
bool group_member_matches(const struct group_member *member, const group_asked_protocol *protocols, int32_t count);
struct slice group_member_metadata(const struct group_member *member); /* for the group's protocol */
void group_set_join(struct group_member *member, struct group_call *call);
void group_set_pending_sync(struct group_member *member, bool pending);
bool group_supports(const struct group *group, struct slice type, const group_asked_protocol *protocols, int32_t count);
struct slice group_select_protocol(const struct group *group); /* of a group with members */
struct group_pending *group_pending_by_id(const struct group *group, struct slice id);
bool group_pending_add(struct group *group, struct slice id, int64_t at_ms) MUST_CHECK;
void group_pending_remove(struct group_pending *pending);
/* NONE, FENCED_INSTANCE_ID or UNKNOWN_MEMBER_ID. */
int16_t group_check_member(const struct group *group, struct slice member_id, struct slice instance_id,
                           struct group_member **member);
void group_heartbeat_in(struct group_member *member, int64_t after_ms);

/* ---- what is subscribed to (subscriptions.c) --------------------------------------------------------------------- */
void group_forget_subscribed(struct group *group);
void group_update_subscribed(struct group *group);
bool group_is_subscribed(const struct group *group, struct slice topic);
bool group_is_consumer(const struct group *group);

/* ---- the rebalance (rebalance.c) ----
 * What they give back: the record of a group that has become empty, on its way; NULL: none. */
bool group_has_all_joined(const struct group *group);
struct group_append *group_complete_join(struct group *group);
struct group_append *group_maybe_complete_join(struct group *group);
struct group_append *group_prepare_rebalance(struct group *group);
struct group_append *group_rebalance_or_complete(struct group *group);
void group_on_initial_delay(struct group *group);
void group_on_pending_sync(struct group *group);
void group_on_heartbeat_missed(struct group_member *member);
void group_propagate(struct group *group, int16_t error);
void group_drop_member(struct group_member *member); /* its join is answered UNKNOWN_MEMBER_ID */

/* ---- records (store.c) ------------------------------------------------------------------------------------------- */
struct group_append *group_append_new(struct group_machine *machine, enum group_append_kind kind, struct group *group);
void group_append_free(struct group_append *append); /* one that was not sent, or has come back */
void group_append_send(struct group_append *append);
/* The group as it is; with_next: with the members' next_assignment. */
bool group_store(struct group_append *append, const struct group *group, bool with_next) MUST_CHECK;
bool group_store_tombstone(struct group_append *append, struct slice group_id) MUST_CHECK;
bool group_store_offset(struct group_append *append, struct slice group_id, const struct group_offset *offset,
                        int64_t commit_timestamp_ms, int64_t expire_timestamp_ms) MUST_CHECK;
bool group_store_offset_tombstone(struct group_append *append, struct slice group_id, struct slice topic,
                                  int32_t partition) MUST_CHECK;
bool group_append_is_full(const struct group_append *append); /* tombstones of many offsets go in pieces */

/* ---- stored offsets (topics.c) ----------------------------------------------------------------------------------- */
void group_topics_init(struct group_topics *topics, struct mem *mem);
void group_topics_fini(struct group_topics *topics, struct mem *mem);
bool group_topics_empty(const struct group_topics *topics);
struct group_topic *group_topic_find(const struct group_topics *topics, struct slice name);
struct group_stored_offset *group_topics_get(const struct group_topics *topics, struct slice name, int32_t partition);
/* Takes the place of an older one. False: no memory, nothing changed. */
bool group_topics_put(struct group_topics *topics, struct mem *mem, struct slice name,
                      const struct group_stored_offset *from, bool *fresh) MUST_CHECK;
bool group_topics_remove(struct group_topics *topics, struct mem *mem, struct slice name, int32_t partition);
#define GROUP_TOPIC_EACH(topic, topics)                                                                                \
    for (struct group_topic *topic = CONTAINER_OF((topics)->in_order.next, struct group_topic, link);                  \
         &topic->link != &(topics)->in_order; topic = CONTAINER_OF(topic->link.next, struct group_topic, link))

/* ---- open transactions (transactions.c) -------------------------------------------------------------------------- */
bool group_part_put(struct group *group, int64_t producer_id, struct slice topic,
                    const struct group_stored_offset *offset) MUST_CHECK;
void group_parts_remove(struct group *group, struct slice topic, int32_t partition);
bool group_has_pending_offset(const struct group *group, struct slice topic, int32_t partition);
void group_part_free(struct group_part *part); /* and its transaction, when it was the last */

/* ---- what an answered append does -------------------------------------------------------------------------------- */
void group_assignment_stored(struct group_append *append, int16_t error); /* sync.c */
void group_static_stored(struct group_append *append, int16_t error);     /* join.c */
void group_new_stored(struct group_append *append, int16_t error);        /* join.c */
void group_fetch_now(struct group_append *append, int16_t *error);        /* offsets.c */
/* ---- the end of groups and offsets (expire.c) -------------------------------------------------------------------- */
bool group_begin_delete(struct group *group, struct group_call *call) MUST_CHECK; /* EMPTY -> DEAD; false: no memory */
void group_delete_step(struct group *group, int16_t error);
void group_forget_topic(struct group_machine *machine, struct slice topic, struct uuid topic_id);
void group_expire(struct group_machine *machine);

#endif
