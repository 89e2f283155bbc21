/* The simulated room: events in order of time, nodes, turns of their shards, messages, jobs, clocks. */
#include "io/reactor/sim_inner.h"

#include "io/base/hash.h"

#include <stdlib.h>

enum {
    TURN_MIN_NS = 300,
    TURN_MAX_NS = 20000,
    MESSAGE_MAX_NS = 30000,
    JOB_MIN_NS = 2000,
    JOB_MAX_NS = 400000,
    WORKERS = 2,
};
static const int64_t default_wall_ms = 1767225600000; /* 2026-01-01 */

void *sim_new(size_t size)
{
    void *block = calloc(1, size);
    ASSERT(block != NULL);
    return block;
}

void *sim_grow(void *old, size_t size)
{
    void *block = realloc(old, size);
    ASSERT(block != NULL);
    return block;
}

/* ---- trace ------------------------------------------------------------------------------------------------------- */

void sim_note(struct sim *sim, uint64_t what, uint64_t a, uint64_t b)
{
    sim->trace = hash_u64(sim->trace ^ hash_u64(what, (uint64_t)sim->now_ns) ^ hash_u64(a, b), what);
}

void sim_note_bytes(struct sim *sim, uint64_t what, const void *data, size_t length)
{
    sim_note(sim, what, length, hash_bytes(data, length, what));
}

/* ---- events: a binary heap by (time, order) ------------------------------------------------------------------------
 */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order;
}

void sim_event_at(struct sim *sim, struct sim_event *event, int64_t time_ns)
{
    ASSERT(time_ns >= sim->now_ns);
    event->time_ns = time_ns;
    event->order = sim->next_order++;
    event->life = event->node == NULL ? 0 : event->node->life;
    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity == 0 ? 256 : 2 * sim->heap_capacity;
        sim->heap = sim_grow(sim->heap, sim->heap_capacity * sizeof(struct sim_event *));
    }
    size_t i = sim->heap_count++;
    for (; i > 0 && is_before(event, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = event;
}

static struct sim_event *take_first(struct sim *sim)
{
    struct sim_event *first = sim->heap[0], *last = sim->heap[--sim->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sim->heap_count)
            break;
        if (child + 1 < sim->heap_count && is_before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!is_before(sim->heap[child], last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return first;
}

int64_t sim_delay(struct sim *sim, int64_t low_ns, int64_t high_ns)
{
    return sim->now_ns + prng_between(&sim->machine, low_ns, high_ns);
}

bool sim_step(struct sim *sim)
{
    if (sim->heap_count == 0)
        return false;
    struct sim_event *event = take_first(sim);
    sim->now_ns = event->time_ns;
    sim->events_run++;
    if (event->node != NULL && event->life != event->node->life)
        event->drop(event);
    else
        event->run(event);
    return true;
}

void sim_run_for(struct sim *sim, int64_t duration_ns)
{
    int64_t end_ns = sim->now_ns + duration_ns;
    sim->halted = false;
    while (!sim->halted && sim->heap_count > 0 && sim->heap[0]->time_ns <= end_ns)
        sim_step(sim);
    if (!sim->halted)
        sim->now_ns = end_ns;
}

void sim_halt(struct sim *sim)
{
    sim->halted = true;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------
 */

struct turn_event {
    struct sim_event event;
    struct sim_shard *shard;
};

static struct sim *sim_of(struct io *io)
{
    return sim_shard_of(io)->node->sim;
}

struct sim_shard *sim_shard_of(struct io *io)
{
    return (struct sim_shard *)io;
}

static void drop_event(struct sim_event *event)
{
    free(event);
}

static void collect_messages(struct sim_shard *shard, struct io_chain *chain)
{
    struct sim *sim = shard->node->sim;
    int count = shard->node->shard_count;
    int first = (int)prng_below(&sim->machine, (uint64_t)count);
    for (int i = 0; i < count; i++)
        io_chain_join(chain, &shard->inbox[(first + i) % count]);
}

static void tell_completed(struct sim_shard *shard)
{
    struct list done;
    list_init(&done);
    list_splice(&done, &shard->completed);
    for (struct list *link; (link = list_pop_front(&done)) != NULL;) {
        struct io_op *op = CONTAINER_OF(link, struct io_op, _link);
        shard->io.stats.completions++;
        op->done(op);
    }
}

static void tell_finished(struct sim_shard *shard)
{
    struct list done;
    list_init(&done);
    list_splice(&done, &shard->finished);
    for (struct list *link; (link = list_pop_front(&done)) != NULL;) {
        struct io_job *job = CONTAINER_OF(link, struct io_job, _link);
        io_job_finish(&shard->io, job);
    }
}

static int64_t turn_end(struct sim_shard *shard)
{
    struct sim_node *node = shard->node;
    struct sim *sim = node->sim;
    int64_t high_ns = TURN_MAX_NS;
    if (prng_chance(&sim->machine, node->options.stall_ppm))
        high_ns = size_max((size_t)node->options.stall_max_ns, TURN_MAX_NS);
    return sim_delay(sim, TURN_MIN_NS, high_ns);
}

static bool has_more(const struct sim_shard *shard)
{
    for (int i = 0; i < shard->node->shard_count; i++)
        if (shard->inbox[i].first != NULL)
            return true;
    return !list_empty(&shard->completed) || !list_empty(&shard->finished) || !list_empty(&shard->readable) ||
           !list_empty(&shard->accepting);
}

static void run_turn(struct sim_event *event)
{
    struct turn_event *turn = CONTAINER_OF(event, struct turn_event, event);
    struct sim_shard *shard = turn->shard;
    bool planned = shard->turn_ns == event->time_ns && !shard->ended;
    free(turn);
    if (!planned) /* an earlier one was planned since */
        return;
    struct sim *sim = shard->node->sim;
    struct io *io = &shard->io;
    shard->turn_ns = INT64_MAX;
    sim_note(sim, 't', (uint64_t)shard->node->index, (uint64_t)io->shard);
    io_turn_begin(io);
    tell_completed(shard);
    tell_finished(shard);
    sim_net_turn(shard);
    struct io_chain messages = {NULL, NULL};
    collect_messages(shard, &messages);
    io_run_messages(io, &messages);
    io_run_ready(io);
    io_run_timers(io);
    io_run_hooks(io);
    int64_t end_ns = turn_end(shard);
    if (io->stopping) {
        shard->ended = true;
        return;
    }
    int64_t deadline_ns = has_more(shard) ? 0 : io_next_deadline(io);
    if (deadline_ns != INT64_MAX)
        sim_shard_wake(shard, deadline_ns > end_ns ? deadline_ns : end_ns);
}

void sim_shard_wake(struct sim_shard *shard, int64_t time_ns)
{
    struct sim *sim = shard->node->sim;
    if (time_ns < shard->node->stalled_until_ns)
        time_ns = shard->node->stalled_until_ns;
    if (shard->ended || time_ns >= shard->turn_ns)
        return;
    struct turn_event *turn = sim_new(sizeof(*turn));
    turn->event = (struct sim_event){.node = shard->node, .run = run_turn, .drop = drop_event};
    turn->shard = shard;
    shard->turn_ns = time_ns;
    sim_event_at(sim, &turn->event, time_ns);
}

void sim_complete(struct sim_shard *shard, struct io_op *op, enum err err, int64_t result)
{
    op->err = err;
    op->result = result;
    list_push_back(&shard->completed, &op->_link);
    sim_shard_wake(shard, shard->node->sim->now_ns);
}

/* ---- what a shard asks for ------------------------------------------------------------------------------------------
 */

static int64_t clock_ns(struct io *io)
{
    return sim_of(io)->now_ns;
}

static int64_t wall_ms(struct io *io)
{
    struct sim *sim = sim_of(io);
    return sim->wall_ms + sim->now_ns / 1000000 + sim_shard_of(io)->node->wall_offset_ms;
}

static uint64_t random_u64(struct io *io)
{
    return prng_next(&sim_shard_of(io)->random);
}

static void post(struct io *io, int target_shard, struct io_msg *msg)
{
    struct sim_shard *target = &sim_shard_of(io)->node->shards[target_shard];
    io_chain_push(&target->inbox[io->shard], msg);
    sim_shard_wake(target, sim_delay(sim_of(io), 0, MESSAGE_MAX_NS));
}

/* ---- jobs -----------------------------------------------------------------------------------------------------------
 */

struct job_event {
    struct sim_event event;
    struct io_job *job;
};

static void start_jobs(struct sim_node *node);

static void finish_job(struct sim_event *event)
{
    struct job_event *work = CONTAINER_OF(event, struct job_event, event);
    struct sim_shard *shard = sim_shard_of(work->job->_io);
    list_push_back(&shard->finished, &work->job->_link);
    sim_shard_wake(shard, event->time_ns);
    free(work);
}

static void run_job(struct sim_event *event)
{
    struct job_event *work = CONTAINER_OF(event, struct job_event, event);
    struct io_job *job = work->job;
    struct sim_node *node = event->node;
    struct sim *sim = node->sim;
    sim_note(sim, 'j', (uint64_t)node->index, (uint64_t)job->_io->shard);
    job->work(job, job->_io->fs);
    node->busy_workers--;
    start_jobs(node);
    event->run = finish_job;
    sim_event_at(sim, event, sim_delay(sim, 0, MESSAGE_MAX_NS));
}

static void start_jobs(struct sim_node *node)
{
    int workers = node->options.slow_lane_workers > 0 ? node->options.slow_lane_workers : WORKERS;
    struct sim *sim = node->sim;
    while (node->busy_workers < workers && !list_empty(&node->jobs)) {
        struct job_event *work = sim_new(sizeof(*work));
        work->job = CONTAINER_OF(list_pop_front(&node->jobs), struct io_job, _link);
        work->event = (struct sim_event){.node = node, .run = run_job, .drop = drop_event};
        node->busy_workers++;
        int64_t time_ns = sim_disk_delay(node->disk, sim) + prng_between(&sim->machine, JOB_MIN_NS, JOB_MAX_NS);
        sim_event_at(sim, &work->event, time_ns > node->stalled_until_ns ? time_ns : node->stalled_until_ns);
    }
}

static void job_start(struct io *io, struct io_job *job)
{
    struct sim_node *node = sim_shard_of(io)->node;
    list_push_back(&node->jobs, &job->_link);
    start_jobs(node);
}

/* ---- files ----------------------------------------------------------------------------------------------------------
 */

static struct sim_disk *disk_of(struct io *io)
{
    return sim_shard_of(io)->node->disk;
}

static enum err write_now(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos,
                          int64_t *written)
{
    for (int i = 0; i < count; i++) {
        size_t part = 0;
        enum err err = sim_disk_write(disk_of(io), file, pieces[i].data, pieces[i].length, pos + *written, &part);
        *written += (int64_t)part;
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_now(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    return sim_disk_is_cold(disk_of(io)) ? ERR_AGAIN : sim_disk_read(disk_of(io), file, buffer, length, pos, got);
}

static enum err allocate_now(struct io *io, io_file file, int64_t pos, int64_t length)
{
    return io->fs->backend->allocate(io->fs, file, pos, length);
}

static enum err open_now(struct io *io, const char *path, int flags, io_file *file)
{
    return io->fs->backend->open(io->fs, path, flags, file);
}

static void close_now(struct io *io, io_file file)
{
    io->fs->backend->close(io->fs, file);
}

enum file_call { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_WRITEBACK };

struct file_event {
    struct sim_event event;
    struct sim_shard *shard;
    struct io_op *op;
    enum file_call call;
    io_file file;
    void *buffer;
    size_t length;
    int64_t pos;
};

static enum err take_effect(const struct file_event *io, size_t *done)
{
    struct sim_disk *disk = io->shard->node->disk;
    switch (io->call) {
    case FILE_READ:
        return sim_disk_read(disk, io->file, io->buffer, io->length, io->pos, done);
    case FILE_WRITE:
        return sim_disk_write(disk, io->file, io->buffer, io->length, io->pos, done);
    case FILE_SYNC:
        return sim_disk_sync(disk, io->file);
    case FILE_WRITEBACK:
        return ERR_OK;
    }
    UNREACHABLE();
}

static void run_file(struct sim_event *event)
{
    struct file_event *file = CONTAINER_OF(event, struct file_event, event);
    size_t done = 0;
    enum err err = take_effect(file, &done);
    sim_complete(file->shard, file->op, err, (int64_t)done);
    free(file);
}

static void start_file(struct io *io, struct io_op *op, enum file_call call, io_file file, void *buffer, size_t length,
                       int64_t pos)
{
    struct sim_shard *shard = sim_shard_of(io);
    struct file_event *event = sim_new(sizeof(*event));
    *event = (struct file_event){.event = {.node = shard->node, .run = run_file, .drop = drop_event},
                                 .shard = shard,
                                 .op = op,
                                 .call = call,
                                 .file = file,
                                 .buffer = buffer,
                                 .length = length,
                                 .pos = pos};
    sim_event_at(shard->node->sim, &event->event, sim_disk_delay(shard->node->disk, shard->node->sim));
}

static void read_later(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos)
{
    start_file(io, op, FILE_READ, file, buffer, length, pos);
}

static void write_later(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos)
{
    start_file(io, op, FILE_WRITE, file, (void *)(uintptr_t)buffer, length, pos);
}

static void sync_later(struct io *io, struct io_op *op, io_file file)
{
    start_file(io, op, FILE_SYNC, file, NULL, 0, 0);
}

static void writeback(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length)
{
    start_file(io, op, FILE_WRITEBACK, file, NULL, (size_t)length, pos);
}

/* ---- sockets that need nothing
 * ---------------------------------------------------------------------------------------- */

static enum err resolve(struct io *io, const char *host, uint16_t port, struct io_address *address)
{
    if (strcmp(host, "localhost") != 0)
        return ERR_NOT_FOUND;
    sim_node_address(sim_shard_of(io)->node, port, address);
    return ERR_OK;
}

static enum err socket_buffers(struct io *io, io_socket socket, int send_bytes, int receive_bytes)
{
    return ERR_OK; /* the network's window bounds both */
}

static const struct io_backend sim_backend = {
    .clock_ns = clock_ns,
    .wall_ms = wall_ms,
    .random = random_u64,
    .post = post,
    .job_start = job_start,
    .write_now = write_now,
    .read_now = read_now,
    .allocate_now = allocate_now,
    .open_now = open_now,
    .close_now = close_now,
    .read = read_later,
    .write = write_later,
    .sync = sync_later,
    .writeback = writeback,
    .resolve = resolve,
    .listen = sim_listen,
    .listen_stop = sim_listen_stop,
    .connect = sim_connect,
    .socket_buffers = socket_buffers,
    .receive_start = sim_receive_start,
    .receive_stop = sim_receive_stop,
    .receive_into = sim_receive_into,
    .send = sim_send,
    .shutdown = sim_shutdown,
    .close_socket = sim_close_socket,
};

/* ---- nodes
 * ----------------------------------------------------------------------------------------------------------- */

static struct fs *node_fs(struct sim_node *node)
{
    return sim_disk_counted_fs(node->disk);
}

struct sim_node *sim_node_open(struct sim *sim, const struct sim_node_options *options)
{
    ASSERT(sim->node_count < SIM_NODES_MAX);
    struct sim_node *node = sim_new(sizeof(*node));
    node->sim = sim;
    node->options = *options;
    if (node->options.memory_bytes == 0)
        node->options.memory_bytes = (size_t)1 << 30;
    node->index = sim->node_count;
    node->disk = sim_disk_new(options->disk_bytes == 0 ? (int64_t)1 << 40 : options->disk_bytes);
    node->wall_offset_ms = options->wall_offset_ms;
    list_init(&node->jobs);
    sim->nodes[sim->node_count++] = node;
    return node;
}

void sim_node_start(struct sim_node *node, int data_shards)
{
    ASSERT(node->shard_count == 0);
    struct sim *sim = node->sim;
    if (data_shards >= 0)
        node->options.data_shards = data_shards;
    int count = node->options.data_shards + 1;
    node->life++;
    node->silent = false;
    node->busy_workers = 0;
    node->allocations = 0;
    sim_disk_attach(node->disk, sim);
    node->shards = sim_new((size_t)count * sizeof(*node->shards));
    node->shard_count = count;
    for (int i = 0; i < count; i++) {
        struct sim_shard *shard = &node->shards[i];
        shard->node = node;
        shard->mem = sim_mem_open(node, node->options.memory_bytes / (size_t)count);
        shard->turn_ns = INT64_MAX;
        shard->inbox = sim_new((size_t)count * sizeof(*shard->inbox));
        prng_seed(&shard->random, prng_next(&sim->machine));
        list_init(&shard->completed);
        list_init(&shard->finished);
        list_init(&shard->readable);
        list_init(&shard->accepting);
        io_init(&shard->io, &sim_backend, shard->mem, node_fs(node), i, count);
    }
    sim_node_wake(node);
}

/* The same for an end in peace and for one without. */
static size_t take_shards(struct sim_node *node)
{
    size_t left = 0;
    node->life++;
    sim_net_node_gone(node);
    list_init(&node->jobs);
    for (int i = 0; i < node->shard_count; i++) {
        struct sim_shard *shard = &node->shards[i];
        io_fini(&shard->io);
        left += sim_mem_close(shard->mem);
        free(shard->inbox);
    }
    free(node->shards);
    node->shards = NULL;
    node->shard_count = 0;
    return left;
}

struct sim_leaks sim_node_off(struct sim_node *node)
{
    ASSERT(sim_node_ended(node));
    struct sim_leaks leaks = {.files = sim_disk_open_files(node->disk), .sockets = sim_node_open_sockets(node)};
    leaks.memory_bytes = take_shards(node);
    sim_disk_close_all(node->disk);
    sim_disk_attach(node->disk, NULL);
    return leaks;
}

/* What the kernel had been asked to write when the process died may be written all the same. */
static void finish_some_writes(struct sim_node *node)
{
    struct sim *sim = node->sim;
    for (size_t i = 0; i < sim->heap_count; i++) {
        struct sim_event *event = sim->heap[i];
        if (event->node != node || event->life != node->life || event->run != run_file)
            continue;
        struct file_event *file = CONTAINER_OF(event, struct file_event, event);
        size_t done, length = (size_t)prng_below(&sim->machine, file->length + 1);
        if (file->call != FILE_WRITE || length == 0 || prng_chance(&sim->machine, 500000))
            continue;
        enum err err = sim_disk_write(node->disk, file->file, file->buffer, length, file->pos, &done);
        MAYBE(err != ERR_OK);
    }
}

void sim_node_crash(struct sim_node *node, enum sim_crash how)
{
    ASSERT(node->shard_count > 0);
    struct sim *sim = node->sim;
    sim_note(sim, 'x', (uint64_t)node->index, (uint64_t)how);
    finish_some_writes(node);
    node->silent = how == SIM_POWER_CUT;
    take_shards(node);
    sim_disk_close_all(node->disk);
    sim_disk_attach(node->disk, NULL);
    if (how == SIM_POWER_CUT)
        sim_node_set_disk(node, sim_disk_after_cut(node->disk, &sim->machine));
}

void sim_node_set_disk(struct sim_node *node, struct sim_disk *disk)
{
    ASSERT(node->shard_count == 0);
    sim_disk_free(node->disk);
    node->disk = disk;
}

void sim_node_wake(struct sim_node *node)
{
    for (int i = 0; i < node->shard_count; i++)
        sim_shard_wake(&node->shards[i], node->sim->now_ns);
}

bool sim_node_ended(const struct sim_node *node)
{
    for (int i = 0; i < node->shard_count; i++)
        if (!node->shards[i].ended)
            return false;
    return node->shard_count > 0;
}

void sim_node_stall(struct sim_node *node, int64_t duration_ns)
{
    node->stalled_until_ns = node->sim->now_ns + duration_ns;
    for (int i = 0; i < node->shard_count; i++) {
        struct sim_shard *shard = &node->shards[i];
        if (shard->turn_ns == INT64_MAX || shard->turn_ns >= node->stalled_until_ns)
            continue;
        shard->turn_ns = INT64_MAX;
        sim_shard_wake(shard, node->stalled_until_ns);
    }
}

void sim_node_fail_allocation(struct sim_node *node, uint64_t n, bool again)
{
    node->allocations = 0;
    node->allocation_fails_at = n;
    node->allocation_fails_on = again;
}

void sim_node_set_memory_watch(struct sim_node *node, struct sim_memory_watch *watch)
{
    node->memory_watch = watch;
}

size_t sim_node_memory_used(const struct sim_node *node)
{
    size_t used = 0;
    for (int i = 0; i < node->shard_count; i++)
        used += node->shards[i].mem->used;
    return used;
}

void sim_node_address(const struct sim_node *node, uint16_t port, struct io_address *address)
{
    *address = (struct io_address){.port = port, .bytes = {10, 0, 0, (uint8_t)(node->index + 1)}};
}

struct io *sim_node_io(struct sim_node *node, int shard)
{
    ASSERT(shard >= 0 && shard < node->shard_count);
    return &node->shards[shard].io;
}

bool sim_node_is_on(const struct sim_node *node)
{
    return node->shard_count > 0;
}
int sim_node_shards(const struct sim_node *node)
{
    return node->shard_count;
}
struct sim_disk *sim_node_disk(struct sim_node *node)
{
    return node->disk;
}
void sim_node_jump_clock(struct sim_node *node, int64_t by_ms)
{
    node->wall_offset_ms += by_ms;
}
uint64_t sim_node_allocations(const struct sim_node *node)
{
    return node->allocations;
}
int sim_node_open_files(const struct sim_node *node)
{
    return sim_disk_open_files(node->disk);
}
void sim_block(struct sim *sim, struct sim_node *from, struct sim_node *to, bool blocked)
{
    sim->blocked[from->index][to->index] = blocked;
}

/* ---- the room
 * --------------------------------------------------------------------------------------------------------- */

struct sim *sim_open(const struct sim_options *options)
{
    struct sim *sim = sim_new(sizeof(*sim));
    prng_seed(&sim->scenario, options->seed);
    prng_seed(&sim->machine, hash_u64(options->seed, 1));
    sim->now_ns = 1000000000; /* like a machine that has been up for a moment: nothing divides by or waits for 0 */
    sim->wall_ms = options->wall_ms == 0 ? default_wall_ms : options->wall_ms;
    sim->network = options->network;
    if (sim->network.window_bytes == 0)
        sim->network = (struct sim_network){.delay_min_ns = 20000, .delay_max_ns = 200000, .window_bytes = 256 << 10};
    list_init(&sim->listeners);
    return sim;
}

void sim_close(struct sim *sim)
{
    for (int i = 0; i < sim->node_count; i++) {
        struct sim_node *node = sim->nodes[i];
        if (node->shard_count > 0)
            take_shards(node);
        sim_disk_free(node->disk);
    }
    while (sim->heap_count > 0) {
        struct sim_event *event = take_first(sim);
        event->drop(event);
    }
    sim_net_free(sim);
    for (int i = 0; i < sim->node_count; i++)
        free(sim->nodes[i]);
    free(sim->heap);
    free(sim);
}

int64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}
struct prng *sim_prng(struct sim *sim)
{
    return &sim->scenario;
}
uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace;
}
uint64_t sim_event_count(const struct sim *sim)
{
    return sim->events_run;
}
struct sim_network *sim_network(struct sim *sim)
{
    return &sim->network;
}
