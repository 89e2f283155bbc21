/* librdkafka as an interop client; see ../../README.md. */
#include <signal.h>
#include <librdkafka/rdkafka.h>
#include <openssl/evp.h>
#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    if (m->err) {
        fprintf(stderr, "delivery: %s\n", rd_kafka_err2str(m->err));
        failed = 1;
    }
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
}

static int produce(char **a)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", a[0]);
    set(conf, "compression.codec", a[3]);
    set(conf, "acks", a[4]);
    set(conf, "linger.ms", "5");
    if (strcmp(a[4], "all") == 0)
        set(conf, "enable.idempotence", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL)
        return fprintf(stderr, "%s\n", why), 2;
    FILE *f = fopen(a[2], "rb");
    if (f == NULL)
        return perror(a[2]), 2;
    char value[1000], key[32], number[32];
    size_t length;
    for (long n = 0; (length = fread(value, 1, sizeof value, f)) > 0; n++) {
        rd_kafka_resp_err_t err;
        int key_length = snprintf(key, sizeof key, "k%ld", n), number_length = snprintf(number, sizeof number, "%ld", n);
        do {
            err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(a[1]), RD_KAFKA_V_PARTITION(0),
                                    RD_KAFKA_V_KEY(key, (size_t)key_length), RD_KAFKA_V_VALUE(value, length),
                                    RD_KAFKA_V_HEADER("n", number, number_length), RD_KAFKA_V_TIMESTAMP(1700000000000 + n),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            rd_kafka_poll(rk, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 50 : 0);
        } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (err)
            return fprintf(stderr, "%s\n", rd_kafka_err2str(err)), 1;
    }
    fclose(f);
    if (rd_kafka_flush(rk, 120000))
        failed = 1;
    rd_kafka_destroy(rk);
    return failed;
}

static void field(EVP_MD_CTX *h, const void *data, size_t length)
{
    uint32_t size = htonl((uint32_t)length);
    EVP_DigestUpdate(h, &size, 4);
    EVP_DigestUpdate(h, data, length);
}

static int consume(char **a)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", a[0]);
    set(conf, "group.id", "unused");
    set(conf, "enable.auto.commit", "false");
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        return fprintf(stderr, "%s\n", why), 2;
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, a[1], 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    EVP_MD_CTX *h = EVP_MD_CTX_new();
    EVP_DigestInit_ex(h, EVP_sha256(), NULL);
    long count = atol(a[2]), n = 0;
    for (int idle = 0; n < count && idle < 60;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);
        if (m == NULL || m->err) {
            if (m != NULL && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                fprintf(stderr, "consume: %s\n", rd_kafka_message_errstr(m));
            idle++;
        } else {
            const void *header = "";
            size_t header_length = 0;
            rd_kafka_headers_t *headers;
            if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
                rd_kafka_header_get_last(headers, "n", &header, &header_length);
            field(h, m->key, m->key_len);
            field(h, m->payload, m->len);
            field(h, header, header_length);
            uint64_t timestamp = htobe64((uint64_t)rd_kafka_message_timestamp(m, NULL));
            EVP_DigestUpdate(h, &timestamp, 8);
            n++;
            idle = 0;
        }
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    unsigned char digest[32];
    EVP_DigestFinal_ex(h, digest, NULL);
    printf("count=%ld sha256=", n);
    for (int i = 0; i < 32; i++)
        printf("%02x", digest[i]);
    printf("\n");
    rd_kafka_consumer_close(rk);
    return 0;
}

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

/* A simple consumer's commit: of a group that it is no member of. */
static int commit(char **a)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", a[0]);
    set(conf, "group.id", a[2]);
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        return fprintf(stderr, "%s\n", why), 2;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, a[1], atoi(a[3]))->offset = atoll(a[4]);
    rd_kafka_resp_err_t err = rd_kafka_commit(rk, offsets, 0);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = offsets->elems[0].err;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fprintf(stderr, "commit: %s\n", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(offsets);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* One line when what is assigned changes, one for each record; commits after each. */
static int group(char **a, const char *instance)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", a[0]);
    set(conf, "group.id", a[2]);
    set(conf, "partition.assignment.strategy", strcmp(a[3], "cooperative") == 0 ? "cooperative-sticky" : a[3]);
    set(conf, "session.timeout.ms", getenv("SESSION_MS") == NULL ? "6000" : getenv("SESSION_MS"));
    set(conf, "heartbeat.interval.ms", "500");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    if (instance != NULL)
        set(conf, "group.instance.id", instance);
    if (getenv("METADATA_MS") != NULL)
        set(conf, "topic.metadata.refresh.interval.ms", getenv("METADATA_MS"));
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        return fprintf(stderr, "%s\n", why), 2;
    signal(SIGTERM, on_signal);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, a[1], RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, topics);
    for (int assigned = -1; !stopping;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 200);
        rd_kafka_topic_partition_list_t *now = NULL;
        if (rd_kafka_assignment(rk, &now) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (now->cnt != assigned)
                printf("A %d\n", assigned = now->cnt);
            rd_kafka_topic_partition_list_destroy(now);
        }
        if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            printf("R %d %ld %.*s\n", m->partition, (long)m->offset, (int)m->len, (const char *)m->payload);
            rd_kafka_commit_message(rk, m, 0);
        } else if (m != NULL) {
            fprintf(stderr, "group: %s\n", rd_kafka_message_errstr(m));
        }
        if (m != NULL)
            rd_kafka_message_destroy(m);
        fflush(stdout);
    }
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}

static void reset(char **a, const char *policy)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256], name[256];
    snprintf(name, sizeof name, "%s%s", a[2], policy);
    set(conf, "bootstrap.servers", a[0]);
    set(conf, "group.id", name);
    set(conf, "auto.offset.reset", strcmp(policy, "none") == 0 ? "error" : policy);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, a[1], RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, topics);
    for (bool done = false; !done;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 200);
        if (m == NULL)
            continue;
        done = m->err == RD_KAFKA_RESP_ERR_NO_ERROR || m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            printf("%s %ld\n", policy, (long)m->offset);
        else if (done)
            printf("%s refused\n", policy);
        rd_kafka_message_destroy(m);
        fflush(stdout);
    }
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "resets") == 0) {
        for (int i = 5; i < argc; i++)
            reset(argv + 2, argv[i]);
        return 0;
    }
    if ((argc == 6 || argc == 7) && strcmp(argv[1], "group") == 0)
        return group(argv + 2, argc == 7 ? argv[6] : NULL);
    if (argc == 7 && strcmp(argv[1], "produce") == 0)
        return produce(argv + 2);
    if (argc == 5 && strcmp(argv[1], "consume") == 0)
        return consume(argv + 2);
    if (argc == 7 && strcmp(argv[1], "commit") == 0)
        return commit(argv + 2);
    fprintf(stderr, "usage: see tests/interop/README.md\n");
    return 2;
}
