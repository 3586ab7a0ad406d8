#include "json_stream.h"

#include "utf8.h"

#include <openssl/evp.h>
#include <string.h>

bool json_is_text(const void *bytes, size_t length)
{
    const unsigned char *at = bytes, *end = at + length;
    while (at < end) {
        char character[5] = "";
        if (*at < 0x80) {
            at++;
            continue;
        }
        memcpy(character, at, (size_t)(end - at) < 4 ? (size_t)(end - at) : 4);
        size_t size = utf8_length(character);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

/* Writes the escape for a character that a string must not contain. */
static void write_escape(json_write *write, void *context, unsigned char character)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *name = character ? strchr(names, character) : NULL;
    if (name) {
        write(context, (const char[]){'\\', letters[name - names]}, 2);
        return;
    }
    write(context, (const char[]){'\\', 'u', '0', '0', digits[character >> 4], digits[character & 15]}, 6);
}

void json_write_string(json_write *write, void *context, const void *bytes, size_t length)
{
    const unsigned char *from = bytes, *end = from + length;
    write(context, "\"", 1);
    for (const unsigned char *at = from; at < end; at++) {
        /* JSON allows DEL and C1, U+007F to U+009F, which may control a terminal. */
        bool c1 = *at == 0xc2 && at + 1 < end && at[1] < 0xa0;
        if (*at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f && !c1)
            continue;
        if (at > from)
            write(context, from, (size_t)(at - from));
        write_escape(write, context, *(at += c1));
        from = at + 1;
    }
    if (end > from)
        write(context, from, (size_t)(end - from));
    write(context, "\"", 1);
}

static void write_base64(json_write *write, void *context, const unsigned char *bytes, size_t length)
{
    enum { PIECE = 3 * 256 }; /* a multiple of 3: only the last piece is padded */
    unsigned char text[PIECE / 3 * 4 + 1];
    write(context, "\"", 1);
    while (length > 0) {
        size_t count = length < PIECE ? length : PIECE;
        write(context, text, (size_t)EVP_EncodeBlock(text, bytes, (int)count));
        bytes += count;
        length -= count;
    }
    write(context, "\"", 1);
}

void json_write_bytes(json_write *write, void *context, const char *name, const void *bytes, size_t length)
{
    bool is_text = json_is_text(bytes, length);
    write(context, "\"", 1);
    write(context, name, strlen(name));
    if (is_text) {
        write(context, "\":", 2);
        json_write_string(write, context, bytes, length);
    } else {
        write(context, "_base64\":", 9);
        write_base64(write, context, bytes, length);
    }
}

size_t json_number(int64_t number, char text[static JSON_NUMBER_SIZE])
{
    char digits[JSON_NUMBER_SIZE], *at = digits + sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--at = '-';
    size_t length = (size_t)(digits + sizeof digits - at);
    memcpy(text, at, length);
    return length;
}
