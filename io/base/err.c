#include "io/base/err.h"

#include "io/base/check.h"

const char *err_name(enum err err)
{
    static const char *const names[] = {
#define E(name, text) #name,
        ERR_TABLE(E)
#undef E
    };
    ASSERT((size_t)err < COUNT_OF(names));
    return names[err];
}

const char *err_text(enum err err)
{
    static const char *const texts[] = {
#define E(name, text) text,
        ERR_TABLE(E)
#undef E
    };
    ASSERT((size_t)err < COUNT_OF(texts));
    return texts[err];
}
