/* core/txn/internal.h -- inside of the transaction machine.
 *
 * topics.c partitions of a transaction; store.c values <-> records, appends; requests.c who may do what; end.c the way
 * from the decision to the last record; machine.c life, time, listing. */
#ifndef RINGMAIN_CORE_TXN_INTERNAL_H
#define RINGMAIN_CORE_TXN_INTERNAL_H

#include "core/txn/txn.h"
#include "core/wire/error.h"

enum { TXN_NO_ID = -1, TXN_NO_EPOCH = -1, TXN_RETRY_MS = 100 };

/* What happens when an append is answered. */
enum txn_step {
    STEP_INIT,     /* answered with the producer id */
    STEP_ADD,      /* answered */
    STEP_DECIDE,   /* answered, markers are written */
    STEP_FENCE,    /* likewise, but the call is told to come again */
    STEP_COMPLETE, /* nobody waits */
    STEP_EXPIRE,   /* the id goes */
};

struct txn_append {
    struct machine_append base;
    struct machine_record record;
    struct txn *txn;
    struct txn_call *call; /* NULL: nobody waits */
    enum txn_step step;
    struct wire_writer bytes;
};

/* topics.c */
void txn_topics_fini(struct txn_topics *topics, struct mem *mem);
bool txn_topics_copy(struct txn_topics *to, const struct txn_topics *from, struct mem *mem) MUST_CHECK;
bool txn_topics_add(struct txn_topics *topics, struct slice name, int32_t partition, struct mem *mem) MUST_CHECK;
bool txn_topics_has(const struct txn_topics *topics, struct slice name, int32_t partition);

/* store.c */
/* Sends txn->next to the log and makes the id busy. False: no memory, nothing has changed; txn->next is the caller's.
 */
bool txn_send(struct txn_machine *machine, struct txn *txn, enum txn_step step, struct txn_call *call) MUST_CHECK;
void txn_append_free(struct txn_machine *machine, struct txn_append *append);
enum err txn_decode_key(struct slice bytes, struct arena *arena, struct slice *id, bool *known) MUST_CHECK;
enum err txn_decode_value(struct slice bytes, struct mem *mem, struct arena *arena, struct txn_value *value,
                          bool *known) MUST_CHECK;

/* machine.c */
struct txn *txn_lookup(const struct txn_machine *machine, struct slice id);
struct txn *txn_make(struct txn_machine *machine, struct slice id); /* NULL: no memory */
void txn_remove(struct txn_machine *machine, struct txn *txn);
void txn_answer(struct txn_machine *machine, struct txn_call *call, int16_t error);

/* requests.c */
/* A new value to begin with: everything as it is. False: no memory. */
bool txn_begin_step(struct txn_machine *machine, struct txn *txn, enum txn_state state, bool keep_topics) MUST_CHECK;
void txn_drop_step(struct txn_machine *machine, struct txn *txn);

/* end.c */
/* Aborts what is open and fences its producer; call (may be NULL) is told to come again. */
void txn_fence(struct txn_machine *machine, struct txn *txn, struct txn_call *call);
void txn_decided(struct txn_machine *machine, struct txn *txn); /* the decision is in the log: markers */
void txn_finish(struct txn_machine *machine, struct txn *txn);  /* all markers are written: the last record */

#endif
