/* ApiVersions (KIP-35, KIP-511, KIP-584): which APIs, versions and features this broker has. */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/features.h"
#include "net/handlers/shard.h"

/* KIP-511: a client that does not know us gets the oldest layout, with the one range that it needs to ask again. */
static void answer_too_new(struct request *request)
{
    const struct wire_api *api = request->api;
    struct api_versions_response_api_version own = {
        .api_key = API_VERSIONS, .min_version = api->listed, .max_version = api->highest};
    struct api_versions_response response;
    WIRE_DEFAULTS(api_versions_response_schema, &response);
    response.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    response.api_keys.items = &own;
    response.api_keys.count = 1;
    if (wire_encode(api->response, 0, &response, &request->out) == ERR_OK)
        request_done(request);
    else
        request_close(request);
}

static bool is_word_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* KIP-511: letters and digits, with - and . inside. */
static bool is_software_word(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.data[i];
        bool edge = i == 0 || i == text.length - 1;
        if (!is_word_byte(c) && (edge || (c != '-' && c != '.')))
            return false;
    }
    return text.length > 0;
}

static bool fill_keys(struct request *request, struct api_versions_response *response)
{
    int count;
    const struct handler *list = handlers(&count);
    response->api_keys.items = ARENA_ARRAY(&request->arena, struct api_versions_response_api_version, (size_t)count);
    if (response->api_keys.items == NULL)
        return false;
    for (int i = 0; i < count; i++) {
        const struct wire_api *api = wire_api_find(list[i].api_key);
        response->api_keys.items[i] = (struct api_versions_response_api_version){
            .api_key = api->key, .min_version = api->listed, .max_version = api->highest};
    }
    response->api_keys.count = count;
    return true;
}

static bool fill_features(struct request *request, struct api_versions_response *response)
{
    const struct image *image = request->shard->image;
    int count;
    const struct feature *list = features(&count);
    response->supported_features.items =
        ARENA_ARRAY(&request->arena, struct api_versions_response_supported_feature_key, (size_t)count);
    response->finalized_features.items =
        ARENA_ARRAY(&request->arena, struct api_versions_response_finalized_feature_key, (size_t)image->feature_count);
    if (response->supported_features.items == NULL || response->finalized_features.items == NULL)
        return false;
    int shown = 0;
    for (int i = 0; i < count; i++) {
        if (request->header.version < 4 && list[i].min == 0)
            continue; /* KAFKA-17492: old Java clients cannot decode a feature that begins at 0 */
        response->supported_features.items[shown++] = (struct api_versions_response_supported_feature_key){
            .name = slice_from_string(list[i].name), .min_version = list[i].min, .max_version = list[i].max};
    }
    response->supported_features.count = shown;
    shown = 0;
    for (int i = 0; i < image->feature_count; i++)
        if (image->features[i].level > 0) /* a level of 0 means: not finalized */
            response->finalized_features.items[shown++] =
                (struct api_versions_response_finalized_feature_key){.name = slice_from_string(image->features[i].name),
                                                                     .max_version_level = image->features[i].level,
                                                                     .min_version_level = image->features[i].level};
    response->finalized_features.count = shown;
    response->finalized_features_epoch = image->offset;
    return true;
}

/* KIP-1242: a client that was told who we are and finds somebody else must start again from its bootstrap servers. */
static bool is_somebody_else(const struct request *request, const struct api_versions_request *asked)
{
    const struct broker *broker = request->shard->broker;
    if (request->header.version < 5 || slice_is_null(asked->cluster_id))
        return false;
    return !slice_equal_string(asked->cluster_id, broker->cluster_id_text) || asked->node_id != broker->node_id;
}

static bool make_usual(struct request *request, struct api_versions_answer *answer)
{
    struct api_versions_response response;
    if (answer->body.data != NULL)
        wire_writer_fini(&answer->body);
    wire_writer_init(&answer->body, io_mem(request->io));
    WIRE_DEFAULTS(api_versions_response_schema, &response);
    bool made = fill_keys(request, &response) && fill_features(request, &response) &&
                wire_encode(request->api->response, request->header.version, &response, &answer->body) == ERR_OK &&
                !answer->body.failed;
    answer->image_offset = request->shard->image->offset;
    if (made)
        return true;
    wire_writer_fini(&answer->body);
    answer->body.data = NULL;
    return false;
}

static void answer_usual(struct request *request)
{
    int16_t version = request->header.version;
    ASSERT(version >= 0 && version < API_VERSIONS_ANSWERS);
    struct api_versions_answer *kept = &request->shard->api_versions[version];
    bool fresh = kept->body.data != NULL && kept->image_offset == request->shard->image->offset;
    if (fresh || make_usual(request, kept))
        request_answer_encoded(request, slice_of(kept->body.data, kept->body.length), KAFKA_ERROR_NONE);
    else
        request_close(request);
}

void handle_api_versions(struct request *request)
{
    if (request->header.version < request->api->lowest || request->header.version > request->api->highest) {
        answer_too_new(request);
        return;
    }
    struct api_versions_request asked;
    struct api_versions_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(api_versions_response_schema, &response);
    bool bad_name = request->header.version >= 3 &&
                    (!is_software_word(asked.client_software_name) || !is_software_word(asked.client_software_version));
    if (bad_name) {
        response.error_code = KAFKA_ERROR_INVALID_REQUEST;
    } else if (is_somebody_else(request, &asked)) {
        response.error_code = KAFKA_ERROR_REBOOTSTRAP_REQUIRED;
    } else {
        answer_usual(request);
        return;
    }
    request_answer(request, &response);
}
