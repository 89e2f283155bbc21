/* core/coordinator/txns_internal.h -- inside of the transaction coordinator: machines and the markers they send.
 *
 * txns.c hosts the machines, txns_marks.c brings markers to their partitions and back. */
#ifndef RINGMAIN_CORE_COORDINATOR_TXNS_INTERNAL_H
#define RINGMAIN_CORE_COORDINATOR_TXNS_INTERNAL_H

#include "core/coordinator/txns.h"
#include "core/wire/error.h"

struct mark_flight;

struct txns {
    struct io *io;
    struct txns_options options;
    struct coordinator_kind kind;
    struct coordinator *coordinator;
    struct txn_settings settings;
    const struct image *image; /* the last one applied */
    struct txn_ids ids;
    struct list hosts;            /* of struct txns_host, also closed ones with markers out */
    struct list waiting;          /* of struct txns_wait: for producer ids */
    struct mark_flight **flights; /* by data shard: being filled in this turn; NULL: none */
    int64_t marks_out;
    bool wants_ids, stopping;
};

/* One partition's machine, with what it needs of the world. */
struct txns_host {
    struct coordinator_machine base;
    struct txn_machine machine;
    struct txns *txns;
    struct list link;
    int64_t marks_out;
    bool closed, draining;
};

void txns_host_free(struct txns_host *host);
/* txns_marks.c: every marker that the transaction wants is put on its way; the flights leave with txns_send_marks. */
void txns_mark(struct txns_host *host, struct txn *txn);
void txns_send_marks(struct txns *txns);

#endif
