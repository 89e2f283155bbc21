/* Reading a partition's log, piece by piece, and replaying it. The owner's shard reads into a buffer of ours by its own
 * ring; here it is taken apart, one piece a turn, so that neither shard is busy for long. */
#include "core/coordinator/internal.h"

#include "core/wire/batch.h"
#include "core/wire/compress.h"

enum { UNPACKED_MAX = 64 << 20 };

static const char NO_MEMORY[] = "no memory; ringmain.memory.bytes allows more";

struct coordinator_load {
    struct io_msg msg;
    struct coordinator_partition *partition;
    struct coordinator *coordinator;
    struct uuid topic_id;
    int32_t index;
    uint8_t *buffer;
    size_t capacity, needed; /* needed: of the next batch, when it is more than capacity */
    size_t got;
    int64_t next_offset, end_offset; /* end -1: not known yet */
    int16_t error;
    struct partition_read read;
    struct io_op op;
};

static void load_is_back(struct io_msg *msg, struct io *io);
static void load_arrives(struct io_msg *msg, struct io *io);

/* ---- on the owner's shard -----------------------------------------------------------------------------------------
 */

static void go_home(struct coordinator_load *load)
{
    struct coordinator *coordinator = load->coordinator;
    int shard = partition_shard(load->topic_id, load->index, coordinator->options.data_shards);
    load->msg.run = load_is_back;
    io_post(shard_data_io(coordinator->options.datas[shard]), coordinator->options.data_shards, &load->msg);
}

static void bytes_read(struct io_op *op)
{
    struct coordinator_load *load = CONTAINER_OF(op, struct coordinator_load, op);
    partition_release_read(&load->read);
    if (op->err != ERR_OK)
        load->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    else
        load->got = (size_t)op->result;
    go_home(load);
}

static void place_found(struct partition_read *read)
{
    struct coordinator_load *load = CONTAINER_OF(read, struct coordinator_load, read);
    struct coordinator *coordinator = load->coordinator;
    load->error = read->error;
    if (read->error == KAFKA_ERROR_NONE && read->ref == NULL)
        load->next_offset = load->end_offset; /* nothing up to the end: it was compacted away */
    if (read->error == KAFKA_ERROR_NONE && read->ref != NULL && read->first_batch_bytes > load->capacity)
        load->needed = read->first_batch_bytes;
    if (read->error != KAFKA_ERROR_NONE || read->ref == NULL || load->needed > load->capacity) {
        if (read->ref != NULL)
            partition_release_read(read);
        go_home(load);
        return;
    }
    int shard = partition_shard(load->topic_id, load->index, coordinator->options.data_shards);
    load->op.done = bytes_read;
    io_read(shard_data_io(coordinator->options.datas[shard]), &load->op, read->file, load->buffer,
            size_min(read->length, load->capacity), read->pos);
}

static void load_arrives(struct io_msg *msg, struct io *io)
{
    struct coordinator_load *load = CONTAINER_OF(msg, struct coordinator_load, msg);
    struct partition *partition = shard_data_find(coordinator_data(load->coordinator, io), load->topic_id, load->index);
    load->got = load->needed = 0;
    load->error = partition_check_access(partition, -1);
    if (load->error == KAFKA_ERROR_NONE) {
        if (load->end_offset < 0)
            load->end_offset = partition_log_end(partition);
        if (load->next_offset < partition_log_start(partition))
            load->next_offset = partition_log_start(partition);
        if (partition->high_watermark < load->end_offset)
            load->error = KAFKA_ERROR_OFFSET_NOT_AVAILABLE; /* a new leader: what it has is not all committed yet */
    }
    if (load->error != KAFKA_ERROR_NONE || load->next_offset >= load->end_offset || load->buffer == NULL) {
        go_home(load);
        return;
    }
    load->read = (struct partition_read){.done = place_found,
                                         .fetch_offset = load->next_offset,
                                         .max_bytes = (int32_t)load->capacity,
                                         .current_leader_epoch = -1,
                                         .last_fetched_epoch = -1,
                                         .replica_id = -1,
                                         .isolation = PARTITION_READ_UNCOMMITTED};
    if (partition_read(partition, &load->read))
        place_found(&load->read);
}

/* ---- back on the control shard: replay ----------------------------------------------------------------------------
 */

static enum err replay_marker(struct coordinator_load *load, const struct batch_header *header, struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    if (header->record_count == 0) /* compacted: of its transaction nothing is left */
        return ERR_OK;
    batch_records_init(&records, body, header->record_count);
    if (batch_records_next(&records, &record) != ERR_OK || record.key.length < 4)
        return ERR_CORRUPT;
    int16_t type = get_i16(record.key.data + 2);
    if (type != 0 && type != 1)
        return ERR_OK; /* a control record that is not a transaction's end */
    struct machine_marker marker = {.offset = header->base_offset,
                                    .producer_id = header->producer_id,
                                    .producer_epoch = header->producer_epoch,
                                    .commit = type == 1};
    return load->coordinator->options.kind->replay_marker(load->partition->machine, &marker);
}

static enum err replay_records(struct coordinator_load *load, const struct batch_header *header, struct slice body)
{
    struct coordinator *coordinator = load->coordinator;
    struct batch_records records;
    struct batch_record record;
    enum err err;
    bool transactional = (header->attributes & BATCH_TRANSACTIONAL) != 0;
    batch_records_init(&records, body, header->record_count);
    while ((err = batch_records_next(&records, &record)) == ERR_OK) {
        struct machine_replay replay = {.key = record.key,
                                        .value = record.value,
                                        .offset = header->base_offset + record.offset_delta,
                                        .timestamp_ms = header->base_timestamp + record.timestamp_delta,
                                        .producer_id = transactional ? header->producer_id : BATCH_NO_PRODUCER_ID,
                                        .producer_epoch = header->producer_epoch};
        if (replay.offset < load->next_offset)
            continue;
        err = coordinator->options.kind->replay(load->partition->machine, &replay);
        if (err == ERR_CORRUPT)
            coordinator->skipped_count++;
        else if (err != ERR_OK)
            return err;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err replay_batch(struct coordinator_load *load, const uint8_t *data, const struct batch_header *header)
{
    struct slice body = slice_of(data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    if (header->attributes & BATCH_CONTROL)
        return replay_marker(load, header, body);
    if (codec == COMPRESS_NONE)
        return replay_records(load, header, body);
    struct compress_buffer unpacked;
    compress_buffer_init(&unpacked, io_mem(load->coordinator->io));
    enum err err = codec > COMPRESS_ZSTD ? ERR_CORRUPT : compress_unpack(codec, body, UNPACKED_MAX, &unpacked);
    if (err == ERR_OK)
        err = replay_records(load, header, slice_of(unpacked.data, unpacked.length));
    compress_buffer_fini(&unpacked);
    return err;
}

/* Every whole batch of the piece. ERR_CORRUPT: the log itself is damaged; nothing is guessed. */
static enum err replay_piece(struct coordinator_load *load)
{
    size_t at = 0;
    struct batch_header header;
    while (load->next_offset < load->end_offset) {
        enum err err = batch_read_header(load->buffer + at, load->got - at, &header);
        if (err == ERR_AGAIN || (err == ERR_OK && header.size > load->got - at))
            return at > 0 ? ERR_OK : ERR_CORRUPT; /* a piece holds one batch at least */
        if (err != ERR_OK)
            return err;
        if (header.magic != BATCH_MAGIC || header.size < BATCH_HEADER_BYTES ||
            !batch_crc_matches(load->buffer + at, &header))
            return ERR_CORRUPT;
        err = replay_batch(load, load->buffer + at, &header);
        if (err != ERR_OK)
            return err;
        at += header.size;
        load->next_offset = batch_last_offset(&header) + 1;
    }
    return ERR_OK;
}

static void finish(struct coordinator_load *load, const char *why_not)
{
    struct coordinator_partition *partition = load->partition;
    struct mem *mem = io_mem(load->coordinator->io);
    mem_free(mem, load->buffer, load->capacity);
    MEM_DELETE(mem, load);
    partition->load = NULL;
    coordinator_loaded(partition, why_not);
}

static bool make_room(struct coordinator_load *load)
{
    size_t wanted = size_max(load->needed, COORDINATOR_LOAD_BYTES);
    if (wanted <= load->capacity)
        return true;
    struct mem *mem = io_mem(load->coordinator->io);
    uint8_t *buffer = mem_alloc(mem, wanted);
    if (buffer == NULL)
        return false;
    mem_free(mem, load->buffer, load->capacity);
    load->buffer = buffer;
    load->capacity = wanted;
    return true;
}

static void send_out(struct coordinator_load *load)
{
    load->msg.run = load_arrives;
    io_post(load->coordinator->io, partition_shard(load->topic_id, load->index, load->coordinator->options.data_shards),
            &load->msg);
}

static void load_is_back(struct io_msg *msg, struct io *io)
{
    struct coordinator_load *load = CONTAINER_OF(msg, struct coordinator_load, msg);
    enum err err = ERR_OK;
    if (load->partition->phase != PHASE_LOADING)
        err = ERR_CANCELED;
    else if (load->error == KAFKA_ERROR_NONE && load->got > 0)
        err = replay_piece(load);
    if (err == ERR_OK && load->error == KAFKA_ERROR_NONE && load->next_offset < load->end_offset && !make_room(load))
        err = ERR_NO_MEMORY;
    if (load->error != KAFKA_ERROR_NONE)
        finish(load, kafka_error_text(load->error));
    else if (err != ERR_OK)
        finish(load, err == ERR_NO_MEMORY ? NO_MEMORY : err_text(err));
    else if (load->next_offset >= load->end_offset)
        finish(load, NULL);
    else
        send_out(load);
}

/* The first message only asks how much there is: an empty partition costs no buffer. */
void coordinator_load_start(struct coordinator_partition *partition)
{
    struct coordinator *coordinator = partition->coordinator;
    struct coordinator_load *load = MEM_NEW(io_mem(coordinator->io), struct coordinator_load);
    if (load == NULL) {
        coordinator_loaded(partition, NO_MEMORY);
        return;
    }
    *load = (struct coordinator_load){.partition = partition,
                                      .coordinator = coordinator,
                                      .topic_id = partition->topic_id,
                                      .index = partition->index,
                                      .end_offset = -1};
    partition->load = load;
    partition->load_ns = io_now_ns(coordinator->io);
    send_out(load);
}
