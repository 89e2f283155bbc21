#include "io/reactor/mailbox.h"

#include <stdatomic.h>

/* The sender's half and the shared half on cache lines of their own. */
struct lane {
    _Alignas(64) struct io_chain out;
    struct io_msg *last; /* of the chain published latest; valid while that one has not been taken */
    _Alignas(64) _Atomic(struct io_msg *) first;
};

struct mailbox {
    struct mem *mem;
    int shards;
    struct lane *lanes; /* from * shards + to */
};

static struct lane *lane_of(const struct mailbox *mailbox, int from, int to)
{
    return &mailbox->lanes[from * mailbox->shards + to];
}

static size_t lanes_size(int shards)
{
    return (size_t)shards * (size_t)shards * sizeof(struct lane);
}

struct mailbox *mailbox_open(struct mem *mem, int shards)
{
    struct mailbox *mailbox = MEM_NEW(mem, struct mailbox);
    if (mailbox == NULL)
        return NULL;
    mailbox->mem = mem;
    mailbox->shards = shards;
    mailbox->lanes = mem_alloc_pages(mem, lanes_size(shards));
    if (mailbox->lanes == NULL) {
        MEM_DELETE(mem, mailbox);
        return NULL;
    }
    for (int i = 0; i < shards * shards; i++) {
        mailbox->lanes[i].out = (struct io_chain){NULL, NULL};
        mailbox->lanes[i].last = NULL;
        atomic_init(&mailbox->lanes[i].first, NULL);
    }
    return mailbox;
}

void mailbox_close(struct mailbox *mailbox)
{
    struct mem *mem = mailbox->mem;
    mem_free(mem, mailbox->lanes, lanes_size(mailbox->shards));
    MEM_DELETE(mem, mailbox);
}

void mailbox_put(struct mailbox *mailbox, int from, int to, struct io_msg *msg)
{
    io_chain_push(&lane_of(mailbox, from, to)->out, msg);
}

bool mailbox_pending(const struct mailbox *mailbox, int from, int to)
{
    return lane_of(mailbox, from, to)->out.first != NULL;
}

void mailbox_publish(struct mailbox *mailbox, int from, int to)
{
    struct lane *lane = lane_of(mailbox, from, to);
    struct io_msg *first = lane->out.first;
    ASSERT(first != NULL);
    struct io_msg *untaken = NULL;
    if (atomic_load_explicit(&lane->first, memory_order_relaxed) != NULL)
        untaken = atomic_exchange_explicit(&lane->first, NULL, memory_order_acquire);
    if (untaken != NULL) {
        lane->last->_next = first; /* ours again: the receiver takes a chain whole or not at all */
        first = untaken;
    }
    lane->last = lane->out.last;
    lane->out = (struct io_chain){NULL, NULL};
    atomic_store(&lane->first, first);
}

bool mailbox_waiting(struct mailbox *mailbox, int to)
{
    for (int from = 0; from < mailbox->shards; from++)
        if (atomic_load(&lane_of(mailbox, from, to)->first) != NULL)
            return true;
    return false;
}

void mailbox_take(struct mailbox *mailbox, int to, struct io_chain *chain)
{
    for (int from = 0; from < mailbox->shards; from++) {
        struct lane *lane = lane_of(mailbox, from, to);
        if (atomic_load_explicit(&lane->first, memory_order_relaxed) == NULL)
            continue;
        struct io_msg *first = atomic_exchange_explicit(&lane->first, NULL, memory_order_acquire);
        if (first == NULL)
            continue;
        struct io_msg *last = first; /* lane->last is the sender's */
        while (last->_next != NULL)
            last = last->_next;
        struct io_chain taken = {first, last};
        io_chain_join(chain, &taken);
    }
}
