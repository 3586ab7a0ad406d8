#include "json_text.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *base64(const void *bytes, size_t length)
{
    unsigned char *text = length <= INT_MAX ? malloc(4 * ((length + 2) / 3) + 1) : NULL;
    if (!text)
        return NULL;
    int size = EVP_EncodeBlock(text, bytes, (int)length);
    json_t *value = json_stringn((const char *)text, (size_t)size);
    free(text);
    return value;
}

void json_set_bytes(json_t *object, const char *name, const void *bytes, size_t length)
{
    char key[128];
    json_t *value = json_stringn(length ? bytes : "", length);
    snprintf(key, sizeof key, "%s%s", name, value ? "" : "_base64");
    if (!value)
        value = base64(bytes, length);
    if (!value || json_object_set_new(object, key, value) != 0)
        abort();
}
