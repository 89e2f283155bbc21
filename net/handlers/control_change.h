/* net/handlers/control_change.h -- a request that the controller decides: decide, propose, answer when applied.
 *
 * Core: control shard. Memory: the request's arena. done() of every request comes once, through control_change_run or
 * later; the answer is sent when the records (if any) are committed and every shard has applied them. When they cannot
 * be, `refuse_all` gives each item of the answer the code instead. */
#ifndef RINGMAIN_NET_HANDLERS_CONTROL_CHANGE_H
#define RINGMAIN_NET_HANDLERS_CONTROL_CHANGE_H

#include "core/controller/controller.h"
#include "net/conn/request.h"
#include "replication/quorum/metadata.h"

struct control_change {
    struct request *request;
    void *answer; /* the response's struct */
    void (*refuse_all)(struct control_change *change, int16_t code, struct slice message);
    struct metadata_change change;
};

/* err: of the decision. Takes over the request. */
void control_change_run(struct control_change *change, enum err err, const struct meta_records *records);

#endif
