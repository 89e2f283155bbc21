/* Bytes in the page cache that the device has not been told of: counted for a shard, and sent on their way early, so
 * that the kernel has no reason to make a writer wait. */
#include "core/log/log_internal.h"

enum {
    BEHIND_BYTES = 1 << 20, /* so much of one segment is sent on its way together; more is a longer wait for who shares
                                the core with the worker: 8 MiB were 3 x in the p99 of an open loop on one core */
    BEHIND_BYTES_PRESSED = 64 << 10 /* when the shard has used up half of its budget */
};

void log_settle(struct log *log, struct segment *segment, int64_t pos)
{
    if (pos <= segment->settled_pos)
        return;
    if (log->budget != NULL)
        log->budget->dirty_bytes -= pos - segment->settled_pos;
    segment->settled_pos = pos;
}

static void behind_done(struct io_op *op)
{
    struct log_writeback *behind = CONTAINER_OF(op, struct log_writeback, op);
    struct segment *segment = behind->segment;
    struct log *log = segment->ref.log;
    behind->segment = NULL;
    segment->settling = false;
    log_ref_release(&segment->ref);
    /* Where the file system cannot do it the kernel does it in its own time. */
    log_settle(log, segment, behind->end_pos);
    if (op->err != ERR_IO)
        return;
    log->sealed = true;
    if (log->listener != NULL)
        log->listener->moved(log->listener);
}

void log_write_behind(struct log *log, struct segment *segment)
{
    struct log_budget *budget = log->budget;
    if (budget == NULL || segment->settling)
        return;
    int64_t enough = budget->dirty_bytes > budget->limit_bytes / 2 ? BEHIND_BYTES_PRESSED : BEHIND_BYTES;
    if (segment->size - segment->settled_pos < enough)
        return;
    for (int i = 0; i < LOG_WRITEBACKS; i++) {
        struct log_writeback *behind = &budget->_writebacks[i];
        if (behind->segment != NULL)
            continue;
        behind->segment = segment;
        behind->end_pos = segment->size;
        behind->op.done = behind_done;
        segment->settling = true;
        log_hold(segment);
        io_writeback(log->io, &behind->op, segment->file, segment->settled_pos, segment->size - segment->settled_pos);
        return;
    }
}
