#include "core/log/checkpoint.h"

#include <stdarg.h>
#include <stdio.h>

const char *checkpoint_file_name(enum checkpoint_kind kind)
{
    static const char *const names[CHECKPOINT_KINDS] = {
        [CHECKPOINT_RECOVERY_POINT] = "recovery-point-offset-checkpoint",
        [CHECKPOINT_LOG_START] = "log-start-offset-checkpoint",
        [CHECKPOINT_HIGH_WATERMARK] = "replication-offset-checkpoint",
        [CHECKPOINT_CLEANED] = "cleaner-offset-checkpoint",
    };
    ASSERT(kind < CHECKPOINT_KINDS);
    return names[kind];
}

/* ---- numbers and lines ------------------------------------------------------------------------------------------ */

/* Decimal, without sign or blanks, at most `most`. */
static bool parse_number(struct slice text, int64_t most, int64_t *value)
{
    if (text.length == 0 || text.length > 19)
        return false;
    uint64_t sum = 0; /* 19 digits fit */
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (sum > (uint64_t)most)
        return false;
    *value = (int64_t)sum;
    return true;
}

/* The next line without its end; false at the end of the text. */
static bool next_line(const uint8_t **at, const uint8_t *end, struct slice *line)
{
    if (*at == end)
        return false;
    const uint8_t *stop = memchr(*at, '\n', (size_t)(end - *at));
    const uint8_t *next = stop == NULL ? end : stop + 1;
    if (stop == NULL)
        stop = end;
    *line = slice_of(*at, (size_t)(stop - *at));
    if (line->length > 0 && line->data[line->length - 1] == '\r')
        line->length--;
    *at = next;
    return true;
}

/* Takes the word up to the next blank (or the end) off the line. */
static struct slice next_word(struct slice *line)
{
    const uint8_t *blank = line->length == 0 ? NULL : memchr(line->data, ' ', line->length);
    struct slice word = slice_of(line->data, blank == NULL ? line->length : (size_t)(blank - line->data));
    size_t taken = word.length + (blank != NULL);
    line->data += taken;
    line->length -= taken;
    return word;
}

static struct slice trim(struct slice text)
{
    while (text.length > 0 && (*text.data == ' ' || *text.data == '\t'))
        text = slice_of(text.data + 1, text.length - 1);
    while (text.length > 0 && (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* ---- checkpoints --------------------------------------------------------------------------------------------------
 */

enum err checkpoint_begin(struct checkpoint_reader *reader, struct slice text)
{
    struct slice line;
    int64_t version;
    *reader = (struct checkpoint_reader){._at = text.data, ._end = text.data + text.length};
    if (!next_line(&reader->_at, reader->_end, &line) || !parse_number(line, 0, &version) ||
        !next_line(&reader->_at, reader->_end, &line) || !parse_number(line, INT32_MAX, &reader->left))
        return ERR_CORRUPT;
    return ERR_OK;
}

static enum err entry_line(struct checkpoint_reader *reader, struct slice *line)
{
    if (reader->left == 0)
        return reader->_at == reader->_end ? ERR_NOT_FOUND : ERR_CORRUPT;
    reader->left--;
    return next_line(&reader->_at, reader->_end, line) ? ERR_OK : ERR_CORRUPT;
}

enum err checkpoint_next(struct checkpoint_reader *reader, struct checkpoint_entry *entry)
{
    struct slice line;
    enum err err = entry_line(reader, &line);
    if (err != ERR_OK)
        return err;
    int64_t partition;
    entry->topic = next_word(&line);
    if (entry->topic.length == 0 || entry->topic.length > CHECKPOINT_TOPIC_MAX ||
        !parse_number(next_word(&line), INT32_MAX, &partition) || !parse_number(line, INT64_MAX, &entry->offset))
        return ERR_CORRUPT;
    entry->partition = (int32_t)partition;
    return ERR_OK;
}

enum err checkpoint_next_epoch(struct checkpoint_reader *reader, int32_t *epoch, int64_t *start_offset)
{
    struct slice line;
    enum err err = entry_line(reader, &line);
    if (err != ERR_OK)
        return err;
    int64_t number;
    if (!parse_number(next_word(&line), INT32_MAX, &number) || !parse_number(line, INT64_MAX, start_offset))
        return ERR_CORRUPT;
    *epoch = (int32_t)number;
    return ERR_OK;
}

/* ---- properties ---------------------------------------------------------------------------------------------------
 */

/* One "key<separator>value" line; comments and empty lines are skipped. */
static bool next_pair(const uint8_t **at, const uint8_t *end, char separator, struct slice *key, struct slice *value)
{
    struct slice line;
    while (next_line(at, end, &line)) {
        line = trim(line);
        if (line.length == 0 || line.data[0] == '#' || line.data[0] == '!')
            continue;
        const uint8_t *cut = memchr(line.data, separator, line.length);
        size_t length = cut == NULL ? line.length : (size_t)(cut - line.data);
        *key = trim(slice_of(line.data, length));
        *value = cut == NULL ? slice_of(line.data + length, 0) : trim(slice_of(cut + 1, line.length - length - 1));
        return true;
    }
    return false;
}

static bool parse_uuid(struct slice text, struct uuid *id)
{
    char copy[UUID_TEXT_SIZE];
    if (text.length != UUID_TEXT_SIZE - 1)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return uuid_parse(copy, id);
}

enum err checkpoint_read_meta(struct slice text, struct checkpoint_meta *meta)
{
    const uint8_t *at = text.data, *end = text.data + text.length;
    struct slice key, value;
    int64_t version = -1, node = -1;
    *meta = (struct checkpoint_meta){.node_id = -1};
    while (next_pair(&at, end, '=', &key, &value)) {
        if (slice_equal_string(key, "version") && !parse_number(value, 1, &version))
            return ERR_CORRUPT;
        /* Version 0 is that of nodes that came from ZooKeeper; its key is broker.id. */
        if ((slice_equal_string(key, "node.id") || slice_equal_string(key, "broker.id")) &&
            !parse_number(value, INT32_MAX, &node))
            return ERR_CORRUPT;
        if (slice_equal_string(key, "cluster.id")) {
            if (value.length == 0 || value.length >= sizeof(meta->cluster_id))
                return ERR_CORRUPT;
            memcpy(meta->cluster_id, value.data, value.length);
            meta->cluster_id[value.length] = '\0';
        }
        if (slice_equal_string(key, "directory.id") && !parse_uuid(value, &meta->directory_id))
            return ERR_CORRUPT;
    }
    meta->node_id = (int32_t)node;
    return version < 0 || node < 0 || meta->cluster_id[0] == '\0' ? ERR_CORRUPT : ERR_OK;
}

int checkpoint_write_meta(const struct checkpoint_meta *meta, char text[CHECKPOINT_META_SIZE])
{
    char id[UUID_TEXT_SIZE];
    uuid_format(meta->directory_id, id);
    int length = snprintf(text, CHECKPOINT_META_SIZE, "version=1\nnode.id=%d\ncluster.id=%s\ndirectory.id=%s\n",
                          meta->node_id, meta->cluster_id, id);
    ASSERT(length > 0 && length < CHECKPOINT_META_SIZE);
    return length;
}

enum err checkpoint_read_topic_id(struct slice text, struct uuid *topic_id)
{
    const uint8_t *at = text.data, *end = text.data + text.length;
    struct slice key, value;
    int64_t version = -1;
    bool has_id = false;
    while (next_pair(&at, end, ':', &key, &value)) {
        if (slice_equal_string(key, "version") && !parse_number(value, 0, &version))
            return ERR_CORRUPT;
        if (slice_equal_string(key, "topic_id"))
            has_id = parse_uuid(value, topic_id);
    }
    return version == 0 && has_id && !uuid_is_zero(*topic_id) ? ERR_OK : ERR_CORRUPT;
}

bool checkpoint_split_name(const char *name, struct slice *topic, int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    int64_t number;
    if (dash == NULL || dash == name || dash - name > CHECKPOINT_TOPIC_MAX)
        return false;
    struct slice digits = slice_from_string(dash + 1);
    if (!parse_number(digits, INT32_MAX, &number) || (digits.length > 1 && digits.data[0] == '0'))
        return false;
    *topic = slice_of(name, (size_t)(dash - name));
    *partition = (int32_t)number;
    return true;
}

/* ---- making --------------------------------------------------------------------------------------------------------
 */

void checkpoint_text_init(struct checkpoint_text *text, struct mem *mem)
{
    *text = (struct checkpoint_text){.mem = mem};
}

void checkpoint_text_fini(struct checkpoint_text *text)
{
    mem_free(text->mem, text->data, text->capacity);
    checkpoint_text_init(text, text->mem);
}

void checkpoint_add(struct checkpoint_text *text, struct slice bytes)
{
    if (text->failed || bytes.length == 0)
        return;
    if (text->capacity - text->length < bytes.length) {
        size_t larger = size_max(text->capacity * 2, text->length + bytes.length + 256);
        char *moved = mem_resize(text->mem, text->data, text->capacity, larger);
        text->failed = moved == NULL;
        if (moved == NULL)
            return;
        text->data = moved;
        text->capacity = larger;
    }
    memcpy(text->data + text->length, bytes.data, bytes.length);
    text->length += bytes.length;
}

void checkpoint_printf(struct checkpoint_text *text, const char *format, ...)
{
    char line[CHECKPOINT_TOPIC_MAX + 64];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    ASSERT(length >= 0 && (size_t)length < sizeof(line));
    checkpoint_add(text, slice_of(line, (size_t)length));
}
