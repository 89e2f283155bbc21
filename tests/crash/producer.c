/* An idempotent librdkafka producer under fire: produces numbered records to PARTITIONS partitions until it is told to stop
 * (SIGTERM) and appends every acknowledged "partition id offset" to ACKED; retries for ever, so the broker may die and come back
 * at any moment. usage: producer BOOTSTRAP TOPIC PARTITIONS ACKED */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *acked;
static long acknowledged, refused;
static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    if (m->err) {
        if (refused++ < 5)
            fprintf(stderr, "delivery failed: %s\n", rd_kafka_err2str(m->err));
        return;
    }
    acknowledged++;
    fprintf(acked, "%d %.*s %lld\n", m->partition, (int)m->key_len, (const char *)m->key, (long long)m->offset);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int partitions = atoi(argv[3]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "enable.idempotence", "true");
    set(conf, "message.timeout.ms", "0"); /* never gives up */
    set(conf, "linger.ms", "2");
    set(conf, "reconnect.backoff.max.ms", "200");
    set(conf, "socket.timeout.ms", "5000");
    set(conf, "log_level", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    acked = fopen(argv[4], "w");
    if (rk == NULL || acked == NULL)
        return 2;
    signal(SIGTERM, on_signal);
    char value[512];
    memset(value, 'v', sizeof value);
    for (long id = 0; !stopping; id++) {
        char key[32];
        int length = snprintf(key, sizeof key, "%ld", id / partitions);
        rd_kafka_resp_err_t err;
        do {
            err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_PARTITION((int32_t)(id % partitions)),
                                    RD_KAFKA_V_KEY(key, (size_t)length), RD_KAFKA_V_VALUE(value, (size_t)(id % 512)),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            rd_kafka_poll(rk, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 20 : 0);
        } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (id % 20 == 0)
            rd_kafka_poll(rk, 1);
    }
    rd_kafka_resp_err_t flushed = rd_kafka_flush(rk, 60000);
    fclose(acked);
    printf("acknowledged=%ld refused=%ld flushed=%s\n", acknowledged, refused, rd_kafka_err2name(flushed));
    return refused != 0 || flushed != 0 || acknowledged == 0;
}
