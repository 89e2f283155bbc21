/* core/config/internal.h -- how fields are kept; only for the files of this room. */
#ifndef RINGMAIN_CORE_CONFIG_INTERNAL_H
#define RINGMAIN_CORE_CONFIG_INTERNAL_H

#include "core/config/config.h"

enum config_store {
    STORE_NONE,
    STORE_BOOL,
    STORE_INT,
    STORE_SHORT,
    STORE_LONG,
    STORE_DOUBLE,
    STORE_STRING,
    STORE_LIST,
    STORE_CLASS,
    STORE_PASSWORD,
    STORE_CLEANUP,
    STORE_COMPRESSION,
    STORE_TIMESTAMP,
    STORE_DURABILITY,
};

/* Checks `text` and puts it into the field of `base` (NULL: only checks). Text fields keep the pointer `text`, which is
 * NUL-terminated. A NULL text stores Kafka's null. */
bool config_store_value(const struct config_key *key, const char *text, void *base,
                        char why[CONFIG_WHY_SIZE]) MUST_CHECK;

/* Walks a comma separated list; false at its end. Items are trimmed; an empty list has no items. */
bool config_next_item(const char **rest, struct slice *item);
struct slice config_trim(struct slice text);

/* Listeners of a configuration whose plain fields are filled in. */
enum err config_load_listeners(struct broker_config *config, struct arena *arena, struct config_problems *problems,
                               const struct config_layers *layers) MUST_CHECK;
bool config_is_listener_limit(const struct config_key *key);                  /* listener.name.x.key is read too */
int config_line_of(const struct config_settings *settings, const char *name); /* 0: not in the file */

#endif
