/* io/base/list.h -- intrusive doubly linked list. A node sits in at most one list; alone it points at itself. */
#ifndef RINGMAIN_IO_BASE_LIST_H
#define RINGMAIN_IO_BASE_LIST_H

#include "io/base/check.h"

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *list) { list->next = list->prev = list; }
static inline bool list_empty(const struct list *list) { return list->next == list; }

static inline void list_insert(struct list *after, struct list *node)
{
    node->next = after->next;
    node->prev = after;
    after->next->prev = node;
    after->next = node;
}

static inline void list_push_back(struct list *list, struct list *node) { list_insert(list->prev, node); }
static inline void list_push_front(struct list *list, struct list *node) { list_insert(list, node); }

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline struct list *list_pop_front(struct list *list)
{
    if (list_empty(list))
        return NULL;
    struct list *node = list->next;
    list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* The body may remove `it`. */
#define LIST_EACH(it, head)                                                                       \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
