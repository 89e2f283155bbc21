/* DescribeTopicPartitions (KIP-966): topics page by page, in the order of their names. */
#include "core/controller/controller.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/operations.h"
#include "net/handlers/shard.h"

typedef struct describe_topic_partitions_response_describe_topic_partitions_response_topic topic_answer;
typedef struct describe_topic_partitions_response_describe_topic_partitions_response_partition partition_answer;

/* The names to answer for, sorted and each once. */
struct page {
    struct request *request;
    struct slice *names;
    int32_t count;
    int32_t room; /* partitions that still fit */
    struct describe_topic_partitions_response response;
};

static void sort_names(struct slice *names, int32_t count)
{
    for (int32_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) /* shell sort: no allocation */
        for (int32_t i = gap; i < count; i++)
            for (int32_t j = i; j >= gap && slice_compare(names[j - gap], names[j]) > 0; j -= gap) {
                struct slice swap = names[j];
                names[j] = names[j - gap];
                names[j - gap] = swap;
            }
}

static bool collect(struct page *page, const struct describe_topic_partitions_request *asked)
{
    const struct image *image = page->request->shard->image;
    bool all = asked->topics.count == 0;
    int32_t most = all ? image->topic_count : asked->topics.count;
    page->names = ARENA_ARRAY(&page->request->arena, struct slice, (size_t)most);
    if (page->names == NULL)
        return false;
    for (int32_t i = 0; i < most; i++)
        page->names[i] =
            all ? slice_of(image->topics[i]->name, image->topics[i]->name_length) : asked->topics.items[i].name;
    if (!all)
        sort_names(page->names, most);
    for (int32_t i = 0; i < most; i++) {
        bool again = page->count > 0 && slice_equal(page->names[i], page->names[page->count - 1]);
        bool before = asked->cursor != NULL && slice_compare(page->names[i], asked->cursor->topic_name) < 0;
        if (!again && !before)
            page->names[page->count++] = page->names[i];
    }
    return true;
}

static void fill_partition(partition_answer *out, const struct image_partition *from, int32_t index)
{
    wire_set_defaults(&describe_topic_partitions_response_describe_topic_partitions_response_partition_struct, out);
    out->error_code = from->leader < 0 ? KAFKA_ERROR_LEADER_NOT_AVAILABLE : KAFKA_ERROR_NONE;
    out->partition_index = index;
    out->leader_id = from->leader;
    out->leader_epoch = from->leader_epoch;
    out->replica_nodes.items = (int32_t *)(uintptr_t)from->replicas;
    out->replica_nodes.count = from->replica_count;
    out->isr_nodes.items = (int32_t *)(uintptr_t)from->isr;
    out->isr_nodes.count = from->isr_count;
    out->eligible_leader_replicas.items = (int32_t *)(uintptr_t)from->elr;
    out->eligible_leader_replicas.count = from->elr_count;
    out->last_known_elr.items = (int32_t *)(uintptr_t)from->last_known_elr;
    out->last_known_elr.count = from->last_known_elr_count;
    if (from->leader < 0) {
        out->offline_replicas.items = out->replica_nodes.items;
        out->offline_replicas.count = from->replica_count;
    }
}

static bool set_cursor(struct page *page, struct slice name, int32_t partition)
{
    struct describe_topic_partitions_response_cursor *cursor =
        ARENA_NEW(&page->request->arena, struct describe_topic_partitions_response_cursor);
    if (cursor == NULL)
        return false;
    *cursor = (struct describe_topic_partitions_response_cursor){.topic_name = name, .partition_index = partition};
    page->response.next_cursor = cursor;
    return true;
}

/* One topic from partition `from` on; what does not fit is where the next page begins. */
static bool fill_topic(struct page *page, topic_answer *answer, struct slice name, int32_t from)
{
    const struct image_topic *topic = image_topic_by_name(page->request->shard->image, name);
    wire_set_defaults(&describe_topic_partitions_response_describe_topic_partitions_response_topic_struct, answer);
    answer->name = name;
    answer->topic_authorized_operations = OPERATIONS_OF_TOPIC;
    if (topic == NULL) {
        answer->error_code = controller_topic_name_problem(name, &page->request->arena) != NULL
                                 ? KAFKA_ERROR_INVALID_TOPIC_EXCEPTION
                                 : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return true;
    }
    int32_t left = topic->partition_count > from ? topic->partition_count - from : 0;
    int32_t count = left < page->room ? left : page->room;
    answer->topic_id = topic->id;
    answer->is_internal = topic->is_internal;
    answer->partitions.items = ARENA_ARRAY(&page->request->arena, partition_answer, (size_t)count);
    answer->partitions.count = count;
    if (answer->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < count; i++)
        fill_partition(&answer->partitions.items[i], &topic->partitions[from + i], from + i);
    page->room -= count;
    return count == left || set_cursor(page, answer->name, from + count);
}

void handle_describe_topic_partitions(struct request *request)
{
    struct describe_topic_partitions_request asked;
    if (!request_decode(request, &asked))
        return;
    struct page page = {.request = request};
    WIRE_DEFAULTS(describe_topic_partitions_response_schema, &page.response);
    int32_t limit = request->shard->image->config->max_request_partition_size_limit;
    page.room = asked.response_partition_limit > 0 && asked.response_partition_limit < limit
                    ? asked.response_partition_limit
                    : limit;
    bool ok = collect(&page, &asked);
    page.response.topics.items = ok ? ARENA_ARRAY(&request->arena, topic_answer, (size_t)page.count) : NULL;
    ok = page.response.topics.items != NULL;
    for (int32_t i = 0; ok && i < page.count && page.response.next_cursor == NULL; i++) {
        bool resumed = asked.cursor != NULL && slice_equal(page.names[i], asked.cursor->topic_name);
        int32_t from = resumed && asked.cursor->partition_index > 0 ? asked.cursor->partition_index : 0;
        if (page.room == 0) {
            ok = set_cursor(&page, page.names[i], 0);
            break;
        }
        ok = fill_topic(&page, &page.response.topics.items[page.response.topics.count++], page.names[i], from);
    }
    if (ok)
        request_answer(request, &page.response);
    else
        request_close(request);
}
