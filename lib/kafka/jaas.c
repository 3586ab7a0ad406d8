#include "jaas.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* ---- tokens, as java.io.StreamTokenizer cuts them with JaasConfig's settings ---- */

enum token {
    TOKEN_END,
    TOKEN_WORD,  /* quoted or not: `word` is it */
    TOKEN_OTHER, /* a single character, `other`, or a number, 0: no word for anyone */
    TOKEN_TOO_LONG,
};

struct tokens {
    const char *next;
    char word[1024];
    char other;
};

static bool is_word_part(char c)
{
    return isalnum((unsigned char)c) || (c & 0x80) || (c && strchr("-_$.", c));
}

/* Moves over blanks and comments. */
static void skip_blanks(struct tokens *t)
{
    for (;;) {
        while (*t->next && (unsigned char)*t->next <= ' ')
            t->next++;
        if (*t->next != '/')
            return;
        const char *end = t->next[1] == '*' ? strstr(t->next + 2, "*/") : NULL;
        if (end)
            t->next = end + 2;
        else if (t->next[1] == '*')
            t->next += strlen(t->next);
        else
            t->next += strcspn(t->next, "\r\n");
    }
}

/* Reads the escape after a backslash: the code of a character below 256. */
static unsigned take_escape(struct tokens *t)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    const char *letter = strchr(letters, *t->next);
    unsigned code = 0;
    if (*t->next < '0' || *t->next > '7') {
        t->next++;
        return (unsigned char)(letter ? meanings[letter - letters] : t->next[-1]);
    }
    /* Up to \377. */
    for (int digits = *t->next <= '3' ? 3 : 2; digits > 0 && *t->next >= '0' && *t->next <= '7'; digits--)
        code = code * 8 + (unsigned)(*t->next++ - '0');
    return code;
}

/* Appends a byte, or, where it is the code of a character beyond ASCII, that in UTF-8. False when it does not
 * fit. */
static bool put(struct tokens *t, size_t *length, unsigned code, bool is_byte)
{
    if (*length + 3 > sizeof t->word)
        return false;
    if (code >= 0x80 && !is_byte) {
        t->word[(*length)++] = (char)(0xc0 | code >> 6);
        code = 0x80 | (code & 0x3f);
    }
    t->word[(*length)++] = (char)code;
    t->word[*length] = '\0';
    return true;
}

static enum token take_quoted(struct tokens *t)
{
    char quote = *t->next++;
    size_t length = 0;
    t->word[0] = '\0';
    while (*t->next && *t->next != quote && *t->next != '\n' && *t->next != '\r') {
        bool escape = t->next[0] == '\\' && t->next[1];
        bool beyond = escape && (t->next[1] & 0x80);
        if (escape)
            t->next++;
        unsigned code = escape && !beyond ? take_escape(t) : (unsigned char)*t->next++;
        if (code == 0 || !put(t, &length, code, !escape || beyond))
            return TOKEN_TOO_LONG;
    }
    /* Java ends the word at the end of the line, which nobody intends. */
    if (*t->next != quote)
        return TOKEN_OTHER;
    t->next++;
    return TOKEN_WORD;
}

static enum token take_token(struct tokens *t)
{
    size_t length = 0;
    t->other = '\0';
    skip_blanks(t);
    char c = *t->next;
    if (c == '\0')
        return TOKEN_END;
    if (c == '"' || c == '\'')
        return take_quoted(t);
    if (!is_word_part(c)) {
        t->other = *t->next++;
        return TOKEN_OTHER;
    }
    bool number = isdigit((unsigned char)c) || c == '.' || c == '-';
    while (is_word_part(*t->next))
        if (!put(t, &length, (unsigned char)*t->next++, true))
            return TOKEN_TOO_LONG;
    return number ? TOKEN_OTHER : TOKEN_WORD;
}

/* ---- the login ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool wrong_line(struct error *error)
{
    return error_set(
        error,
        "not as in MODULE required username=\"NAME\" password=\"SECRET\"; where \\\" in a word means \" and \\\\ a backslash (a properties file wants each backslash twice)");
}

static bool is_control_flag(const char *word)
{
    static const char *const flags[] = {"required", "requisite", "sufficient", "optional"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcasecmp(word, flags[i]) == 0)
            return true;
    return false;
}

/* Takes the login module's name and its control flag. */
static bool take_module(struct tokens *t, bool *scram, struct error *error)
{
    if (take_token(t) != TOKEN_WORD || !ends_with(t->word, "LoginModule"))
        return wrong_line(error);
    *scram = ends_with(t->word, ".ScramLoginModule");
    if (!*scram && !ends_with(t->word, ".PlainLoginModule"))
        return error_set(
            error,
            "the login module %.200s is not supported, only PlainLoginModule and ScramLoginModule: set librdkafka's properties sasl.* instead",
            t->word);
    return (take_token(t) == TOKEN_WORD && is_control_flag(t->word)) || wrong_line(error);
}

struct found {
    bool username, password;
};

/* Takes the value of the option NAME, whose name is t->word. */
static bool take_value(struct tokens *t, bool scram, struct jaas_login *login, struct found *found,
                       struct error *error)
{
    char name[sizeof "username"];
    bool fits = strlen(t->word) < sizeof name;
    bool token = strcmp(t->word, "tokenauth") == 0;
    strcpy(name, fits ? t->word : "");
    if (take_token(t) != TOKEN_OTHER || t->other != '=' || take_token(t) != TOKEN_WORD)
        return wrong_line(error);
    if (scram && token && strcasecmp(t->word, "true") == 0)
        return error_set(
            error,
            "a delegation token (tokenauth=true) cannot be used here: log in with a user's name and password");
    if (strcmp(name, "username") == 0) {
        if (strlen(t->word) >= sizeof login->username)
            return error_set(error, "the username is longer than %zu bytes", sizeof login->username - 1);
        strcpy(login->username, t->word);
        found->username = true;
    } else if (strcmp(name, "password") == 0) {
        strcpy(login->password, t->word);
        found->password = true;
    }
    return true;
}

static bool read_login(struct tokens *t, struct jaas_login *login, struct error *error)
{
    struct found found = {false, false};
    enum token token;
    bool scram;
    if (!take_module(t, &scram, error))
        return false;
    while ((token = take_token(t)) == TOKEN_WORD)
        if (!take_value(t, scram, login, &found, error))
            return false;
    if (token != TOKEN_OTHER || t->other != ';')
        return wrong_line(error);
    if (take_token(t) != TOKEN_END)
        return error_set(error, "more than one login module, or something else after the first ;");
    return (found.username && found.password) ||
           error_set(error, "no %s in it", found.username ? "password" : "username");
}

bool jaas_read(const char *text, struct jaas_login *login, struct error *error)
{
    struct tokens tokens = {.next = text};
    bool ok = read_login(&tokens, login, error);
    explicit_bzero(tokens.word, sizeof tokens.word);
    return ok;
}
