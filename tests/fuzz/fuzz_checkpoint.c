/* The text files of a data directory: checkpoints, leader epochs, meta.properties, partition.metadata. */
#include "core/log/checkpoint.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1); /* of its exact size: a sanitizer sees one byte too far */
    if (size > 0)
        memcpy(bytes, data, size);
    struct slice text = slice_of(bytes, size);
    struct checkpoint_reader reader;
    struct checkpoint_entry entry;
    struct checkpoint_meta meta;
    struct uuid topic_id;
    int32_t epoch;
    int64_t offset;
    if (checkpoint_begin(&reader, text) == ERR_OK)
        while (checkpoint_next(&reader, &entry) == ERR_OK)
            ASSERT(entry.topic.length <= size);
    if (checkpoint_begin(&reader, text) == ERR_OK)
        while (checkpoint_next_epoch(&reader, &epoch, &offset) == ERR_OK)
            MAYBE(offset);
    (void)!checkpoint_read_meta(text, &meta);
    (void)!checkpoint_read_topic_id(text, &topic_id);
    free(bytes);
    return 0;
}
