#include "core/wire/api.h"

#include "core/wire/messages.h"

/* Where each API stands in `apis`. */
enum {
#define A(key_, Name, prefix, listed_, lowest_, highest_) API_PLACE_##prefix,
    WIRE_API_TABLE(A)
#undef A
};

static const struct wire_api apis[] = {
#define A(key_, Name, prefix, listed_, lowest_, highest_)                                                              \
    {.key = key_,                                                                                                      \
     .listed = listed_,                                                                                                \
     .lowest = lowest_,                                                                                                \
     .highest = highest_,                                                                                              \
     .name = #Name,                                                                                                    \
     .request = &prefix##_request_schema,                                                                              \
     .response = &prefix##_response_schema},
    WIRE_API_TABLE(A)
#undef A
};

const struct wire_api *wire_api_find(int16_t key)
{
    enum { KEYS = 96 };
    static const uint8_t places[KEYS] = {
#define A(key_, Name, prefix, listed_, lowest_, highest_) [key_] = (uint8_t)(API_PLACE_##prefix + 1),
        WIRE_API_TABLE(A)
#undef A
    };
    return key < 0 || key >= KEYS || places[key] == 0 ? NULL : &apis[places[key] - 1];
}

const struct wire_api *wire_apis(int *count)
{
    *count = (int)COUNT_OF(apis);
    return apis;
}
