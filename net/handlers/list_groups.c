/* ListGroups: the groups of every partition led here, by state and type if asked so (KIP-518, KIP-848). */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

#include <strings.h>

typedef struct list_groups_response_listed_group listed;

static struct slice trim(struct slice text)
{
    while (text.length > 0 && text.data[0] <= ' ')
        text = slice_of(text.data + 1, text.length - 1);
    while (text.length > 0 && text.data[text.length - 1] <= ' ')
        text.length--;
    return text;
}

static bool equals_text(struct slice text, const char *word)
{
    return text.length == strlen(word) && strncasecmp((const char *)text.data, word, text.length) == 0;
}

static bool has_state(const struct list_groups_request *asked, const char *state)
{
    for (int32_t i = 0; i < asked->states_filter.count; i++)
        if (equals_text(trim(asked->states_filter.items[i]), state))
            return true;
    return asked->states_filter.count == 0;
}

static bool has_classic(const struct list_groups_request *asked)
{
    for (int32_t i = 0; i < asked->types_filter.count; i++)
        if (equals_text(asked->types_filter.items[i], "classic"))
            return true;
    return asked->types_filter.count == 0;
}

static int32_t count_groups(struct groups *groups)
{
    int32_t count = 0;
    for (int32_t p = 0; p < coordinator_partition_count(groups_coordinator(groups)); p++) {
        struct group_machine *machine;
        if (groups_enter_at(groups, p, &machine) != KAFKA_ERROR_NONE)
            continue;
        struct group_listing listing;
        for (struct group *group = NULL; (group = group_list_next(machine, group, &listing)) != NULL;)
            count++;
        groups_leave(machine);
    }
    return count;
}

static int16_t list_partition(struct groups *groups, int32_t partition, const struct list_groups_request *asked,
                              struct list_groups_response *response)
{
    struct group_machine *machine;
    int16_t error = groups_enter_at(groups, partition, &machine);
    if (error != KAFKA_ERROR_NONE)
        return error == KAFKA_ERROR_NOT_COORDINATOR ? KAFKA_ERROR_NONE : error; /* another broker lists them */
    struct group_listing listing;
    for (struct group *group = NULL; (group = group_list_next(machine, group, &listing)) != NULL;)
        if (has_state(asked, listing.state))
            response->groups.items[response->groups.count++] = (listed){.group_id = listing.id,
                                                                        .protocol_type = listing.protocol_type,
                                                                        .group_state = slice_from_string(listing.state),
                                                                        .group_type = SLICE_LITERAL("classic")};
    groups_leave(machine);
    return KAFKA_ERROR_NONE;
}

void handle_list_groups(struct request *request)
{
    struct list_groups_request asked;
    struct list_groups_response response;
    struct groups *groups = request_groups(request);
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(list_groups_response_schema, &response);
    response.groups.items = ARENA_ARRAY(&request->arena, listed, (size_t)count_groups(groups) + 1);
    if (response.groups.items == NULL) {
        request_close(request);
        return;
    }
    for (int32_t p = 0; p < coordinator_partition_count(groups_coordinator(groups)) && has_classic(&asked); p++) {
        response.error_code = list_partition(groups, p, &asked, &response);
        if (response.error_code != KAFKA_ERROR_NONE) {
            response.groups.count = 0;
            break;
        }
    }
    request_answer(request, &response);
}
