#include "net/cli/assignor.h"

enum { SUBSCRIPTION_VERSION = 2, ASSIGNMENT_VERSION = 1 };

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

struct reader {
    struct slice left;
    bool failed;
};

static struct slice take(struct reader *in, size_t length)
{
    if (in->failed || in->left.length < length) {
        in->failed = true;
        return SLICE_NULL;
    }
    struct slice taken = slice_of(in->left.data, length);
    in->left = slice_of(in->left.data + length, in->left.length - length);
    return taken;
}

static int32_t take_i16(struct reader *in)
{
    struct slice bytes = take(in, 2);
    return in->failed ? 0 : get_i16(bytes.data);
}

static int32_t take_i32(struct reader *in)
{
    struct slice bytes = take(in, 4);
    return in->failed ? 0 : get_i32(bytes.data);
}

static struct slice take_name(struct reader *in)
{
    int32_t length = take_i16(in);
    in->failed = in->failed || length < 0;
    return take(in, in->failed ? 0 : (size_t)length);
}

/* ---- one round ----------------------------------------------------------------------------------------------------
 */

struct place {            /* of one partition */
    int32_t owner, given; /* members' indexes; -1: none */
};

struct round {
    struct assignor_member *members;
    int32_t member_count;
    const struct assignor_topic *topics;
    int32_t topic_count;
    bool *wants;           /* member x topic */
    struct place **places; /* by topic and partition */
    int32_t *loads;        /* by member */
    struct arena *arena;
};

static int32_t topic_index(const struct round *round, struct slice name)
{
    for (int32_t i = 0; i < round->topic_count; i++)
        if (slice_equal(round->topics[i].name, name))
            return i;
    return -1;
}

/* Who claims a partition that another one has claimed before does not own it. */
static void read_owned(struct round *round, int32_t member, struct reader *in)
{
    int32_t topics = take_i32(in);
    for (int32_t t = 0; t < topics && !in->failed; t++) {
        int32_t topic = topic_index(round, take_name(in)), partitions = take_i32(in);
        for (int32_t p = 0; p < partitions && !in->failed; p++) {
            int32_t partition = take_i32(in);
            bool known = !in->failed && topic >= 0 && partition >= 0 &&
                         partition < round->topics[topic].partition_count &&
                         round->wants[member * round->topic_count + topic];
            if (known && round->places[topic][partition].owner < 0)
                round->places[topic][partition].owner = member;
        }
    }
}

static void read_member(struct round *round, int32_t member)
{
    struct reader in = {.left = round->members[member].subscription};
    int32_t version = take_i16(&in), topics = take_i32(&in);
    for (int32_t t = 0; t < topics && !in.failed; t++) {
        int32_t topic = topic_index(round, take_name(&in));
        if (!in.failed && topic >= 0)
            round->wants[member * round->topic_count + topic] = true;
    }
    int32_t user_data = take_i32(&in);
    if (user_data > 0)
        take(&in, (size_t)user_data);
    if (version >= 1 && !in.failed)
        read_owned(round, member, &in);
}

static bool begin(struct round *round)
{
    size_t members = (size_t)round->member_count, topics = (size_t)round->topic_count;
    round->wants = ARENA_ARRAY(round->arena, bool, members *topics + 1);
    round->loads = ARENA_ARRAY(round->arena, int32_t, members + 1);
    round->places = ARENA_ARRAY(round->arena, struct place *, topics + 1);
    if (round->wants == NULL || round->loads == NULL || round->places == NULL)
        return false;
    for (size_t t = 0; t < topics; t++) {
        round->places[t] = ARENA_ARRAY(round->arena, struct place, (size_t)round->topics[t].partition_count + 1);
        if (round->places[t] == NULL)
            return false;
        for (int32_t p = 0; p < round->topics[t].partition_count; p++)
            round->places[t][p] = (struct place){-1, -1};
    }
    for (int32_t m = 0; m < round->member_count; m++)
        read_member(round, m);
    return true;
}

/* What is owned stays as far as it is a fair share: with 7 partitions for 3 members two each, and one has three. */
static void keep_owned(struct round *round)
{
    int32_t total = 0;
    for (int32_t t = 0; t < round->topic_count; t++)
        total += round->topics[t].partition_count;
    int32_t share = round->member_count == 0 ? 0 : total / round->member_count;
    int32_t more = round->member_count == 0 ? 0 : total % round->member_count; /* so many may have one more */
    for (int32_t t = 0; t < round->topic_count; t++)
        for (int32_t p = 0; p < round->topics[t].partition_count; p++) {
            struct place *place = &round->places[t][p];
            if (place->owner < 0)
                continue;
            int32_t *load = &round->loads[place->owner];
            if (*load > share || (*load == share && more == 0))
                continue;
            more -= *load == share;
            place->given = place->owner;
            (*load)++;
        }
}

static void give_rest(struct round *round)
{
    for (int32_t t = 0; t < round->topic_count; t++)
        for (int32_t p = 0; p < round->topics[t].partition_count; p++) {
            int32_t best = -1;
            if (round->places[t][p].given >= 0)
                continue;
            for (int32_t m = 0; m < round->member_count; m++)
                if (round->wants[m * round->topic_count + t] && (best < 0 || round->loads[m] < round->loads[best]))
                    best = m;
            round->places[t][p].given = best;
            if (best >= 0)
                round->loads[best]++;
        }
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

/* Not yet: it is another one's until that one has joined again without it. */
static bool is_told(const struct place *place, int32_t member)
{
    return place->given == member && (place->owner < 0 || place->owner == member);
}

static bool write_assignment(const struct round *round, int32_t member)
{
    size_t size = 10;
    int32_t topics = 0;
    for (int32_t t = 0; t < round->topic_count; t++)
        size += 6 + round->topics[t].name.length + 4 * (size_t)round->topics[t].partition_count;
    uint8_t *bytes = arena_alloc(round->arena, size), *at = bytes;
    if (bytes == NULL)
        return false;
    put_i16(at, ASSIGNMENT_VERSION);
    at += 6;
    for (int32_t t = 0; t < round->topic_count; t++) {
        int32_t count = 0;
        for (int32_t p = 0; p < round->topics[t].partition_count; p++)
            count += is_told(&round->places[t][p], member);
        if (count == 0)
            continue;
        topics++;
        put_i16(at, (int16_t)round->topics[t].name.length);
        memcpy(at + 2, round->topics[t].name.data, round->topics[t].name.length);
        at += 2 + round->topics[t].name.length;
        put_i32(at, count);
        at += 4;
        for (int32_t p = 0; p < round->topics[t].partition_count; p++)
            if (is_told(&round->places[t][p], member)) {
                put_i32(at, p);
                at += 4;
            }
    }
    put_i32(bytes + 2, topics);
    put_i32(at, -1); /* no user data */
    round->members[member].assignment = slice_of(bytes, (size_t)(at + 4 - bytes));
    return true;
}

bool assignor_assign(struct assignor_member *members, int32_t count, const struct assignor_topic *topics,
                     int32_t topic_count, struct arena *arena)
{
    struct round round = {
        .members = members, .member_count = count, .topics = topics, .topic_count = topic_count, .arena = arena};
    if (!begin(&round))
        return false;
    keep_owned(&round);
    give_rest(&round);
    bool written = true;
    for (int32_t m = 0; m < count && written; m++)
        written = write_assignment(&round, m);
    return written;
}

/* ---- one member's side --------------------------------------------------------------------------------------------
 */

struct slice assignor_subscription(const struct assignor_owned *owned, struct arena *arena)
{
    size_t name = owned->topic.length;
    size_t size = 2 + 4 + 2 + name + 4 + 4 + 2 + name + 4 + 4 * (size_t)owned->count + 4;
    uint8_t *bytes = arena_alloc(arena, size), *at = bytes;
    if (bytes == NULL)
        return SLICE_NULL;
    put_i16(at, SUBSCRIPTION_VERSION);
    put_i32(at + 2, 1);
    put_i16(at + 6, (int16_t)name);
    memcpy(at + 8, owned->topic.data, name);
    at += 8 + name;
    put_i32(at, -1); /* no user data */
    put_i32(at + 4, owned->count > 0 ? 1 : 0);
    at += 8;
    if (owned->count > 0) {
        put_i16(at, (int16_t)name);
        memcpy(at + 2, owned->topic.data, name);
        put_i32(at + 2 + name, owned->count);
        at += 6 + name;
        for (int32_t i = 0; i < owned->count; i++, at += 4)
            put_i32(at, owned->partitions[i]);
    }
    put_i32(at, owned->generation);
    return slice_of(bytes, (size_t)(at + 4 - bytes));
}

int32_t assignor_topics(const struct assignor_member *members, int32_t count, struct slice **names, struct arena *arena)
{
    int32_t found = 0, capacity = 0;
    for (int32_t m = 0; m < count; m++)
        capacity += (int32_t)(members[m].subscription.length / 2); /* no name is shorter */
    *names = ARENA_ARRAY(arena, struct slice, (size_t)capacity + 1);
    if (*names == NULL)
        return -1;
    for (int32_t m = 0; m < count; m++) {
        struct reader in = {.left = members[m].subscription};
        take_i16(&in);
        int32_t topics = take_i32(&in);
        for (int32_t t = 0; t < topics && !in.failed; t++) {
            struct slice name = take_name(&in);
            int32_t at = 0;
            while (at < found && !slice_equal((*names)[at], name))
                at++;
            if (!in.failed && at == found)
                (*names)[found++] = name;
        }
    }
    return found;
}

bool assignor_read(struct slice assignment, struct slice topic, int32_t **partitions, int32_t *count,
                   struct arena *arena)
{
    struct reader in = {.left = assignment};
    *count = 0;
    *partitions = ARENA_ARRAY(arena, int32_t, assignment.length / 4 + 1);
    if (*partitions == NULL)
        return false;
    if (assignment.length == 0)
        return true; /* nothing to do */
    take_i16(&in);
    int32_t topics = take_i32(&in);
    for (int32_t t = 0; t < topics && !in.failed; t++) {
        struct slice name = take_name(&in);
        int32_t more = take_i32(&in);
        for (int32_t p = 0; p < more && !in.failed; p++) {
            int32_t partition = take_i32(&in);
            if (!in.failed && slice_equal(name, topic))
                (*partitions)[(*count)++] = partition;
        }
    }
    return !in.failed;
}
