#include "jaas.h"

#include <stddef.h>
#include <string.h>

/* Takes the word at *text, quoted or up to a blank, '=' or ';', and moves *text behind it. False when it is
 * too long or its quote does not end. */
static bool take_word(const char **text, char *word, size_t size)
{
    size_t length = 0;
    const char *c = *text + strspn(*text, " \t");
    char quote = *c == '"' || *c == '\'' ? *c++ : '\0';
    while (quote ? *c && *c != quote : *c && !strchr(" \t=;", *c)) {
        if (*c == '\\' && c[1])
            c++;
        if (length + 1 == size)
            return false;
        word[length++] = *c++;
    }
    word[length] = '\0';
    if (quote && *c != quote)
        return false;
    *text = c + (quote != '\0');
    return true;
}

/* Takes NAME=VALUE. */
static bool take_option(const char **text, char *name, size_t name_size, char *value, size_t value_size)
{
    if (!take_word(text, name, name_size))
        return false;
    *text += strspn(*text, " \t");
    if (**text != '=')
        return false;
    ++*text;
    return take_word(text, value, value_size);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool jaas_read(const char *text, struct jaas_login *login, struct error *error)
{
    char module[256], name[128], value[sizeof login->password];
    bool has_username = false, has_password = false;
    bool readable = take_word(&text, module, sizeof module) && ends_with(module, "LoginModule") &&
                    take_word(&text, name, sizeof name);
    if (readable && !ends_with(module, ".PlainLoginModule") && !ends_with(module, ".ScramLoginModule"))
        return error_set(error,
                         "the login module %s is not understood, only PlainLoginModule and ScramLoginModule: "
                         "set librdkafka's properties sasl.* in its place",
                         module);
    while (readable) {
        text += strspn(text, " \t");
        if (*text == ';' || *text == '\0')
            break;
        readable = take_option(&text, name, sizeof name, value, sizeof value);
        if (readable && strcmp(name, "username") == 0) {
            readable = strlen(value) < sizeof login->username;
            if (readable)
                strcpy(login->username, value);
            has_username = true;
        } else if (readable && strcmp(name, "password") == 0) {
            strcpy(login->password, value);
            has_password = true;
        }
    }
    if (!readable)
        return error_set(
            error, "not as in, all on one line: MODULE required username=\"NAME\" password=\"SECRET\";");
    if (!has_username || !has_password)
        return error_set(error, "no %s in it", has_username ? "password" : "username");
    return true;
}
