/* net/http/scrape.h -- one look at all numbers of a broker, as text.
 *
 *   scrape_start --message--> shard 0 -> shard 1 -> ... -> control shard   (each adds what it has; room is made and the
 *                                                    |                      round repeated when there was too little)
 *                                                    v
 *                              text, in a job of the slow lane -> done() of all who have asked meanwhile
 *
 * A shard works on it for at most SCRAPE_SLICE partitions a turn. The loops format nothing.
 *
 * Invariants: one round at a time; who asks during a round gets the next one's text. Core: control shard.
 * Memory: io_mem of the control shard; a text is counted and freed there. Errors: a request whose text is NULL had no
 * memory. Runs on the simulated machine too.
 */
#ifndef RINGMAIN_NET_HTTP_SCRAPE_H
#define RINGMAIN_NET_HTTP_SCRAPE_H

#include "core/metrics/text.h"
#include "net/handlers/control.h"

enum { SCRAPE_SLICE = 256 };

struct scrape_text {
    struct mem *mem;
    int32_t references;
    size_t capacity, length;
    char data[];
};

struct scrape_request {
    void (*done)(struct scrape_request *request); /* never inside scrape_start */
    struct scrape_text *text;                     /* the request's: scrape_text_release */
    struct list _link;
};

struct scrape;

enum err scrape_open(struct control *control, struct scrape **scrape) MUST_CHECK;
/* After the loops have ended, or when no round is running (scrape_is_idle). */
void scrape_close(struct scrape *scrape);
bool scrape_is_idle(const struct scrape *scrape);
void scrape_start(struct scrape *scrape, struct scrape_request *request);
void scrape_cancel(struct scrape_request *request); /* before done() */
void scrape_text_release(struct scrape_text *text); /* NULL is allowed */

#endif
