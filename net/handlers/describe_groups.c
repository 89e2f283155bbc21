/* DescribeGroups: members and their assignments (KIP-345, KIP-1043: GROUP_ID_NOT_FOUND). */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"
#include "net/handlers/operations.h"

typedef struct describe_groups_response_described_group described;

enum { FIRST_WITH_OPERATIONS = 3 };

static bool describe(struct request *request, struct slice group_id, bool with_operations, described *out)
{
    struct group_machine *machine;
    int16_t error = groups_enter(request_groups(request), group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        wire_set_defaults(&describe_groups_response_described_group_struct, out);
        out->group_id = group_id;
        out->error_code = error;
        return true;
    }
    bool made = group_describe(machine, group_id, request->header.version, &request->arena, out);
    groups_leave(machine);
    if (with_operations && out->error_code == KAFKA_ERROR_NONE)
        out->authorized_operations = OPERATIONS_OF_GROUP;
    return made;
}

void handle_describe_groups(struct request *request)
{
    struct describe_groups_request asked;
    struct describe_groups_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(describe_groups_response_schema, &response);
    response.groups.items = ARENA_ARRAY(&request->arena, described, (size_t)asked.groups.count + 1);
    bool made = response.groups.items != NULL;
    bool with_operations = request->header.version >= FIRST_WITH_OPERATIONS && asked.include_authorized_operations;
    for (int32_t i = 0; made && i < asked.groups.count; i++)
        made = describe(request, asked.groups.items[i], with_operations, &response.groups.items[i]);
    response.groups.count = asked.groups.count;
    if (made)
        request_answer(request, &response);
    else
        request_close(request);
}
