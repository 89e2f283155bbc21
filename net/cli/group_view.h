/* net/cli/group_view.h -- what the `group` command asks brokers about a group: its coordinator, its offsets, the ends
 * of the partitions, who reads them.
 *
 * Core: the command line's one thread. Memory: cli->arena. Errors: every function says why when it gives false. */
#ifndef RINGMAIN_NET_CLI_GROUP_VIEW_H
#define RINGMAIN_NET_CLI_GROUP_VIEW_H

#include "net/cli/cli.h"

typedef struct describe_groups_response_described_group group_described;
typedef struct describe_groups_response_described_group_member group_described_member;

struct group_position {
    struct slice topic;
    struct uuid topic_id;
    int32_t partition, leader, leader_epoch;
    int64_t committed; /* -1: none */
    int64_t end;       /* -1: unknown */
    int64_t chosen;    /* where group_choose says it should be */
    const group_described_member *member;
};

struct group_view {
    struct cli *cli;
    struct slice id;
    int32_t coordinator;
    struct metadata_response metadata; /* of all topics */
    struct group_position *items;      /* sorted by topic and partition */
    int32_t count, capacity;
};

/* Finds the coordinator, waiting while there is none, and asks for all topics. */
bool group_open(struct group_view *view, struct cli *cli, const char *id);
bool group_describe_one(struct group_view *view, group_described *described);
/* All committed offsets become items. */
bool group_read_offsets(struct group_view *view);
/* Partitions that members are assigned become items, too, and get their member. What cannot be read is left out. */
bool group_read_assignments(struct group_view *view, const group_described *described);
/* partition -1: all of the topic. */
bool group_add_topic(struct group_view *view, const char *topic, int32_t partition);
/* timestamp: milliseconds, -1 the end, -2 the beginning; the answers go to `end` or `chosen`. */
bool group_ask_offsets(struct group_view *view, int64_t timestamp, bool chosen);
void group_sort(struct group_view *view);

#endif
