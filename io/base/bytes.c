#include "io/base/bytes.h"

static const char uuid_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void uuid_format(struct uuid id, char text[UUID_TEXT_SIZE])
{
    for (int i = 0; i < 22; i++) {
        unsigned value = 0;
        for (int bit = i * 6; bit < i * 6 + 6; bit++)
            value = value << 1 | (bit < 128 ? (id.bytes[bit / 8] >> (7 - bit % 8)) & 1u : 0u);
        text[i] = uuid_alphabet[value];
    }
    text[22] = '\0';
}

bool uuid_parse(const char *text, struct uuid *id)
{
    if (strlen(text) != 22)
        return false;
    *id = UUID_ZERO;
    for (int i = 0; i < 22; i++) {
        const char *found = strchr(uuid_alphabet, text[i]);
        unsigned value = found == NULL ? 64 : (unsigned)(found - uuid_alphabet);
        if (value >= 64 || (i == 21 && (value & 15) != 0))
            return false;
        for (int k = 0; k < 6 && i * 6 + k < 128; k++)
            if (value >> (5 - k) & 1)
                id->bytes[(i * 6 + k) / 8] |= (uint8_t)(0x80 >> (i * 6 + k) % 8);
    }
    return true;
}

struct uuid uuid_from_random(uint64_t high, uint64_t low)
{
    struct uuid id;
    put_u64(id.bytes, high);
    put_u64(id.bytes + 8, low);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    if (id.bytes[0] >> 2 == 62) /* '-' would look like an option on a command line */
        id.bytes[0] ^= 0x80;
    return id;
}
