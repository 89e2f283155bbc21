/* librdkafka, transactional: consume, transform, produce and commit the offsets in one transaction; see ../../README.md.
 *   transact BOOTSTRAP IN OUT GROUP ID COUNT   reads COUNT records of IN, writes each to OUT; every third transaction is
 *                                              aborted and made again. Whatever fails is tried again: the broker may die
 *                                              and come back. Committed offsets that go back are a failure.
 *   fence BOOTSTRAP OUT ID                     a second producer with the same id fences the first
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 37, PARTITIONS_MAX = 64, TIMEOUT_MS = 20000 };

static rd_kafka_t *producer, *consumer;
static int64_t committed[PARTITIONS_MAX]; /* by partition of IN, as last heard */
static int went_back;

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
}

static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap)
{
    char why[256];
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "reconnect.backoff.max.ms", "200");
    set(conf, "log_level", "0");
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    return client;
}

static rd_kafka_t *new_producer(const char *bootstrap, const char *id)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "transactional.id", id);
    set(conf, "transaction.timeout.ms", "30000");
    set(conf, "linger.ms", "1");
    return new_client(RD_KAFKA_PRODUCER, conf, bootstrap);
}

static int note(rd_kafka_error_t *error, const char *what) /* 0: good, 1: abort and go on, 2: begin anew */
{
    if (error == NULL)
        return 0;
    int fatal = rd_kafka_error_is_fatal(error);
    if (getenv("TRANSACT_VERBOSE"))
        fprintf(stderr, "%s: %s\n", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return fatal ? 2 : 1;
}

static void begin_anew(const char *bootstrap, const char *id)
{
    for (;;) {
        if (producer != NULL)
            rd_kafka_destroy(producer);
        producer = new_producer(bootstrap, id);
        if (note(rd_kafka_init_transactions(producer, TIMEOUT_MS), "init") == 0)
            return;
    }
}

/* To the committed offsets, or the beginning. */
static void rewind_all(void)
{
    rd_kafka_topic_partition_list_t *list;
    if (rd_kafka_assignment(consumer, &list) != 0)
        return;
    while (rd_kafka_committed(consumer, list, TIMEOUT_MS) != 0)
        ;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t offset = at->offset < 0 ? 0 : at->offset;
        if (at->partition < PARTITIONS_MAX && offset < committed[at->partition]) {
            fprintf(stderr, "committed offset of %d went from %lld to %lld\n", at->partition,
                    (long long)committed[at->partition], (long long)offset);
            went_back = 1;
        }
        if (at->partition < PARTITIONS_MAX)
            committed[at->partition] = offset;
        if (at->offset < 0)
            at->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer, list, TIMEOUT_MS);
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
}

/* 0: committed (or aborted on purpose), else as note. */
static int one_transaction(const char *out, rd_kafka_message_t **messages, int count, int abort)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(PARTITIONS_MAX);
    int result = note(rd_kafka_begin_transaction(producer), "begin");
    for (int i = 0; i < count && result == 0; i++) {
        rd_kafka_message_t *m = messages[i];
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(out), RD_KAFKA_V_PARTITION(m->partition), RD_KAFKA_V_KEY(m->key, m->key_len),
            RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        const char *in = rd_kafka_topic_name(m->rkt);
        rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_find(offsets, in, m->partition);
        if (at == NULL)
            at = rd_kafka_topic_partition_list_add(offsets, in, m->partition);
        at->offset = m->offset + 1;
        result = err == 0 ? 0 : 1;
    }
    if (result == 0) {
        rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
        result = note(rd_kafka_send_offsets_to_transaction(producer, offsets, group, TIMEOUT_MS), "offsets");
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    if (result == 0 && !abort)
        result = note(rd_kafka_commit_transaction(producer, TIMEOUT_MS), "commit");
    if (result == 1 || (result == 0 && abort)) {
        int ended = note(rd_kafka_abort_transaction(producer, TIMEOUT_MS), "abort");
        result = ended > result ? ended : result;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return result;
}

static int collect(rd_kafka_message_t **messages)
{
    int count = 0;
    while (count < BATCH) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, count == 0 ? 500 : 5);
        if (m == NULL)
            break;
        if (m->err)
            rd_kafka_message_destroy(m);
        else
            messages[count++] = m;
    }
    return count;
}

static int transact(char **a)
{
    const char *bootstrap = a[0], *out = a[2], *id = a[4];
    int want = atoi(a[5]), done = 0, turn = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", a[3]);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "isolation.level", "read_committed");
    set(conf, "session.timeout.ms", "10000");
    consumer = new_client(RD_KAFKA_CONSUMER, conf, bootstrap);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, a[1], RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    begin_anew(bootstrap, id);
    time_t end = time(NULL) + 150;
    while (done < want && time(NULL) < end) {
        rd_kafka_message_t *messages[BATCH];
        int count = collect(messages), abort = ++turn % 3 == 0;
        if (count == 0)
            continue;
        int result = one_transaction(out, messages, count, abort);
        for (int i = 0; i < count; i++)
            rd_kafka_message_destroy(messages[i]);
        if (result == 0 && !abort) {
            done += count;
            continue;
        }
        if (result == 2)
            begin_anew(bootstrap, id);
        rewind_all();
        /* What a commit did whose answer was lost is known by the offsets. */
        int64_t sum = 0;
        for (int i = 0; i < PARTITIONS_MAX; i++)
            sum += committed[i];
        if (getenv("TRANSACT_COUNTS_OFFSETS"))
            done = (int)sum;
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    printf("transacted=%d\n", done);
    return done < want || went_back;
}

static int send_one(rd_kafka_t *to, const char *out, const char *value)
{
    return rd_kafka_producev(to, RD_KAFKA_V_TOPIC(out), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

static int fence(char **a)
{
    rd_kafka_t *first = new_producer(a[0], a[2]), *second = new_producer(a[0], a[2]);
    int good = note(rd_kafka_init_transactions(first, TIMEOUT_MS), "init") == 0 &&
               note(rd_kafka_begin_transaction(first), "begin") == 0 && send_one(first, a[1], "first") == 0;
    rd_kafka_flush(first, 1000);
    good = good && note(rd_kafka_init_transactions(second, TIMEOUT_MS), "init") == 0;
    send_one(first, a[1], "late");
    rd_kafka_error_t *error = rd_kafka_commit_transaction(first, TIMEOUT_MS);
    const char *name = error == NULL ? "none" : rd_kafka_error_is_fatal(error) ? "fenced" : rd_kafka_error_name(error);
    good = good && note(rd_kafka_begin_transaction(second), "begin") == 0 && send_one(second, a[1], "second") == 0 &&
           note(rd_kafka_commit_transaction(second, TIMEOUT_MS), "commit") == 0;
    printf("first=%s second=%s\n", name, good ? "committed" : "failed");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "transact") == 0)
        return transact(argv + 2);
    if (argc == 5 && strcmp(argv[1], "fence") == 0)
        return fence(argv + 2);
    return 2;
}
