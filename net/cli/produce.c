/* ringmain produce TOPIC [FILE]...: one record a line, from files or standard input. */
#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "io/reactor/console.h"
#include "net/cli/cli.h"
#include "net/client/sender.h"

/* Who types, or a pipe that comes to rest, does not wait for a full batch. */
enum { LINGER_MS = 20, CHUNK_BYTES = 64 * 1024, PROGRESS_NS = 200000000, TRANSACTION_TIMEOUT_MS = 60000 };
enum { LOOK_MS = 100 }; /* for a signal, while no input comes */

struct produce {
    struct cli *cli;
    struct sender *sender;
    struct slice topic;
    int64_t forced; /* --partition, -1: none */
    int16_t acks;
    int codec;
    bool unordered;     /* --no-idempotence */
    const char *txn_id; /* --transactional-id, NULL: none */
    int64_t txn_timeout_ms;
    struct transaction transaction;
    const char *separator, *null; /* --null: what stands for no data */
    uint8_t headers[4096];
    size_t headers_length;
    int32_t header_count;
    char *line; /* SENDER_RECORD_MAX_BYTES */
    size_t line_length;
    int64_t record_count, byte_count;
    int64_t began_ns, shown_ns;
};

static bool fine(struct produce *produce, enum err err)
{
    if (err == ERR_OK)
        return true;
    const struct sender_refusal *refusal = produce->sender == NULL ? NULL : sender_refusal(produce->sender);
    if (err == ERR_INVALID && refusal != NULL && refusal->error != KAFKA_ERROR_NONE)
        return cli_refused("cannot produce to", produce->topic, refusal->error,
                           refusal->message[0] == '\0' ? SLICE_NULL : slice_from_string(refusal->message));
    if (produce->cli->client.interrupts > 0)
        return false; /* it was meant to end */
    if (err == ERR_LIMIT)
        fprintf(stderr, "ringmain: a line is too long (at most %d bytes)\n", SENDER_RECORD_MAX_BYTES);
    else
        fprintf(stderr, "ringmain: %s\n", err == ERR_NO_MEMORY ? "out of memory" : produce->cli->client.why);
    return false;
}

/* On a terminal, a few times a second: what brokers have taken so far. */
static void show_progress(struct produce *produce)
{
    struct io *io = produce->cli->client.io;
    int64_t now_ns = io_now_ns(io);
    if (now_ns - produce->shown_ns < PROGRESS_NS || !cli_is_terminal())
        return;
    double seconds = (double)(now_ns - produce->began_ns) / 1e9;
    produce->shown_ns = now_ns;
    fprintf(stderr, "\r%lld records, %.1f MB read, %lld taken, %.1f MB/s\033[K", (long long)produce->record_count,
            (double)produce->byte_count / 1e6, (long long)sender_answered(produce->sender),
            (double)produce->byte_count / 1e6 / (seconds > 0 ? seconds : 1));
}

static bool add_line(struct produce *produce, struct slice line)
{
    struct sender_record record = {.timestamp_ms = io_wall_ms(produce->cli->client.io),
                                   .value = line,
                                   .headers = slice_of(produce->headers, produce->headers_length),
                                   .header_count = produce->header_count};
    if (produce->separator != NULL) {
        size_t width = strlen(produce->separator);
        const uint8_t *at = memmem(line.data, line.length, produce->separator, width);
        if (at != NULL) {
            record.key = slice_of(line.data, (size_t)(at - line.data));
            record.value = slice_of(at + width, line.length - record.key.length - width);
        }
    }
    if (produce->null != NULL && slice_equal_string(record.key, produce->null))
        record.key = SLICE_NULL;
    if (produce->null != NULL && slice_equal_string(record.value, produce->null))
        record.value = SLICE_NULL;
    int32_t partition = produce->forced >= 0 ? (int32_t)produce->forced : sender_choose(produce->sender, record.key);
    if (!fine(produce, sender_add(produce->sender, partition, &record)))
        return false;
    produce->record_count++;
    produce->byte_count += (int64_t)line.length;
    return true;
}

/* Cuts lines; the rest stays for the next chunk. */
static bool add_chunk(struct produce *produce, const char *chunk, size_t length)
{
    while (length > 0) {
        const char *end = memchr(chunk, '\n', length);
        size_t piece = end == NULL ? length : (size_t)(end - chunk);
        if (produce->line_length + piece > SENDER_RECORD_MAX_BYTES)
            return fine(produce, ERR_LIMIT);
        struct slice line = slice_of(chunk, piece);
        if (end == NULL || produce->line_length > 0) {
            memcpy(produce->line + produce->line_length, chunk, piece);
            produce->line_length += piece;
            line = slice_of(produce->line, produce->line_length);
        }
        if (end == NULL)
            return true;
        produce->line_length = 0;
        if (!add_line(produce, line))
            return false;
        chunk += piece + 1;
        length -= piece + 1;
    }
    return true;
}

/* True also at the end of the file; false: something went wrong, or a signal has come. */
static bool await_input(struct produce *produce, FILE *file)
{
    struct client *client = &produce->cli->client;
    if (!console_has_input(file, LINGER_MS)) {
        if (!fine(produce, sender_flush(produce->sender)))
            return false;
        while (!client_is_interrupted(client) && !console_has_input(file, LOOK_MS))
            ;
    }
    return !client_is_interrupted(client);
}

static bool add_file(struct produce *produce, FILE *file)
{
    char chunk[CHUNK_BYTES];
    bool ok = true;
    for (;;) {
        ok = await_input(produce, file);
        size_t got = ok ? console_read(file, chunk, sizeof chunk) : 0;
        ok = ok && add_chunk(produce, chunk, got);
        if (!ok || got == 0)
            break;
        show_progress(produce);
    }
    if (ok && produce->line_length > 0)
        ok = add_line(produce, slice_of(produce->line, produce->line_length));
    produce->line_length = 0;
    return ok;
}

static bool add_header(struct produce *produce, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t key = equals == NULL ? 0 : (size_t)(equals - text), value = equals == NULL ? 0 : strlen(equals + 1);
    if (key == 0 || key + value + 20 > sizeof produce->headers - produce->headers_length) {
        fprintf(stderr, "ringmain: header '%s' is not KEY=VALUE or too long\n", text);
        return false;
    }
    produce->headers_length +=
        batch_put_header(produce->headers + produce->headers_length, slice_of(text, key), slice_of(equals + 1, value));
    produce->header_count++;
    return true;
}

static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};

static bool choose(struct produce *produce, const char *acks, const char *codec, const char *partition)
{
    produce->acks = acks == NULL || strcmp(acks, "all") == 0 ? -1 : strcmp(acks, "1") == 0 ? 1 : 0;
    if (acks != NULL && strcmp(acks, "all") != 0 && strcmp(acks, "1") != 0 && strcmp(acks, "0") != 0) {
        fprintf(stderr, "--acks: '%s' is none of 0, 1, all\n", acks);
        return false;
    }
    produce->codec = COMPRESS_NONE;
    for (size_t i = 0; codec != NULL && i <= COUNT_OF(codecs); i++) {
        if (i == COUNT_OF(codecs)) {
            fprintf(stderr, "--compression: '%s' is none of none, gzip, snappy, lz4, zstd\n", codec);
            return false;
        }
        if (strcmp(codec, codecs[i]) == 0) {
            produce->codec = (int)i;
            break;
        }
    }
    produce->forced = -1;
    return partition == NULL || (cli_number("--partition", partition, &produce->forced) && produce->forced >= 0);
}

static bool choose_transaction(struct produce *produce, const char *timeout)
{
    produce->txn_timeout_ms = TRANSACTION_TIMEOUT_MS;
    if (timeout != NULL && (!cli_number("--transaction-timeout-ms", timeout, &produce->txn_timeout_ms) ||
                            produce->txn_timeout_ms < 1 || produce->txn_timeout_ms > INT32_MAX))
        return false;
    if (produce->txn_id != NULL && (produce->acks != -1 || produce->unordered)) {
        fprintf(stderr, "--transactional-id: only with --acks all and without --no-idempotence\n");
        return false;
    }
    return true;
}

static bool transaction_fine(struct produce *produce, enum err err)
{
    if (err == ERR_UNSUPPORTED)
        fprintf(stderr, "ringmain: the brokers are too old for --transactional-id (Produce 12, Apache Kafka 4.0)\n");
    else if (err == ERR_INVALID)
        return cli_refused("transactional id", produce->transaction.id, produce->transaction.error, SLICE_NULL);
    else if (err != ERR_OK && produce->cli->client.interrupts == 0)
        fprintf(stderr, "ringmain: %s\n", err == ERR_NO_MEMORY ? "out of memory" : produce->cli->client.why);
    return err == ERR_OK;
}

/* Everything was taken: it is committed; else aborted, as far as the coordinator still can be asked. */
static bool end_transaction(struct produce *produce, bool ok)
{
    struct cli *cli = produce->cli;
    if (produce->txn_id == NULL || produce->transaction.producer_id < 0 || (ok && produce->record_count == 0))
        return ok;
    if (!ok)
        client_go_on(&cli->client); /* a second signal leaves it to the timeout */
    enum err err = transaction_end(&produce->transaction, &cli->client, &cli->arena, ok);
    if (ok)
        return transaction_fine(produce, err);
    fprintf(stderr, err == ERR_OK ? "ringmain: the transaction was aborted\n"
                                  : "ringmain: the transaction is aborted when its timeout has passed\n");
    return false;
}

static bool open_sender(struct produce *produce)
{
    struct cli *cli = produce->cli;
    struct sender_options options = {.topic = produce->topic,
                                     .acks = produce->acks,
                                     .codec = (enum compress_codec)produce->codec,
                                     .idempotent = !produce->unordered,
                                     .transaction = produce->txn_id == NULL ? NULL : &produce->transaction};
    if (produce->txn_id != NULL &&
        !transaction_fine(produce,
                          transaction_open(&produce->transaction, &cli->client, &cli->arena,
                                           slice_from_string(produce->txn_id), (int32_t)produce->txn_timeout_ms)))
        return false;
    produce->line = mem_alloc(cli->client.mem, SENDER_RECORD_MAX_BYTES);
    if (!fine(produce, produce->line == NULL ? ERR_NO_MEMORY : sender_open(&cli->client, &options, &produce->sender)))
        return false;
    int32_t count = sender_partitions(produce->sender);
    if (produce->forced < count)
        return true;
    fprintf(stderr, "ringmain: %.*s has %d partitions, not a partition %lld\n", SLICE_ARG(produce->topic), count,
            (long long)produce->forced);
    return false;
}

static bool run(struct produce *produce)
{
    struct cli *cli = produce->cli;
    bool ok = open_sender(produce);
    produce->began_ns = io_now_ns(cli->client.io);
    for (int i = 1; ok && i < cli->word_count; i++) {
        FILE *file = cli_open_file(cli->words[i]);
        ok = file != NULL && add_file(produce, file);
        if (file != NULL)
            cli_close_file(file);
    }
    if (ok && cli->word_count == 1)
        ok = add_file(produce, stdin);
    ok = ok && fine(produce, sender_flush(produce->sender));
    return end_transaction(produce, ok);
}

static void report(const struct produce *produce)
{
    if (produce->cli->json)
        cli_print_json(json_pack("{s:I,s:I,s:b,s:b}", "records", (json_int_t)produce->record_count, "bytes",
                                 (json_int_t)produce->byte_count, "idempotent", sender_is_idempotent(produce->sender),
                                 "committed", produce->txn_id != NULL && produce->record_count > 0));
    else if (cli_is_terminal())
        fprintf(stderr, "\r%lld records, %lld bytes\033[K\n", (long long)produce->record_count,
                (long long)produce->byte_count);
}

int produce_command(int argc, char **argv)
{
    const char *acks = NULL, *codec = NULL, *partition = NULL, *txn_timeout = NULL, *headers[CLI_REPEAT_MAX];
    int header_count = 0;
    struct produce produce = {0};
    const struct cli_option options[] = {
        {"--key-separator", "TEXT", "what stands before it in a line is the key", .texts = &produce.separator},
        {"--null", "TEXT", "a key or value that reads so is none: a tombstone", .texts = &produce.null},
        {"--header", "KEY=VALUE", "of every record; may be repeated", .texts = headers, .count = &header_count},
        {"--compression", "CODEC", "none, gzip, snappy, lz4, zstd", .texts = &codec},
        {"--acks", "ACKS", "0, 1 or all (default)", .texts = &acks},
        {"--no-idempotence", NULL, "a second try may store twice; else only with acks 0 and 1",
         .flag = &produce.unordered},
        {"--partition", "N", "instead of the key's", .texts = &partition},
        {"--transactional-id", "ID", "all of the input is one transaction: committed at its end, aborted on an error",
         .texts = &produce.txn_id},
        {"--transaction-timeout-ms", "MS", "what is still open then is aborted (60000)", .texts = &txn_timeout},
    };
    struct cli cli = {.usage = "ringmain produce TOPIC [FILE]... [OPTION]...",
                      .examples = "  echo 'hello' | ringmain produce greetings\n"
                                  "  ringmain produce words /usr/share/dict/words --compression zstd\n"
                                  "  printf 'k1:v1\\nk2:v2\\n' | ringmain produce orders --key-separator :\n"
                                  "  ringmain produce payments today.txt --transactional-id daily\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count < 1)
        return cli_misused(&cli);
    produce.cli = &cli;
    cli.catch_signals = produce.txn_id != NULL;
    produce.topic = slice_from_string(cli.words[0]);
    if (!choose(&produce, acks, codec, partition) || !choose_transaction(&produce, txn_timeout))
        return CLI_USAGE;
    for (int i = 0; i < header_count; i++)
        if (!add_header(&produce, headers[i]))
            return CLI_USAGE;
    if (!cli_connect(&cli))
        return CLI_FAILED;
    bool ok = run(&produce);
    if (ok)
        report(&produce);
    sender_close(produce.sender);
    mem_free(cli.client.mem, produce.line, produce.line == NULL ? 0 : SENDER_RECORD_MAX_BYTES);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
