/* core/controller/internal.h -- what the files of this room share. */
#ifndef RINGMAIN_CORE_CONTROLLER_INTERNAL_H
#define RINGMAIN_CORE_CONTROLLER_INTERNAL_H

#include "core/controller/controller.h"

/* A Kafka code with its message; message NULL: none. */
struct verdict {
    int16_t code;
    const char *message;
};
#define GOOD ((struct verdict){KAFKA_ERROR_NONE, NULL})
/* A request without time is not begun, whatever else is wrong with it, as in Kafka. */
#define TOO_LATE ((struct verdict){KAFKA_ERROR_REQUEST_TIMED_OUT, NULL})

static inline bool is_bad(struct verdict verdict)
{
    return verdict.code != KAFKA_ERROR_NONE;
}

/* Formats into the arena; a full arena loses the text, never the code. */
/* One manual assignment. expected: replicas of the partitions before it, 0: it is the first. */
struct verdict check_assignment(const struct controller *controller, const int32_t *ids, int32_t count,
                                int32_t expected, int32_t partition);
struct verdict refuse(struct arena *arena, int16_t code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Checks one value against its key and, for topics, the whole set against each other. */
struct verdict check_topic_settings(struct arena *arena, const struct broker_config *broker,
                                    const struct config_setting *settings, int count);
/* KIP-966: records that make min.insync.replicas a setting of the cluster and of no single broker. */
enum err settle_least_in_sync(struct controller *controller) MUST_CHECK;

/* A NUL-terminated copy; NULL when the arena is full. */
const char *text_of(struct arena *arena, struct slice text);

/* Names of a request that stand in it more than once: the caller fills `name`, the marks are per index. */
enum repeat_mark { REPEAT_NONE, REPEAT_FIRST, REPEAT_LATER };
struct repeat {
    struct slice name;
    enum repeat_mark mark;
};
bool mark_repeats(struct arena *arena, struct repeat *names, int count) MUST_CHECK;

/* The value in force of a topic key with these overrides, and where it comes from. NULL: null. */
const char *topic_value(const struct config_layers *layers, const struct topic_config *defaults, struct arena *arena,
                        const struct config_key *key, const struct config_setting *overrides, int count,
                        enum config_source *source);

#endif
