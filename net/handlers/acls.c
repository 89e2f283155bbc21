/* DescribeAcls, CreateAcls, DeleteAcls on a broker without an authorizer: what Kafka answers then. */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/shard.h"

#define NO_AUTHORIZER "No Authorizer is configured."

void handle_describe_acls(struct request *request)
{
    struct describe_acls_request asked;
    struct describe_acls_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(describe_acls_response_schema, &response);
    response.error_code = KAFKA_ERROR_SECURITY_DISABLED;
    response.error_message = SLICE_LITERAL("No Authorizer is configured on the broker");
    request_answer(request, &response);
}

void handle_create_acls(struct request *request)
{
    struct create_acls_request asked;
    struct create_acls_response response;
    if (!request_decode(request, &asked))
        return;
    int32_t count = asked.creations.count < 0 ? 0 : asked.creations.count;
    WIRE_DEFAULTS(create_acls_response_schema, &response);
    response.results.items =
        ARENA_ARRAY(&request->arena, struct create_acls_response_acl_creation_result, (size_t)count + 1);
    if (response.results.items == NULL) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < count; i++)
        response.results.items[i] = (struct create_acls_response_acl_creation_result){
            .error_code = KAFKA_ERROR_SECURITY_DISABLED, .error_message = SLICE_LITERAL(NO_AUTHORIZER)};
    response.results.count = count;
    request_answer(request, &response);
}

void handle_delete_acls(struct request *request)
{
    struct delete_acls_request asked;
    struct delete_acls_response response;
    if (!request_decode(request, &asked))
        return;
    int32_t count = asked.filters.count < 0 ? 0 : asked.filters.count;
    WIRE_DEFAULTS(delete_acls_response_schema, &response);
    response.filter_results.items =
        ARENA_ARRAY(&request->arena, struct delete_acls_response_delete_acls_filter_result, (size_t)count + 1);
    if (response.filter_results.items == NULL) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < count; i++)
        response.filter_results.items[i] = (struct delete_acls_response_delete_acls_filter_result){
            .error_code = KAFKA_ERROR_SECURITY_DISABLED, .error_message = SLICE_LITERAL(NO_AUTHORIZER)};
    response.filter_results.count = count;
    request_answer(request, &response);
}
