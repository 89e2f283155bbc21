/* core/log/aborted.h -- an aborted transaction as a partition's log knows it: one line of .txnindex.
 *
 * The file (Kafka's AbortedTxn, version 0), 34 bytes a line, in order of last offset: 0 version i16, 2 producer id i64,
 * 10 first offset i64, 18 last offset i64 (of the marker), 26 last stable offset i64 (when it was aborted).
 */
#ifndef RINGMAIN_CORE_LOG_ABORTED_H
#define RINGMAIN_CORE_LOG_ABORTED_H

#include <stdint.h>

enum { LOG_ABORTED_BYTES = 34 };

struct log_aborted {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};

#endif
