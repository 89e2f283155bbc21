#include "io/reactor/slow_lane.h"

#include "io/reactor/mem_real.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct shard_jobs {
    struct list done;          /* guarded by the lane's mutex */
    _Atomic(uint32_t) waiting; /* done is not empty; lets the shard look without the mutex */
};

/* What one thread's jobs may take at once: the largest batch unpacked twice over (a growing buffer is copied) and a
 * codec's working memory. */
enum { LANE_MEMORY_BYTES = 256 << 20 };

struct lane_thread {
    struct slow_lane *lane;
    struct mem *mem;
    pthread_t thread;
    bool started;
};

struct slow_lane {
    struct slow_lane_options options;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct list queue;
    bool closing;
    struct shard_jobs *shards;
    struct lane_thread *threads;
};

static void finish(struct slow_lane *lane, struct io_job *job)
{
    struct io *io = job->_io;
    struct shard_jobs *shard = &lane->shards[io->shard];
    pthread_mutex_lock(&lane->mutex);
    list_push_back(&shard->done, &job->_link);
    atomic_store(&shard->waiting, 1);
    pthread_mutex_unlock(&lane->mutex);
    lane->options.finished(io); /* job may be gone by now */
}

/* What the last jobs left behind in the thread's memory goes back when there is nothing to do. */
static void rest(struct slow_lane *lane, struct lane_thread *self, bool *used)
{
    if (*used) {
        *used = false;
        pthread_mutex_unlock(&lane->mutex);
        mem_real_trim(self->mem);
        pthread_mutex_lock(&lane->mutex);
        return; /* look again: jobs may have come */
    }
    pthread_cond_wait(&lane->wake, &lane->mutex);
}

static void *run(void *argument)
{
    struct lane_thread *self = argument;
    struct slow_lane *lane = self->lane;
    bool used = false;
    pthread_setname_np(pthread_self(), "slow-lane");
    pthread_mutex_lock(&lane->mutex);
    for (;;) {
        while (list_empty(&lane->queue) && !lane->closing)
            rest(lane, self, &used);
        if (lane->closing)
            break;
        struct io_job *job = CONTAINER_OF(list_pop_front(&lane->queue), struct io_job, _link);
        pthread_mutex_unlock(&lane->mutex);
        job->_mem = self->mem;
        job->work(job, lane->options.fs);
        ASSERT(self->mem->used == 0);
        used = true;
        finish(lane, job);
        pthread_mutex_lock(&lane->mutex);
    }
    pthread_mutex_unlock(&lane->mutex);
    return NULL;
}

static bool start_thread(struct slow_lane *lane, struct lane_thread *thread)
{
    thread->lane = lane;
    thread->mem = mem_real_open(LANE_MEMORY_BYTES);
    if (thread->mem == NULL)
        return false;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    if (lane->options.cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)lane->options.cpu, &cpus);
        pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    }
    thread->started = pthread_create(&thread->thread, &attributes, run, thread) == 0;
    pthread_attr_destroy(&attributes);
    return thread->started;
}

enum err slow_lane_open(const struct slow_lane_options *options, struct slow_lane **out)
{
    *out = NULL;
    struct slow_lane *lane = MEM_NEW(options->mem, struct slow_lane);
    if (lane == NULL)
        return ERR_NO_MEMORY;
    lane->options = *options;
    list_init(&lane->queue);
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->wake, NULL);
    lane->shards = mem_alloc_zero(options->mem, (size_t)options->shards * sizeof(*lane->shards));
    lane->threads = mem_alloc_zero(options->mem, (size_t)options->threads * sizeof(*lane->threads));
    bool ok = lane->shards != NULL && lane->threads != NULL;
    for (int i = 0; ok && i < options->shards; i++)
        list_init(&lane->shards[i].done);
    for (int i = 0; ok && i < options->threads; i++)
        ok = start_thread(lane, &lane->threads[i]);
    if (!ok) {
        slow_lane_close(lane);
        return ERR_NO_MEMORY;
    }
    *out = lane;
    return ERR_OK;
}

void slow_lane_close(struct slow_lane *lane)
{
    struct mem *mem = lane->options.mem;
    pthread_mutex_lock(&lane->mutex);
    lane->closing = true;
    pthread_cond_broadcast(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
    for (int i = 0; lane->threads != NULL && i < lane->options.threads; i++) {
        struct lane_thread *thread = &lane->threads[i];
        if (thread->started)
            pthread_join(thread->thread, NULL);
        if (thread->mem != NULL)
            mem_real_close(thread->mem);
    }
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->mutex);
    mem_free(mem, lane->shards, (size_t)lane->options.shards * sizeof(*lane->shards));
    mem_free(mem, lane->threads, (size_t)lane->options.threads * sizeof(*lane->threads));
    MEM_DELETE(mem, lane);
}

void slow_lane_submit(struct slow_lane *lane, struct io_job *job)
{
    pthread_mutex_lock(&lane->mutex);
    list_push_back(&lane->queue, &job->_link);
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
}

bool slow_lane_waiting(struct slow_lane *lane, int shard)
{
    return atomic_load(&lane->shards[shard].waiting) != 0;
}

void slow_lane_take(struct slow_lane *lane, int shard, struct list *jobs)
{
    if (!slow_lane_waiting(lane, shard))
        return;
    pthread_mutex_lock(&lane->mutex);
    atomic_store(&lane->shards[shard].waiting, 0);
    list_splice(jobs, &lane->shards[shard].done);
    pthread_mutex_unlock(&lane->mutex);
}
