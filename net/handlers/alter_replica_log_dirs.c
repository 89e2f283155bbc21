/* AlterReplicaLogDirs (KIP-113): which log directory a partition shall lie in. A partition that lies there already is
 * done. One that lies elsewhere is refused with UNSUPPORTED_VERSION: partitions are not moved between directories. */
#include "core/log/log.h"
#include "core/log/log_dirs.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "io/reactor/diag.h"
#include "net/handlers/api.h"
#include "net/handlers/on_partitions.h"

#include <stdlib.h>

typedef struct alter_replica_log_dirs_response_alter_replica_log_dir_topic_result topic_answer;
typedef struct alter_replica_log_dirs_response_alter_replica_log_dir_partition_result partition_answer;

struct move {
    struct on_partition on;
    struct slice topic, path;
    int32_t index;
    int16_t error;
};

struct alter_log_dirs {
    struct on_partitions on;
    struct alter_replica_log_dirs_request message;
    struct move **moves; /* by topic and partition, each partition once */
    int32_t count;
};

/* ---- what is asked ------------------------------------------------------------------------------------------------
 */

static int by_partition_then_place(const void *a, const void *b)
{
    const struct move *x = *(struct move *const *)a, *y = *(struct move *const *)b;
    int order = slice_compare(x->topic, y->topic);
    if (order == 0)
        order = (x->index > y->index) - (x->index < y->index);
    return order != 0 ? order : (x > y) - (x < y); /* of one array: the order of the request */
}

static bool is_same_partition(const struct move *a, const struct move *b)
{
    return a->index == b->index && slice_equal(a->topic, b->topic);
}

static size_t count_asked(const struct alter_replica_log_dirs_request *message)
{
    size_t count = 0;
    for (int32_t d = 0; d < message->dirs.count; d++)
        for (int32_t t = 0; t < message->dirs.items[d].topics.count; t++)
            count += (size_t)message->dirs.items[d].topics.items[t].partitions.count;
    return count;
}

static int32_t list_asked(const struct alter_replica_log_dirs_request *message, struct move *moves)
{
    int32_t count = 0;
    for (int32_t d = 0; d < message->dirs.count; d++)
        for (int32_t t = 0; t < message->dirs.items[d].topics.count; t++) {
            const struct alter_replica_log_dirs_request_alter_replica_log_dir_topic *topic =
                &message->dirs.items[d].topics.items[t];
            for (int32_t i = 0; i < topic->partitions.count; i++)
                moves[count++] = (struct move){
                    .topic = topic->name, .path = message->dirs.items[d].path, .index = topic->partitions.items[i]};
        }
    return count;
}

/* A partition that is named more than once goes where it is named last. False: no memory. */
static bool collect(struct alter_log_dirs *state)
{
    struct arena *arena = &state->on.request->arena;
    size_t most = count_asked(&state->message);
    struct move *moves = ARENA_ARRAY(arena, struct move, most + 1);
    state->moves = ARENA_ARRAY(arena, struct move *, most + 1);
    if (moves == NULL || state->moves == NULL)
        return false;
    int32_t count = list_asked(&state->message, moves);
    for (int32_t i = 0; i < count; i++)
        state->moves[i] = &moves[i];
    qsort(state->moves, (size_t)count, sizeof(*state->moves), by_partition_then_place);
    for (int32_t i = 0; i < count; i++)
        if (i + 1 == count || !is_same_partition(state->moves[i], state->moves[i + 1]))
            state->moves[state->count++] = state->moves[i];
    return true;
}

/* ---- what becomes of it -------------------------------------------------------------------------------------------
 */

static int named_dir(const struct log_dirs *dirs, struct slice path)
{
    for (int i = 0; i < log_dirs_count(dirs); i++)
        if (slice_equal_string(path, log_dirs_path(dirs, i)))
            return i;
    return -1;
}

static int16_t refusal(const struct request *request, const struct move *move, const struct image_topic *topic)
{
    const struct log_dirs *dirs = request->shard->broker->dirs;
    int dir = named_dir(dirs, move->path);
    if (dir < 0)
        return KAFKA_ERROR_LOG_DIR_NOT_FOUND;
    if (log_dirs_is_offline(dirs, dir))
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    return topic == NULL || image_partition_at(topic, move->index) == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                                           : KAFKA_ERROR_NONE;
}

static bool lies_in(const struct log *log, struct slice dir)
{
    const char *path = log_directory(log);
    return strlen(path) > dir.length && memcmp(path, dir.data, dir.length) == 0 && path[dir.length] == '/' &&
           strchr(path + dir.length + 1, '/') == NULL;
}

static void move_run(struct on_partition *on, struct partition *partition)
{
    struct move *move = CONTAINER_OF(on, struct move, on);
    if (partition == NULL)
        move->error = KAFKA_ERROR_REPLICA_NOT_AVAILABLE;
    else if (partition->state != PARTITION_ONLINE)
        move->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    else
        move->error = lies_in(partition->log, move->path) ? KAFKA_ERROR_NONE : KAFKA_ERROR_UNSUPPORTED_VERSION;
    on_partition_done(on);
}

static void move_done(struct on_partitions *on)
{
    struct alter_log_dirs *state = CONTAINER_OF(on, struct alter_log_dirs, on);
    struct request *request = on->request;
    struct alter_replica_log_dirs_response response;
    WIRE_DEFAULTS(alter_replica_log_dirs_response_schema, &response);
    response.results.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)state->count + 1);
    partition_answer *answers = ARENA_ARRAY(&request->arena, partition_answer, (size_t)state->count + 1);
    if (response.results.items == NULL || answers == NULL) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < state->count; i++) {
        const struct move *move = state->moves[i];
        if (i == 0 || !slice_equal(move->topic, state->moves[i - 1]->topic))
            response.results.items[response.results.count++] =
                (topic_answer){.topic_name = move->topic, .partitions = {.items = &answers[i]}};
        answers[i] = (partition_answer){.partition_index = move->index, .error_code = move->error};
        response.results.items[response.results.count - 1].partitions.count++;
        if (move->error == KAFKA_ERROR_UNSUPPORTED_VERSION)
            DIAG(request->io, DIAG_WARN, "a partition stays in its log directory: moving is not supported",
                 "topic=%.*s partition=%d wanted=%.*s", SLICE_ARG(move->topic), move->index, SLICE_ARG(move->path));
    }
    request_answer(request, &response);
}

void handle_alter_replica_log_dirs(struct request *request)
{
    struct alter_log_dirs *state = ARENA_NEW(&request->arena, struct alter_log_dirs);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->message))
        return;
    state->on.run = move_run;
    state->on.done = move_done;
    if (!on_partitions_init(&state->on, request) || !collect(state)) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < state->count; i++) {
        struct move *move = state->moves[i];
        const struct image_topic *topic = image_topic_by_name(request->shard->image, move->topic);
        move->error = refusal(request, move, topic);
        if (move->error != KAFKA_ERROR_NONE)
            continue;
        move->on = (struct on_partition){.topic_id = topic->id, .index = move->index};
        on_partitions_add(&state->on, &move->on);
    }
    on_partitions_send(&state->on);
}
