/* ringmain dump FILE...: what stands in segments, indexes and checkpoint files; --verify says whether it is whole. */
#include "core/wire/batch.h"
#include "core/wire/crc32c.h"
#include "net/cli/cli.h"
#include "net/cli/dump_beside.h"
#include "net/cli/dump_records.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_LIMIT = 1 << 30, INDEX_ENTRY = 8, TIME_INDEX_ENTRY = 12, TXN_INDEX_ENTRY = 34 };

struct dump {
    struct cli *cli;
    const char *path;
    struct slice bytes;
    struct dump_beside beside; /* an index: the log it belongs to, if that is there */
    bool verify, records;
};

static bool ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), width = strlen(ending);
    return length >= width && strcmp(path + length - width, ending) == 0;
}

static bool broken(const struct dump *dump, size_t pos, const char *what)
{
    fprintf(stderr, "ringmain: %s: at byte %zu: %s\n", dump->path, pos, what);
    return false;
}

static bool has_log(const struct dump *dump)
{
    return dump->beside.log.length > 0;
}

static bool fits(const struct dump *dump, size_t pos, const char *wrong)
{
    return wrong == NULL || broken(dump, pos, wrong);
}

/* The number a segment file is named after; 0 for other names. */
static int64_t base_offset_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    int64_t offset = 0;
    for (; *name >= '0' && *name <= '9' && offset < INT64_MAX / 10 - 1; name++)
        offset = offset * 10 + (*name - '0');
    return offset;
}

static bool dump_batches(const struct dump *dump)
{
    size_t pos = 0;
    int64_t next = base_offset_of(dump->path);
    while (pos < dump->bytes.length) {
        struct batch_header header;
        const uint8_t *at = dump->bytes.data + pos;
        if (batch_read_header(at, dump->bytes.length - pos, &header) != ERR_OK)
            return broken(dump, pos, "this is no record batch");
        if (header.size > dump->bytes.length - pos)
            return broken(dump, pos, "the last batch is cut short");
        bool valid = batch_crc_matches(at, &header);
        if (!dump->verify)
            printf("pos %zu offset %lld..%lld count %d size %zu epoch %d time %lld..%lld attributes 0x%x producer "
                   "%lld/%d sequence %d crc %08x %s\n",
                   pos, (long long)header.base_offset, (long long)batch_last_offset(&header), header.record_count,
                   header.size, header.leader_epoch, (long long)header.base_timestamp, (long long)header.max_timestamp,
                   (unsigned)header.attributes, (long long)header.producer_id, header.producer_epoch,
                   header.base_sequence, header.crc, valid ? "valid" : "WRONG");
        if (!valid)
            return broken(dump, pos, "the checksum is wrong");
        if (dump->records && !dump->verify && dump_records(dump->path, &header, at, &dump->cli->arena) != ERR_OK)
            return broken(dump, pos, "the records of this batch cannot be read");
        if (header.base_offset < next)
            return broken(dump, pos, "offsets do not rise");
        next = batch_last_offset(&header) + 1;
        pos += header.size;
    }
    return true;
}

static bool dump_index(struct dump *dump)
{
    int64_t base = base_offset_of(dump->path);
    uint32_t last_offset = 0, last_pos = 0;
    for (size_t pos = 0; pos + INDEX_ENTRY <= dump->bytes.length; pos += INDEX_ENTRY) {
        uint32_t offset = get_u32(dump->bytes.data + pos), at = get_u32(dump->bytes.data + pos + 4);
        if (pos > 0 && offset == 0 && at == 0)
            break; /* preallocated and not used */
        if (!dump->verify)
            printf("offset %lld position %u\n", (long long)(base + offset), at);
        if (pos > 0 && (offset <= last_offset || at <= last_pos))
            return broken(dump, pos, "entries do not rise");
        if (!fits(dump, pos, has_log(dump) ? dump_beside_index(&dump->beside, base + offset, at) : NULL))
            return false;
        last_offset = offset;
        last_pos = at;
    }
    return dump->bytes.length % INDEX_ENTRY == 0 || broken(dump, dump->bytes.length, "not a whole number of entries");
}

static bool dump_time_index(struct dump *dump)
{
    int64_t base = base_offset_of(dump->path), last = INT64_MIN;
    for (size_t pos = 0; pos + TIME_INDEX_ENTRY <= dump->bytes.length; pos += TIME_INDEX_ENTRY) {
        int64_t timestamp = get_i64(dump->bytes.data + pos);
        uint32_t offset = get_u32(dump->bytes.data + pos + 8);
        if (pos > 0 && timestamp == 0 && offset == 0)
            break;
        if (!dump->verify)
            printf("timestamp %lld offset %lld\n", (long long)timestamp, (long long)(base + offset));
        if (timestamp < last)
            return broken(dump, pos, "timestamps do not rise");
        if (!fits(dump, pos, has_log(dump) ? dump_beside_time(&dump->beside, timestamp, base + offset) : NULL))
            return false;
        last = timestamp;
    }
    return dump->bytes.length % TIME_INDEX_ENTRY == 0 ||
           broken(dump, dump->bytes.length, "not a whole number of entries");
}

static bool dump_txn_index(struct dump *dump)
{
    for (size_t pos = 0; pos + TXN_INDEX_ENTRY <= dump->bytes.length; pos += TXN_INDEX_ENTRY) {
        const uint8_t *at = dump->bytes.data + pos;
        if (!dump->verify)
            printf("version %d producer %lld offset %lld..%lld last stable offset %lld\n", get_i16(at),
                   (long long)get_i64(at + 2), (long long)get_i64(at + 10), (long long)get_i64(at + 18),
                   (long long)get_i64(at + 26));
        if (get_i16(at) != 0)
            return broken(dump, pos, "unknown version");
        const char *wrong = has_log(dump) ? dump_beside_aborted(&dump->beside, get_i64(at + 2), get_i64(at + 10),
                                                                get_i64(at + 18), get_i64(at + 26))
                                          : NULL;
        if (!fits(dump, pos, wrong))
            return false;
    }
    return dump->bytes.length % TXN_INDEX_ENTRY == 0 ||
           broken(dump, dump->bytes.length, "not a whole number of entries");
}

/* A head, a CRC-32C, what it was made of. */
static bool dump_checked(const struct dump *dump, struct slice head)
{
    size_t crc_pos = head.length, from = crc_pos + 4;
    if (dump->bytes.length < from)
        return broken(dump, dump->bytes.length, "the file is cut short");
    if (!slice_equal(slice_of(dump->bytes.data, crc_pos), head))
        return broken(dump, 0, "unknown version");
    bool valid = get_u32(dump->bytes.data + crc_pos) == crc32c(0, dump->bytes.data + from, dump->bytes.length - from);
    if (!dump->verify)
        printf("bytes %zu crc %08x %s\n", dump->bytes.length, get_u32(dump->bytes.data + crc_pos),
               valid ? "valid" : "WRONG");
    return valid || broken(dump, crc_pos, "the checksum is wrong");
}

/* Offsets and epochs by partition: a version, how many lines follow, the lines. Nothing says whether a digit is right.
 */
static bool dump_checkpoint(const struct dump *dump)
{
    const uint8_t *at = dump->bytes.data, *end = at + dump->bytes.length;
    int64_t lines = 0, expected = -1;
    if (!dump->verify)
        cli_print_bytes(dump->bytes);
    for (const uint8_t *line = at; at < end; at++) {
        bool plain = (*at > ' ' && *at < 0x7f) || *at == ' ' || *at == '\n';
        if (!plain)
            return broken(dump, (size_t)(at - dump->bytes.data), "this is no text");
        if (*at != '\n')
            continue;
        if (lines == 0 && (at - line != 1 || *line != '0'))
            return broken(dump, 0, "unknown version");
        if (lines == 1)
            expected = strtoll((const char *)line, NULL, 10);
        lines++;
        line = at + 1;
    }
    return expected == lines - 2 || broken(dump, dump->bytes.length, "another number of lines than it says");
}

static bool dump_text(const struct dump *dump)
{
    if (!dump->verify)
        cli_print_bytes(dump->bytes);
    return true;
}

/* The log that an index belongs to; NULL: it is not there. */
static void *read_log(const struct dump *dump, size_t *length)
{
    char path[FS_PATH_MAX];
    const char *dot = strrchr(dump->path, '.');
    void *data;
    struct client *client = &dump->cli->client;
    if (dot == NULL ||
        snprintf(path, sizeof(path), "%.*s.log", (int)(dot - dump->path), dump->path) >= (int)sizeof(path))
        return NULL;
    return fs_read_file(io_fs(client->io), client->mem, path, FILE_LIMIT, &data, length) == ERR_OK ? data : NULL;
}

static bool dump_file(struct dump *dump)
{
    void *data;
    size_t length;
    struct client *client = &dump->cli->client;
    enum err err = fs_read_file(io_fs(client->io), client->mem, dump->path, FILE_LIMIT, &data, &length);
    if (err != ERR_OK) {
        fprintf(stderr, "ringmain: %s: %s\n", dump->path, err_text(err));
        return false;
    }
    dump->bytes = slice_of(data, length);
    dump->beside = (struct dump_beside){0};
    if (!dump->verify)
        printf("%s\n", dump->path);
    size_t log_length = 0;
    void *log = ends_with(dump->path, "index") ? read_log(dump, &log_length) : NULL;
    if (log != NULL)
        dump->beside.log = slice_of(log, log_length);
    bool ok = ends_with(dump->path, ".log") || ends_with(dump->path, ".checkpoint") ? dump_batches(dump)
              : ends_with(dump->path, ".timeindex")                                 ? dump_time_index(dump)
              : ends_with(dump->path, ".txnindex")                                  ? dump_txn_index(dump)
              : ends_with(dump->path, ".index")                                     ? dump_index(dump)
              : ends_with(dump->path, ".snapshot")         ? dump_checked(dump, SLICE_LITERAL("\0\1"))
              : ends_with(dump->path, "ringmain-manifest") ? dump_checked(dump, SLICE_LITERAL("RMMF\0\0\0\1"))
              : ends_with(dump->path, "-checkpoint")       ? dump_checkpoint(dump)
                                                           : dump_text(dump);
    if (log != NULL)
        mem_free(client->mem, log, log_length + 1);
    mem_free(client->mem, data, length + 1);
    return ok;
}

int dump_command(int argc, char **argv)
{
    struct dump dump = {0};
    const struct cli_option options[] = {
        {"--records", NULL, "the records, too; those of __consumer_offsets and __transaction_state by their fields",
         .flag = &dump.records},
        {"--verify", NULL, "print only what is wrong; exit code 1 when anything is", .flag = &dump.verify},
    };
    struct cli cli = {.usage = "ringmain dump FILE... [--records] [--verify]",
                      .examples = "  ringmain dump ringmain-data/greetings-0/00000000000000000000.log\n"
                                  "  ringmain dump --records ringmain-data/__consumer_offsets-7/*.log\n"
                                  "  ringmain dump --verify ringmain-data/*-*/*.log && echo whole\n",
                      .local = true,
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count == 0)
        return cli_misused(&cli);
    if (!cli_connect(&cli)) /* reads files only; connects to nothing */
        return CLI_FAILED;
    bool ok = true;
    dump.cli = &cli;
    for (int i = 0; i < cli.word_count; i++) {
        dump.path = cli.words[i];
        ok &= dump_file(&dump);
    }
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
